//! How a task's runs ended, counted: by day and over some days.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::{Record, Run, millis};
use crate::ledger::{self, DaySummary};
use crate::model::id::TaskName;
use crate::model::outcome::OutcomeClass;
use crate::model::tally;

/// Ends of runs: how many, how they ended, and how long they took.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct Tally {
    /// How many ended.
    pub ended: u64,
    /// How many succeeded.
    pub succeeded: u64,
    /// How many went wrong by themselves.
    pub failed: u64,
    /// The share that succeeded of those that succeeded or failed; null if there are none.
    pub success_rate: Option<f64>,
    /// How many ended in each way that occurred.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Half of them took no longer. Percentiles are exact to 1.6 %.
    pub p50_ms: Option<f64>,
    /// Nine in ten took no longer.
    pub p90_ms: Option<f64>,
    /// 99 in a hundred took no longer.
    pub p99_ms: Option<f64>,
}

/// A day, in UTC.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Day {
    /// The day.
    #[schema(format = Date)]
    pub day: String,
    /// How many slots were missed.
    pub missed: u64,
    /// The runs that ended on it.
    #[serde(flatten)]
    pub tally: Tally,
}

/// What became of a task's runs.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct History {
    /// The success that ended last.
    pub last_success: Option<Success>,
    /// How many runs failed since.
    pub failures_in_a_row: u64,
    /// The days that were asked for on which something ended, oldest first.
    pub days: Vec<Day>,
    /// All of these days together.
    pub recent: Tally,
}

/// A run that succeeded.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Success {
    /// The run, which may be gone from the ledger by now.
    pub run: String,
    /// When it ended.
    #[schema(format = DateTime)]
    pub at: String,
}

/// How a task does, in short.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TaskSummary {
    /// The task.
    pub task: String,
    /// Whether it is configured; if not, the ledger remembers it.
    pub configured: bool,
    /// Its newest run, or skipped slot or trigger.
    pub last_run: Option<Record>,
    /// The success that ended last.
    pub last_success: Option<Success>,
    /// How many runs failed since.
    pub failures_in_a_row: u64,
    /// How many days `recent` is of.
    pub days: u32,
    /// Its runs that ended in these days.
    pub recent: Tally,
}

/// The tasks that are configured and those that the ledger knows besides, by name.
pub fn summaries<'t>(
    configured: impl Iterator<Item = &'t TaskName>,
    known: &'t [ledger::TaskSummary],
    days: u32,
) -> Vec<TaskSummary> {
    let mut tasks: BTreeMap<&TaskName, (bool, Option<&ledger::TaskSummary>)> =
        configured.map(|name| (name, (true, None))).collect();
    known.iter().for_each(|summary| tasks.entry(&summary.task).or_default().1 = Some(summary));
    let of_task = |(name, (configured, summary)): (&TaskName, (bool, Option<&ledger::TaskSummary>))| {
        TaskSummary::new(name.as_str(), configured, summary, days)
    };
    tasks.into_iter().map(of_task).collect()
}

impl TaskSummary {
    /// What is known of a task that is configured or was.
    pub fn new(task: &str, configured: bool, summary: Option<&ledger::TaskSummary>, days: u32) -> Self {
        Self {
            task: task.to_owned(),
            configured,
            last_run: summary.and_then(|summary| summary.last_run.as_ref()).map(|run| Record::Run(Run::from(run))),
            last_success: summary.and_then(|summary| summary.last_success).map(Success::from),
            failures_in_a_row: summary.map_or(0, |summary| summary.failures_in_a_row),
            days,
            recent: summary.map(|summary| Tally::from(&summary.recent)).unwrap_or_default(),
        }
    }
}

impl History {
    /// The same of a task, day by day.
    pub fn new(summary: &ledger::TaskSummary, days: &[DaySummary]) -> Self {
        Self {
            last_success: summary.last_success.map(Success::from),
            failures_in_a_row: summary.failures_in_a_row,
            days: days.iter().map(Day::from).collect(),
            recent: (&summary.recent).into(),
        }
    }
}

impl From<&tally::Tally> for Tally {
    fn from(tally: &tally::Tally) -> Self {
        let counts = OutcomeClass::ALL.into_iter().map(|class| (class.name(), tally.count(class)));
        let percentile = |percent| tally.durations.percentile(percent).map(millis);
        Self {
            ended: tally.ends(),
            succeeded: tally.succeeded(),
            failed: tally.failed(),
            success_rate: tally.success_rate(),
            outcomes: counts.filter(|(_, count)| *count > 0).collect(),
            p50_ms: percentile(50),
            p90_ms: percentile(90),
            p99_ms: percentile(99),
        }
    }
}

impl From<&DaySummary> for Day {
    fn from(summary: &DaySummary) -> Self {
        Self { day: summary.day.to_string(), missed: summary.missed, tally: (&summary.tally).into() }
    }
}

impl From<ledger::Success> for Success {
    fn from(success: ledger::Success) -> Self {
        Self { run: success.run.to_string(), at: success.at.to_string() }
    }
}
