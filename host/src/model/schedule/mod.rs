//! When a task is due.

use jiff::Timestamp;

use crate::model::slot::Slot;

/// When a task is due.
#[derive(Debug, Clone)]
pub struct Schedule;

/// The slots of a span of time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Passed {
    /// How many there are.
    pub count: u64,
    /// The latest of them, as many as were asked for, oldest first.
    pub latest: Vec<Slot>,
}

impl Schedule {
    /// The first slot strictly after `after`; none if there is none.
    pub fn next_after(&self, after: Timestamp) -> Option<Slot> {
        let _ = after;
        None
    }

    /// The slots after `after` and up to `until`.
    pub fn passed(&self, after: Timestamp, until: Timestamp, keep: usize) -> Passed {
        let _ = (after, until, keep);
        Passed::default()
    }
}
