//! Why a run exists.

use std::fmt;

use crate::model::id::{RunId, TaskName};

/// Why a run exists.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Its slot came due.
    Schedule,
    /// Its slot was missed, and the misfire policy runs it late.
    CatchUp,
    /// A person asked for it on the command line.
    Manual,
    /// Somebody asked for it over HTTP.
    Http,
    /// Another task succeeded.
    After {
        /// The task that succeeded.
        task: TaskName,
        /// The run of it.
        run: RunId,
    },
}

impl Cause {
    /// The word for it in the ledger, in JSON and in metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Cause::Schedule => "schedule",
            Cause::CatchUp => "catch-up",
            Cause::Manual => "manual",
            Cause::Http => "http",
            Cause::After { .. } => "after",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::After { task, run } => write!(f, "after {task} ({run})"),
            other => f.pad(other.name()),
        }
    }
}
