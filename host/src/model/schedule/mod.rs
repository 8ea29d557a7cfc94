//! When a task is due.

use jiff::Timestamp;

use crate::model::slot::Slot;

/// When a task is due.
#[derive(Debug, Clone)]
pub struct Schedule;

impl Schedule {
    /// The first slot strictly after `after`; none if there is none.
    pub fn next_after(&self, after: Timestamp) -> Option<Slot> {
        let _ = after;
        None
    }
}
