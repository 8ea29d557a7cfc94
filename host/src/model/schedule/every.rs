//! Intervals, counted from the Unix epoch.

use std::fmt;
use std::time::Duration;

use crate::model::quantity;

/// The shortest interval: what needs to run more often is a service and not a task.
pub const SHORTEST: Duration = Duration::from_secs(1);

/// The longest interval: 100 years of 365 days.
pub const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Every multiple of an interval since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Every {
    millis: i64,
}

/// An interval cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IntervalError {
    /// It is shorter than [`SHORTEST`].
    #[error("an interval is at least {}", quantity::duration(SHORTEST))]
    TooShort,
    /// It is longer than [`LONGEST`].
    #[error("an interval is at most {} days", LONGEST.as_secs() / (24 * 60 * 60))]
    TooLong,
    /// It has a fraction of a millisecond.
    #[error("an interval is a whole number of milliseconds")]
    TooFine,
}

impl Every {
    pub(super) fn new(interval: Duration) -> Result<Self, IntervalError> {
        if interval < SHORTEST {
            return Err(IntervalError::TooShort);
        }
        if !interval.subsec_nanos().is_multiple_of(1_000_000) {
            return Err(IntervalError::TooFine);
        }
        match i64::try_from(interval.as_millis()) {
            Ok(millis) if interval <= LONGEST => Ok(Self { millis }),
            _ => Err(IntervalError::TooLong),
        }
    }

    pub(super) fn next_after(self, after: i64) -> Option<i64> {
        (after.div_euclid(self.millis) + 1).checked_mul(self.millis)
    }

    pub(super) fn count(self, after: i64, until: i64) -> u64 {
        (until.div_euclid(self.millis) - after.div_euclid(self.millis)).max(0).unsigned_abs()
    }
}

impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let interval = Duration::from_millis(self.millis.unsigned_abs());
        write!(f, "{:#}", quantity::duration(interval))
    }
}
