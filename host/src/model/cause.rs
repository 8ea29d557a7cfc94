//! Why a run exists.

use std::fmt;
use std::num::NonZeroU32;

use crate::model::id::{RunId, TaskName};
use crate::model::webhook::HookPath;

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
    /// Somebody who knows a webhook's secret asked for it over HTTP.
    Webhook {
        /// The webhook.
        path: HookPath,
    },
    /// Another task succeeded.
    After {
        /// The task that succeeded.
        task: TaskName,
        /// The run of it.
        run: RunId,
    },
    /// A person asked for the run of a slot that has passed.
    Backfill {
        /// How many runs of that backfill may go on at once.
        max_parallel: NonZeroU32,
    },
}

/// A cause without its details: what filters and metrics go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CauseKind {
    /// [`Cause::Schedule`].
    Schedule,
    /// [`Cause::CatchUp`].
    CatchUp,
    /// [`Cause::Manual`].
    Manual,
    /// [`Cause::Http`] and [`Cause::Webhook`].
    Http,
    /// [`Cause::After`].
    After,
    /// [`Cause::Backfill`].
    Backfill,
}

impl CauseKind {
    /// Every kind.
    pub const ALL: [CauseKind; 6] = [
        CauseKind::Schedule,
        CauseKind::CatchUp,
        CauseKind::Manual,
        CauseKind::Http,
        CauseKind::After,
        CauseKind::Backfill,
    ];

    /// The word for it in the ledger, in JSON and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            CauseKind::Schedule => "schedule",
            CauseKind::CatchUp => "catch-up",
            CauseKind::Manual => "manual",
            CauseKind::Http => "http",
            CauseKind::After => "after",
            CauseKind::Backfill => "backfill",
        }
    }
}

impl Cause {
    /// The cause without its details.
    pub fn kind(&self) -> CauseKind {
        match self {
            Cause::Schedule => CauseKind::Schedule,
            Cause::CatchUp => CauseKind::CatchUp,
            Cause::Manual => CauseKind::Manual,
            Cause::Http | Cause::Webhook { .. } => CauseKind::Http,
            Cause::After { .. } => CauseKind::After,
            Cause::Backfill { .. } => CauseKind::Backfill,
        }
    }

    /// The word for it in the ledger, in JSON and in metrics.
    pub fn name(&self) -> &'static str {
        self.kind().name()
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::After { task, run } => write!(f, "after {task} ({run})"),
            Cause::Webhook { path } => write!(f, "http ({path})"),
            other => f.pad(other.name()),
        }
    }
}
