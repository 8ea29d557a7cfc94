//! A run: one admitted piece of work, and the states it goes through; `transition` has the steps between them.

use std::sync::Arc;

use jiff::Timestamp;

use crate::model::cause::Cause;
use crate::model::id::RunId;
use crate::model::outcome::Outcome;
use crate::model::payload::Blob;
use crate::model::slot::Slot;
use crate::model::task::Task;
use crate::model::trace::TraceContext;

/// One admitted piece of work: a slot or a trigger.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// The task as it was configured when the run was admitted.
    pub task: Arc<Task>,
    /// Why it exists.
    pub cause: Cause,
    /// When it was due; none for a run that somebody asked for.
    pub slot: Option<Slot>,
    /// What it works on.
    pub payload: Option<Arc<Blob>>,
    /// Where in a trace it was asked for, if it was. Not in the ledger: a host that goes on with the run knows none.
    pub trace: Option<TraceContext>,
    /// When it was admitted.
    pub admitted_at: Timestamp,
}

/// Where a run stands. [`RunState::after`] says what can follow.
#[derive(Debug, Clone, PartialEq)]
pub enum RunState {
    /// Admitted, and waiting for its turn.
    Queued,
    /// An attempt is going on.
    Running {
        /// Which one, from 1.
        attempt: u32,
    },
    /// Between two attempts.
    Waiting {
        /// The next one, from 2.
        next_attempt: u32,
        /// When it starts.
        until: Timestamp,
    },
    /// Over.
    Final(Outcome),
}
