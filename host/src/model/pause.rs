//! A task that is paused: none of its slots is run until it is resumed.

use jiff::Timestamp;

/// Since when a task is paused, and who paused it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// Since when.
    pub since: Timestamp,
    /// Who: `uid 1000`, say.
    pub by: String,
}
