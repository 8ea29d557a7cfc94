//! Tasks: how they are configured, and how they stand.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::{Record, Slot, Success, millis};
use crate::model;
use crate::model::limits::Limit;
use crate::model::misfire::MisfirePolicy;

/// A task, and how it stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Task {
    /// Its name.
    pub task: String,
    /// The plugin that it runs.
    pub plugin: String,
    /// Why the plugin cannot be used; null if it can, or is being prepared.
    pub plugin_trouble: Option<String>,
    /// Whether it is enabled.
    pub enabled: bool,
    /// When it is due, in words.
    #[schema(example = "0 9 * * MON-FRI (America/New_York)")]
    pub schedule: String,
    /// Since when and by whom it is paused; null if it is not.
    pub paused: Option<Pause>,
    /// Its next slot; null if there is none.
    #[schema(format = DateTime)]
    pub next: Option<String>,
    /// How many of its runs have an attempt that goes on.
    pub running: u64,
    /// How many of its runs wait: for their turn, their plugin or their next attempt.
    pub waiting: u64,
    /// Its newest run, or skipped slot or trigger.
    pub last_run: Option<Record>,
    /// The success that ended last.
    pub last_success: Option<Success>,
    /// How many runs failed since.
    pub failures_in_a_row: u64,
}

/// A task in full.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TaskDetail {
    /// The task, and how it stands.
    pub task: Task,
    /// How it is configured.
    pub settings: Settings,
    /// Its next slots. Those of a task that is paused or disabled pass without a run.
    pub next: Vec<Slot>,
}

/// How a task is configured, as far as it matters from outside. What it may reach is not shown.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Settings {
    /// What becomes of a run that is due while an earlier one goes on: `skip`, `queue`, `replace` or `allow`.
    #[schema(example = "skip")]
    pub overlap: &'static str,
    /// How many of its runs may go on at once, under any overlap but `allow`.
    pub max_concurrent: u32,
    /// What becomes of slots that were missed.
    pub misfire: Misfire,
    /// How many attempts a run has at the most.
    pub attempts: u32,
    /// The limits that can end an attempt, by their key in the configuration: bytes, counts or milliseconds; null for one
    /// that is switched off.
    pub limits: BTreeMap<&'static str, Option<u64>>,
    /// The tasks whose success starts it.
    pub after: Vec<String>,
    /// The channels that hear of its failures.
    pub alerts: Vec<String>,
}

/// What becomes of slots that were missed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Misfire {
    /// Which of them run late: `skip` (none), `once` (the latest) or `all`.
    #[schema(example = "once")]
    pub policy: &'static str,
    /// How many, if the policy is `all`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// How old a slot may be and still run late.
    pub window_ms: f64,
}

/// Since when a task is paused.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Pause {
    /// Since when.
    #[schema(format = DateTime)]
    pub since: String,
    /// Who paused it.
    #[schema(example = "uid 1000")]
    pub by: String,
}

impl From<&model::pause::Pause> for Pause {
    fn from(pause: &model::pause::Pause) -> Self {
        // To the millisecond, as the ledger has it.
        Self { since: model::slot::Slot::at(pause.since).to_string(), by: pause.by.clone() }
    }
}

impl From<&model::task::Task> for Settings {
    fn from(task: &model::task::Task) -> Self {
        Self {
            overlap: task.overlap.name(),
            max_concurrent: task.max_concurrent.get(),
            misfire: (&*task.misfire).into(),
            attempts: task.retry.attempts,
            limits: Limit::ALL.into_iter().map(|limit| (limit.name(), task.limits.allowed(limit))).collect(),
            after: task.after.iter().map(ToString::to_string).collect(),
            alerts: task.alerts.iter().map(ToString::to_string).collect(),
        }
    }
}

impl From<&model::misfire::Misfire> for Misfire {
    fn from(misfire: &model::misfire::Misfire) -> Self {
        let (policy, max) = match misfire.policy {
            MisfirePolicy::Skip => ("skip", None),
            MisfirePolicy::Once => ("once", None),
            MisfirePolicy::All { max } => ("all", Some(max)),
        };
        Self { policy, max, window_ms: millis(misfire.window) }
    }
}
