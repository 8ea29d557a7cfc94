//! A run that is not over, as far as deciding goes.

use std::sync::Arc;

use jiff::Timestamp;

use crate::model::run::{Run, RunState};
use crate::model::transition::Transition;

/// A run that is not over.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) run: Arc<Run>,
    /// Attempts begun.
    pub(super) attempts: u32,
    /// Those of them that were begun before a backfill opened the run again: they do not count against its retry.
    pub(super) attempts_before: u32,
    /// Where it stands, as the ledger knows or is about to.
    pub(super) state: RunState,
    pub(super) whereabouts: Whereabouts,
    /// When its wait for the next attempt began, if it waits for one.
    pub(super) waits_since: Timestamp,
}

/// Who decides when a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whereabouts {
    /// Its plugin, which is still being compiled. The queue does not know of it yet, unless it waited for its next
    /// attempt.
    Parked,
    /// Its backfill, which lets only so many go on at once; the queue does not know of it yet.
    Backlog,
    /// The queue, or the guest that runs.
    Queue,
    /// Nobody: it was told to stop, or its task is gone, and there is no next attempt.
    Stopping,
}

impl Active {
    /// A run that was queued just now.
    pub(super) fn new(run: Arc<Run>) -> Self {
        let waits_since = run.admitted_at;
        let (state, whereabouts) = (RunState::Queued, Whereabouts::Queue);
        Self { run, attempts: 0, attempts_before: 0, state, whereabouts, waits_since }
    }

    /// How many attempts count against its retry.
    pub(super) fn counted_attempts(&self) -> u32 {
        self.attempts - self.attempts_before
    }

    /// Takes a step, and says whether it could. That it cannot is a mistake of ours: nothing comes of it.
    #[must_use]
    pub(super) fn advance(&mut self, transition: Transition) -> bool {
        match self.state.after(transition) {
            Ok(state) => {
                if let RunState::Running { attempt } = state {
                    self.attempts = attempt;
                }
                self.state = state;
                true
            }
            Err(illegal) => {
                tracing::error!(task = %self.run.task.name, run = %self.run.id, "{illegal}");
                false
            }
        }
    }
}
