//! A slot: one due time of one task.

use std::fmt;

use jiff::Timestamp;

/// A due time, to the millisecond. The pair of task and slot is unique for ever.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(i64);

impl Slot {
    /// The slot at a number of Unix milliseconds; none outside the years that [`Timestamp`] knows (-9999 to 9999).
    pub fn from_millis(millis: i64) -> Option<Self> {
        Timestamp::from_millisecond(millis).ok().map(|_| Self(millis))
    }

    /// The slot at a point in time; what is finer than a millisecond is cut off.
    pub fn at(time: Timestamp) -> Self {
        Self(time.as_millisecond())
    }

    /// Unix milliseconds: what the ledger stores.
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// The millisecond after this one.
    pub fn next_millisecond(self) -> Self {
        Self::from_millis(self.0 + 1).unwrap_or(self)
    }

    /// The point in time.
    pub fn time(self) -> Timestamp {
        Timestamp::from_millisecond(self.0).unwrap_or(Timestamp::MAX)
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.time(), f)
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
