//! Records of the ledger: runs, and ranges of slots that were not run.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Cause, Outcome, millis};
use crate::ledger;
use crate::model::run::RunState;

/// A line of the history.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Record {
    /// A run, or a slot or trigger that was skipped.
    Run(Run),
    /// Slots that were not run, as a range.
    Missed(Missed),
}

/// A run.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Run {
    /// Its id.
    #[schema(example = "01KB2M8Q4Z7XN")]
    pub id: String,
    /// Its task.
    pub task: String,
    /// Why it exists.
    pub cause: Cause,
    /// When it was due; null for a run that somebody asked for.
    #[schema(format = DateTime)]
    pub due: Option<String>,
    /// Where it stands: `queued`, `running`, `waiting` (for its next attempt) or `final`.
    #[schema(example = "final")]
    pub state: &'static str,
    /// Since when it stands there.
    #[schema(format = DateTime)]
    pub since: String,
    /// When it was admitted.
    #[schema(format = DateTime)]
    pub admitted_at: String,
    /// When its first attempt began.
    #[schema(format = DateTime)]
    pub started_at: Option<String>,
    /// When its next attempt is due, if it waits for one.
    #[schema(format = DateTime)]
    pub retry_at: Option<String>,
    /// From the start of its first attempt to its end.
    pub took_ms: Option<f64>,
    /// How many attempts it has begun.
    pub attempts: u32,
    /// How it ended; null while it is not over.
    pub outcome: Option<Outcome>,
}

/// Slots that were not run, as a range.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Missed {
    /// Its id, which is that of no run.
    pub id: String,
    /// The task.
    pub task: String,
    /// The first slot.
    #[schema(format = DateTime)]
    pub first: String,
    /// The last slot.
    #[schema(format = DateTime)]
    pub last: String,
    /// How many slots.
    pub count: u64,
    /// When that was entered.
    #[schema(format = DateTime)]
    pub entered_at: String,
    /// Why they were not run.
    pub outcome: Outcome,
}

impl From<&ledger::Record> for Record {
    fn from(record: &ledger::Record) -> Self {
        match record {
            ledger::Record::Run(run) => Self::Run(run.into()),
            ledger::Record::Missed(missed) => Self::Missed(missed.into()),
        }
    }
}

impl From<&ledger::RunRecord> for Run {
    fn from(run: &ledger::RunRecord) -> Self {
        let (retry_at, outcome) = match &run.state {
            RunState::Waiting { until, .. } => (Some(until.to_string()), None),
            RunState::Final(outcome) => (None, Some(outcome.into())),
            RunState::Queued | RunState::Running { .. } => (None, None),
        };
        Self {
            id: run.id.to_string(),
            task: run.task.to_string(),
            cause: (&run.cause).into(),
            due: run.slot.map(|slot| slot.to_string()),
            state: run.state.name(),
            since: run.since.to_string(),
            admitted_at: run.admitted_at.to_string(),
            started_at: run.started_at.map(|at| at.to_string()),
            retry_at,
            took_ms: run.took.map(millis),
            attempts: run.attempts,
            outcome,
        }
    }
}

impl From<&ledger::MissedRecord> for Missed {
    fn from(missed: &ledger::MissedRecord) -> Self {
        Self {
            id: missed.id.to_string(),
            task: missed.task.to_string(),
            first: missed.first.to_string(),
            last: missed.last.to_string(),
            count: missed.count,
            entered_at: missed.entered_at.to_string(),
            outcome: (&crate::model::outcome::Outcome::from(missed.why)).into(),
        }
    }
}
