//! How near a task's attempts come to its limits, and limits that would suit it better.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::History;
use crate::model::history;
use crate::model::limits::{Gauge, Limit, Unit};
use crate::model::task::Task;

/// What a task's attempts took of its limits, and what became of its runs.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TaskStats {
    /// The task.
    pub task: String,
    /// How many attempts were held against the limits.
    pub attempts: u64,
    /// When the oldest of them began.
    #[schema(format = DateTime)]
    pub since: Option<String>,
    /// How many of them succeeded.
    pub succeeded: u64,
    /// How many of them lost lines of their log to a limit.
    pub log_cut: u64,
    /// The limits, by their key in the configuration.
    pub limits: BTreeMap<&'static str, LimitUse>,
    /// Limits that would suit the task better.
    pub proposed: BTreeMap<&'static str, u64>,
    /// What became of the task's runs; null if the ledger does not know it.
    pub history: Option<History>,
}

/// What attempts took of a limit.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LimitUse {
    /// `bytes`, `count` or `ms`.
    #[schema(example = "bytes")]
    pub unit: &'static str,
    /// What it allows; null if it is switched off.
    pub allowed: Option<u64>,
    /// What half of the attempts stayed at or below; null if that is not measured.
    pub median: Option<u64>,
    /// The most that an attempt used or asked for; null if that is not measured.
    pub largest: Option<u64>,
    /// How many attempts it ended; null if it ends none.
    pub stopped: Option<u64>,
}

impl TaskStats {
    /// What these attempts, the oldest of which began at `since`, took of the limits of a task.
    pub fn new(task: &Task, attempts: &history::History, since: Option<Timestamp>, history: Option<History>) -> Self {
        let gauge_use = |gauge: Gauge| LimitUse {
            unit: unit(gauge.unit()),
            allowed: gauge.allowed(&task.limits),
            median: attempts.median(gauge),
            largest: attempts.largest(gauge),
            stopped: attempts.stopped_by(gauge),
        };
        let measured = Gauge::ALL.into_iter().map(|gauge| (gauge.name(), gauge_use(gauge)));
        let others = attempts.stopped.iter().filter(|(limit, _)| !is_measured(**limit)).map(|(limit, count)| {
            let allowed = task.limits.allowed(*limit);
            let stopped = Some(*count);
            (limit.name(), LimitUse { unit: unit(limit.unit()), allowed, median: None, largest: None, stopped })
        });
        let proposals = attempts.proposals(&task.limits);
        Self {
            task: task.name.to_string(),
            attempts: attempts.attempts,
            since: since.map(|since| since.to_string()),
            succeeded: attempts.succeeded,
            log_cut: attempts.log_cut,
            limits: measured.chain(others).collect(),
            proposed: proposals.iter().map(|proposal| (proposal.gauge.name(), proposal.proposed)).collect(),
            history,
        }
    }
}

/// Whether what attempts take of a limit is measured.
fn is_measured(limit: Limit) -> bool {
    Gauge::ALL.into_iter().any(|gauge| gauge.limit() == Some(limit))
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Bytes => "bytes",
        Unit::Count => "count",
        Unit::Milliseconds => "ms",
    }
}
