//! What a host answers, read into types: as much of it as commands show to people.
//!
//! What the ledger alone says is read by way of the same JSON, so that people see the same whoever answers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::outcome::OutcomeClass;

/// Reads an answer.
///
/// # Errors
///
/// If the host is of a version that answers otherwise.
pub(super) fn read<T: DeserializeOwned>(answer: Value) -> anyhow::Result<T> {
    use anyhow::Context;
    serde_json::from_value(answer).context("the host's answer cannot be understood")
}

/// The same of what is known here.
pub(super) fn of<T: DeserializeOwned>(known: &impl Serialize) -> anyhow::Result<T> {
    read(serde_json::to_value(known)?)
}

/// A page of the history.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Page {
    pub(super) runs: Vec<Record>,
}

/// A line of the history.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Record {
    Run(Run),
    Missed(Missed),
}

/// A run.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Run {
    pub(super) id: String,
    pub(super) task: String,
    pub(super) due: Option<Timestamp>,
    pub(super) state: String,
    pub(super) since: Timestamp,
    pub(super) admitted_at: Timestamp,
    pub(super) started_at: Option<Timestamp>,
    pub(super) retry_at: Option<Timestamp>,
    pub(super) took_ms: Option<f64>,
    pub(super) attempts: u32,
    pub(super) outcome: Option<Outcome>,
}

/// Slots that were not run.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Missed {
    pub(super) id: String,
    pub(super) task: String,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) count: u64,
    pub(super) outcome: Outcome,
}

/// How something ended.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Outcome {
    class: String,
    pub(super) message: String,
}

impl Outcome {
    /// The class; one that this version does not know counts as a fault of the host.
    pub(super) fn class(&self) -> OutcomeClass {
        let known = OutcomeClass::ALL.into_iter().find(|class| class.name() == self.class);
        known.unwrap_or(OutcomeClass::Broken)
    }
}

impl Record {
    pub(super) fn id(&self) -> &str {
        match self {
            Record::Run(run) => &run.id,
            Record::Missed(missed) => &missed.id,
        }
    }

    pub(super) fn task(&self) -> &str {
        match self {
            Record::Run(run) => &run.task,
            Record::Missed(missed) => &missed.task,
        }
    }
}

/// An entry of the audit log.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Audited {
    pub(super) at: Timestamp,
    pub(super) actor: String,
    pub(super) action: String,
    pub(super) task: Option<String>,
    pub(super) run: Option<String>,
    pub(super) result: String,
}

/// A token, but for what it is.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Token {
    pub(super) name: String,
    pub(super) role: String,
    pub(super) tasks: Vec<String>,
    pub(super) created_at: Timestamp,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) used_at: Option<Timestamp>,
}

/// The tasks that are configured.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Tasks {
    pub(super) tasks: Vec<Task>,
}

/// A task.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Task {
    pub(super) task: String,
    pub(super) plugin: String,
    pub(super) plugin_trouble: Option<String>,
    pub(super) enabled: bool,
    pub(super) schedule: String,
    pub(super) paused: Option<Pause>,
    pub(super) next: Option<Timestamp>,
    /// None if no host runs that could tell; the next likewise.
    pub(super) running: Option<u64>,
    pub(super) waiting: Option<u64>,
    pub(super) last_run: Option<Record>,
    pub(super) last_success: Option<Success>,
    pub(super) failures_in_a_row: u64,
}

/// Since when a task is paused.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Pause {
    pub(super) since: Timestamp,
    pub(super) by: String,
}

/// A run that succeeded.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Success {
    pub(super) run: String,
    pub(super) at: Timestamp,
}

/// How a task does, in short.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct TaskSummary {
    pub(super) task: String,
    pub(super) configured: bool,
    pub(super) last_run: Option<Record>,
    pub(super) last_success: Option<Success>,
    pub(super) failures_in_a_row: u64,
    pub(super) recent: Tally,
}

/// What a task's attempts took of its limits, and what became of its runs.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct TaskStats {
    pub(super) task: String,
    pub(super) attempts: u64,
    pub(super) since: Option<Timestamp>,
    pub(super) succeeded: u64,
    pub(super) log_cut: u64,
    pub(super) limits: BTreeMap<String, LimitUse>,
    pub(super) proposed: BTreeMap<String, u64>,
    pub(super) history: Option<History>,
}

/// What attempts took of a limit.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct LimitUse {
    pub(super) unit: String,
    pub(super) allowed: Option<u64>,
    pub(super) median: Option<u64>,
    pub(super) largest: Option<u64>,
    pub(super) stopped: Option<u64>,
}

/// What became of a task's runs.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct History {
    pub(super) last_success: Option<Success>,
    pub(super) failures_in_a_row: u64,
    pub(super) days: Vec<Day>,
    pub(super) recent: Tally,
}

/// A day, in UTC.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Day {
    pub(super) day: String,
    pub(super) missed: u64,
    #[serde(flatten)]
    pub(super) tally: Tally,
}

/// Ends of runs.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Tally {
    pub(super) ended: u64,
    pub(super) succeeded: u64,
    pub(super) failed: u64,
    pub(super) success_rate: Option<f64>,
    pub(super) outcomes: BTreeMap<String, u64>,
    pub(super) p50_ms: Option<f64>,
    pub(super) p90_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
}

/// A task in full.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct TaskDetail {
    pub(super) task: Task,
    pub(super) settings: Settings,
    pub(super) next: Vec<Slot>,
}

/// How a task is configured.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Settings {
    pub(super) overlap: String,
    pub(super) attempts: u32,
    pub(super) misfire: Misfire,
    pub(super) after: Vec<String>,
    pub(super) alerts: Vec<String>,
}

/// What becomes of slots that were missed.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Misfire {
    pub(super) policy: String,
}

/// A slot that is to come.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Slot {
    pub(super) task: String,
    pub(super) due: Timestamp,
    pub(super) local: String,
    pub(super) timezone: String,
    pub(super) clocks: Option<ClockChange>,
}

/// A change of a zone's clocks.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ClockChange {
    pub(super) change: String,
    pub(super) from: DateTime,
    pub(super) to: DateTime,
}

/// How the host is.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Status {
    pub(super) version: String,
    pub(super) started_at: Timestamp,
    pub(super) ready: bool,
    pub(super) reason: Option<String>,
    pub(super) ledger: String,
    pub(super) tasks: usize,
    pub(super) disabled: usize,
    pub(super) paused: usize,
    pub(super) running: usize,
    pub(super) waiting: usize,
    pub(super) next: Option<Next>,
    pub(super) configuration: Configuration,
}

/// The configuration in force.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Configuration {
    pub(super) since: Timestamp,
    pub(super) refused_at: Option<Timestamp>,
    pub(super) after_restart: Vec<String>,
    pub(super) kept_plugins: BTreeMap<String, String>,
}

/// The slot that comes next.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Next {
    pub(super) task: String,
    pub(super) due: Timestamp,
}

/// What a run logged.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct RunLog {
    /// How many lines it has in all.
    pub(super) lines: u64,
    pub(super) attempts: Vec<Attempt>,
}

/// An attempt that is over.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Attempt {
    pub(super) attempt: u32,
    pub(super) started_at: Timestamp,
    pub(super) outcome: Outcome,
    pub(super) backtrace: Vec<String>,
    pub(super) usage: Usage,
    #[serde(default)]
    pub(super) lines: Vec<Line>,
}

/// What an attempt used.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Usage {
    pub(super) duration_ms: f64,
    pub(super) log_dropped: u64,
}

/// A line of a log that is followed.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct LoggedLine {
    pub(super) run: String,
    pub(super) task: String,
    pub(super) attempt: u32,
    pub(super) line: Line,
}

/// A line of a log.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Line {
    pub(super) at: Timestamp,
    pub(super) level: String,
    pub(super) source: String,
    pub(super) message: String,
    pub(super) fields: std::collections::BTreeMap<String, String>,
}

/// The end of a run that was followed.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Ended {
    pub(super) run: Run,
}
