//! Whether and when a failed or interrupted run gets another attempt.

use std::time::Duration;

use crate::model::outcome::{AttemptOutcome, FailureKind, OutcomeClass};

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
    /// What becomes of a run that the host went away under.
    pub on_interrupt: OnInterrupt,
}

/// What becomes of a run whose attempt was cut off by the end of the host, so that nobody knows how much it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnInterrupt {
    /// It gets another attempt, even if `retry.attempts` is used up: the work is done at least once.
    #[default]
    Retry,
    /// It ends as interrupted: the work is done at most once.
    GiveUp,
}

/// How many attempts beyond `retry.attempts` a run gets because it was interrupted. A run that takes the host down with
/// it does so this often and no more.
pub const MOST_INTERRUPTED: u32 = 10;

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

/// The longest wait that a guest may ask for with "retry after", where the task's own backoff is shorter.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

impl Default for Retry {
    /// Three attempts, a second and then two apart, for what may pass by itself: failures that the guest calls
    /// transient, and faults of the host. What was interrupted is tried again: work that is silently left undone is
    /// worse than work done twice, which a guest can tell by its idempotency key.
    fn default() -> Self {
        Self {
            attempts: 3,
            backoff: Backoff::Exponential { first: Duration::from_secs(1), max: Duration::from_secs(5 * 60) },
            jitter: Jitter::Full,
            on: vec![OutcomeClass::FailedTransient, OutcomeClass::Broken],
            on_interrupt: OnInterrupt::Retry,
        }
    }
}

impl Retry {
    /// How long to wait before the next attempt, after `attempts` of them; none if there is to be no other.
    ///
    /// A guest's "retry after" is honoured as the shortest wait, up to [`LONGEST_RETRY_AFTER`]; jitter does not
    /// shorten it. `chance` is a number in `0.0..1.0`.
    pub fn decide(&self, attempts: u32, outcome: &AttemptOutcome, chance: f64) -> Option<Duration> {
        let (is_worth_it, most) = match (outcome.class(), self.on_interrupt) {
            (OutcomeClass::Interrupted, OnInterrupt::Retry) => (true, self.attempts.saturating_add(MOST_INTERRUPTED)),
            (OutcomeClass::Interrupted, OnInterrupt::GiveUp) => (false, 0),
            (class, _) => (self.on.contains(&class), self.attempts),
        };
        if attempts >= most || !is_worth_it {
            return None;
        }
        let wait = match self.jitter {
            Jitter::None => self.backoff.wait(attempts),
            Jitter::Full => self.backoff.wait(attempts).mul_f64(chance.clamp(0.0, 1.0)),
        };
        Some(wait.max(asked_for(outcome).min(LONGEST_RETRY_AFTER)))
    }
}

impl Backoff {
    /// The wait after `attempts` attempts, of which there was at least one.
    pub fn wait(self, attempts: u32) -> Duration {
        match self {
            Backoff::Fixed { wait } => wait,
            Backoff::Exponential { first, max } => {
                let doublings = attempts.saturating_sub(1);
                2u32.checked_pow(doublings).map_or(max, |factor| first.saturating_mul(factor).min(max))
            }
        }
    }
}

/// How long the guest asks to wait.
fn asked_for(outcome: &AttemptOutcome) -> Duration {
    match outcome {
        AttemptOutcome::Failed(failure) => match failure.kind {
            FailureKind::Transient { retry_after } => retry_after.unwrap_or_default(),
            FailureKind::Permanent => Duration::ZERO,
        },
        _ => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::outcome::{Failure, Interruption};

    fn transient(retry_after: Option<Duration>) -> AttemptOutcome {
        AttemptOutcome::Failed(Failure { kind: FailureKind::Transient { retry_after }, message: String::new() })
    }

    #[test]
    fn waits_double_up_to_the_cap() {
        let retry = Retry { attempts: 99, jitter: Jitter::None, ..Retry::default() };
        let waits: Vec<u64> =
            [1, 2, 3, 9, 10, 60].map(|n| retry.decide(n, &transient(None), 0.5).unwrap().as_secs()).into();
        assert_eq!(waits, [1, 2, 4, 256, 300, 300]);
    }

    #[test]
    fn only_the_named_outcomes_are_retried_and_only_so_often() {
        let retry = Retry::default();
        let permanent = AttemptOutcome::Failed(Failure { kind: FailureKind::Permanent, message: String::new() });
        assert_eq!(retry.decide(1, &permanent, 0.5), None);
        assert_eq!(retry.decide(1, &AttemptOutcome::Succeeded { output: None }, 0.5), None);
        assert!(retry.decide(2, &transient(None), 0.5).is_some());
        assert_eq!(retry.decide(3, &transient(None), 0.5), None);
    }

    #[test]
    fn an_interrupted_run_is_tried_again_beyond_its_attempts_or_not_at_all() {
        let crash = AttemptOutcome::Interrupted(Interruption::Crash);
        let check = |on_interrupt, attempts, expected: &[u32]| {
            let retry = Retry { attempts, on_interrupt, ..Retry::default() };
            let again: Vec<u32> = (1..30).filter(|n| retry.decide(*n, &crash, 0.5).is_some()).collect();
            assert_eq!(again, expected, "{on_interrupt:?}");
        };
        check(OnInterrupt::Retry, 1, &(1..=10).collect::<Vec<_>>());
        check(OnInterrupt::Retry, 3, &(1..=12).collect::<Vec<_>>());
        check(OnInterrupt::GiveUp, 3, &[]);
        // What it had beyond its attempts is of no use to a failure.
        assert_eq!(Retry::default().decide(4, &transient(None), 0.5), None);
    }

    proptest! {
        #[test]
        fn a_wait_is_between_what_the_guest_asks_for_and_the_cap(
            attempts in 1u32..200, chance in 0.0..1.0, asked in 0u64..10_000,
        ) {
            let retry = Retry { attempts: 1_000, ..Retry::default() };
            let wait = retry.decide(attempts, &transient(Some(Duration::from_secs(asked))), chance).unwrap();
            let asked = Duration::from_secs(asked).min(LONGEST_RETRY_AFTER);
            prop_assert!(wait >= asked);
            prop_assert!(wait <= asked.max(Duration::from_secs(300)));
        }
    }
}
