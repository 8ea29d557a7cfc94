//! What happens to slots that passed while nobody could run them: the host was down or asleep, or its clock was stepped.

use std::time::Duration;

/// What becomes of the slots that were missed.
///
/// Only slots younger than `window` are run late; all others are entered as missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misfire {
    /// Which of the missed slots run late.
    pub policy: MisfirePolicy,
    /// How old a slot may be and still run late.
    pub window: Duration,
}

/// Which of the missed slots run late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MisfirePolicy {
    /// None: all are entered as missed.
    Skip,
    /// The latest one; the others are entered as missed.
    #[default]
    Once,
    /// The latest `max` of them, oldest first; the others are entered as missed.
    All {
        /// How many, at the most.
        max: u32,
    },
}

impl Misfire {
    /// A slot that is late by no more than this is simply run: a busy host is not a host that was down.
    pub const GRACE: Duration = Duration::from_secs(30);
}

impl Default for Misfire {
    fn default() -> Self {
        Self { policy: MisfirePolicy::default(), window: Duration::from_secs(24 * 60 * 60) }
    }
}
