//! The steps that lead a run from one state to the next: all there are, and where each may begin.
//!
//! The dispatcher takes no other, the ledger writes no other, and the database itself refuses any other; tests of both
//! hold them to [`RunState::after`].

use std::mem::discriminant;

use jiff::Timestamp;

use crate::model::outcome::{AttemptOutcome, Outcome, OutcomeClass};
use crate::model::run::RunState;

/// A step of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Transition {
    /// An attempt begins.
    Start {
        /// Which one, from 1.
        attempt: u32,
    },
    /// The attempt that goes on ends, and another follows.
    Retry {
        /// When that one starts.
        at: Timestamp,
    },
    /// The attempt that goes on ends, and the run with it.
    Finish(AttemptOutcome),
    /// The run ends while no attempt goes on: it is skipped after all, or cancelled.
    Close(Outcome),
    /// A run that did not succeed is opened again, for a backfill or because a person asks for it.
    Reopen,
}

/// A step that cannot follow from where the run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a run that is {state} cannot {transition}")]
pub struct IllegalTransition {
    /// Where the run stands.
    pub state: &'static str,
    /// What it cannot do there.
    pub transition: &'static str,
}

impl RunState {
    /// Where a run stands after a step.
    ///
    /// # Errors
    ///
    /// If the step cannot follow from here.
    pub fn after(&self, transition: Transition) -> Result<RunState, IllegalTransition> {
        let illegal = IllegalTransition { state: self.name(), transition: transition.name() };
        match (self, transition) {
            (RunState::Queued, Transition::Start { attempt: attempt @ 1.. }) => Ok(RunState::Running { attempt }),
            (RunState::Waiting { next_attempt, .. }, Transition::Start { attempt }) if *next_attempt == attempt => {
                Ok(RunState::Running { attempt })
            }
            (RunState::Running { attempt }, Transition::Retry { at }) => {
                Ok(RunState::Waiting { next_attempt: attempt + 1, until: at })
            }
            (RunState::Running { .. }, Transition::Finish(outcome)) => Ok(RunState::Final(Outcome::Attempted(outcome))),
            (RunState::Queued | RunState::Waiting { .. }, Transition::Close(outcome)) if outcome.closes() => {
                Ok(RunState::Final(outcome))
            }
            (RunState::Final(outcome), Transition::Reopen) if outcome.class() != OutcomeClass::Succeeded => {
                Ok(RunState::Queued)
            }
            (
                _,
                Transition::Start { .. }
                | Transition::Retry { .. }
                | Transition::Finish(_)
                | Transition::Close(_)
                | Transition::Reopen,
            ) => Err(illegal),
        }
    }

    /// The word for it in JSON and in messages.
    pub fn name(&self) -> &'static str {
        match self {
            RunState::Queued => "queued",
            RunState::Running { .. } => "running",
            RunState::Waiting { .. } => "waiting",
            RunState::Final(_) => "final",
        }
    }

    /// Whether both are the same state, whatever their details.
    pub fn is_like(&self, other: &RunState) -> bool {
        discriminant(self) == discriminant(other)
    }
}

impl Transition {
    /// What a run does, in a message.
    fn name(&self) -> &'static str {
        match self {
            Transition::Start { .. } => "start an attempt",
            Transition::Retry { .. } => "wait for another attempt",
            Transition::Finish(_) => "finish an attempt",
            Transition::Close(_) => "end without an attempt",
            Transition::Reopen => "be opened again",
        }
    }
}

impl Outcome {
    /// Whether a run of which no attempt goes on may end so.
    fn closes(&self) -> bool {
        matches!(self, Outcome::Skipped(_) | Outcome::Attempted(AttemptOutcome::Cancelled(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outcome::{CancelledBy, Interruption, Miss, Skip};

    fn words(state: &RunState) -> String {
        match state {
            RunState::Queued => "queued".to_owned(),
            RunState::Running { attempt } => format!("running {attempt}"),
            RunState::Waiting { next_attempt, .. } => format!("waiting {next_attempt}"),
            RunState::Final(outcome) => outcome.class().to_string(),
        }
    }

    /// Every state and every step, and what comes of the pair; nothing where the step cannot be taken.
    #[test]
    fn every_pair_of_state_and_step() {
        let at = Timestamp::UNIX_EPOCH;
        let attempted = |outcome| RunState::Final(Outcome::Attempted(outcome));
        let success = AttemptOutcome::Succeeded { output: None };
        let cut_off = AttemptOutcome::Interrupted(Interruption::Crash);
        let cancelled = Outcome::Attempted(AttemptOutcome::Cancelled(CancelledBy::Operator));
        let steps = [
            Transition::Start { attempt: 0 },
            Transition::Start { attempt: 1 },
            Transition::Start { attempt: 2 },
            Transition::Retry { at },
            Transition::Finish(success.clone()),
            Transition::Finish(cut_off.clone()),
            Transition::Close(cancelled.clone()),
            Transition::Close(Outcome::Skipped(Skip::Disabled)),
            Transition::Close(Outcome::Missed(Miss::Down)),
            Transition::Close(Outcome::Attempted(success.clone())),
            Transition::Reopen,
        ];
        #[rustfmt::skip]
        let table = [
            (RunState::Queued,
                ["", "running 1", "running 2", "", "", "", "cancelled", "skipped", "", "", ""]),
            (RunState::Running { attempt: 1 },
                ["", "", "", "waiting 2", "succeeded", "interrupted", "", "", "", "", ""]),
            (RunState::Waiting { next_attempt: 2, until: at },
                ["", "", "running 2", "", "", "", "cancelled", "skipped", "", "", ""]),
            (attempted(success),
                [""; 11]),
            (attempted(cut_off),
                ["", "", "", "", "", "", "", "", "", "", "queued"]),
            (RunState::Final(cancelled),
                ["", "", "", "", "", "", "", "", "", "", "queued"]),
            (RunState::Final(Outcome::Skipped(Skip::Overlap)),
                ["", "", "", "", "", "", "", "", "", "", "queued"]),
            (RunState::Final(Outcome::Missed(Miss::Down)),
                ["", "", "", "", "", "", "", "", "", "", "queued"]),
        ];
        for (state, row) in table {
            for (step, expected) in steps.iter().zip(row) {
                let found = state.after(step.clone());
                assert_eq!(found.as_ref().map_or(String::new(), words), expected, "{state:?} {step:?}");
                if let Err(illegal) = found {
                    assert!(illegal.to_string().starts_with(&format!("a run that is {} cannot ", state.name())));
                }
            }
        }
    }
}
