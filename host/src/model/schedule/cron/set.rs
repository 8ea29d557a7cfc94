//! Small sets of numbers below 64.

use std::ops::RangeInclusive;

/// A set of numbers below 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Set(u64);

impl Set {
    /// The numbers of a range, `step` apart.
    pub(super) fn of(range: RangeInclusive<u8>, step: usize) -> Self {
        range.step_by(step).map(Self::one).fold(Self::default(), Self::with)
    }

    pub(super) fn one(number: u8) -> Self {
        Self(1 << number)
    }

    pub(super) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) fn contains(self, number: u8) -> bool {
        self.0 >> number & 1 == 1
    }

    /// The smallest number that is not below `from`.
    pub(super) fn next(self, from: u8) -> Option<u8> {
        let rest = self.0.checked_shr(u32::from(from))?;
        // The position of a bit of a u64 fits.
        (rest != 0).then(|| from + rest.trailing_zeros() as u8)
    }

    pub(super) fn count(self) -> u64 {
        u64::from(self.0.count_ones())
    }

    /// How many of the numbers are below `limit`.
    pub(super) fn count_below(self, limit: u8) -> u64 {
        Self(self.0 & !u64::MAX.checked_shl(u32::from(limit)).unwrap_or(0)).count()
    }
}
