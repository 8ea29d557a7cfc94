//! Whether and when a failed run gets another attempt.

use std::time::Duration;

use crate::model::outcome::OutcomeClass;

/// How a task's failed attempts are retried.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// How many attempts a run has in all, the first included. At least 1.
    pub attempts: u32,
    /// How the wait grows from one attempt to the next.
    pub backoff: Backoff,
    /// How much of the wait is left to chance.
    pub jitter: Jitter,
    /// Which outcomes are worth another attempt.
    pub on: Vec<OutcomeClass>,
}

/// How the wait grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backoff {
    /// The same wait each time.
    Fixed {
        /// The wait.
        wait: Duration,
    },
    /// Twice the wait each time, up to a cap.
    Exponential {
        /// The wait before the second attempt.
        first: Duration,
        /// The longest wait.
        max: Duration,
    },
}

/// How much of a wait is left to chance, so that tasks that failed together do not come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Jitter {
    /// The wait is exactly what the backoff says.
    None,
    /// The wait is anything from zero to what the backoff says ("full jitter", Marc Brooker, "Exponential Backoff And
    /// Jitter", AWS Architecture Blog, 2015).
    #[default]
    Full,
}
