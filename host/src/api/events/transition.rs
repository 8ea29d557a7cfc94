//! What happened, as it is told to those who follow: small, without payloads, outputs and logs.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::view::{self, millis};
use crate::model::cause::Cause;
use crate::model::event::Event;
use crate::model::id::{RunId, TaskName};
use crate::model::outcome::{AttemptOutcome, Outcome, OutcomeClass, PassedOver};
use crate::model::run::Run;
use crate::model::slot::Slot;
use crate::model::task::Task;

/// What happened, to what, and when it was heard of.
pub(super) struct Transition {
    pub(super) at: Timestamp,
    pub(super) of: Of,
    pub(super) what: What,
}

/// What something happened to.
#[derive(Default)]
pub(in crate::api) struct Of {
    pub(super) task: Option<TaskName>,
    pub(super) run: Option<RunId>,
    cause: Option<Cause>,
    due: Option<Slot>,
}

/// What happened.
pub(super) enum What {
    RunQueued,
    AttemptStarted { attempt: u32 },
    AttemptEnded { attempt: u32, outcome: Ended, took: Duration, retry_at: Option<Timestamp> },
    RunEnded { attempts: u32, outcome: Ended },
    SlotSkipped { outcome: Ended },
    SlotsMissed { first: Slot, last: Slot, count: u64, outcome: Ended },
    PluginReady { plugin: String },
    PluginUnusable { plugin: String, reason: String },
    TaskPaused,
    TaskResumed,
    PluginKept { plugin: String, reason: String },
    ConfigReloaded { changes: String },
    ConfigRefused { report: String },
    LedgerFailed { message: String },
    LedgerRecovered,
}

/// How something ended: in words only where it did not succeed.
pub(super) struct Ended {
    class: OutcomeClass,
    message: Option<String>,
}

/// An event of the host.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct HostEvent {
    /// What happened: `run_queued`, `attempt_started`, `attempt_ended`, `run_ended`, `slot_skipped`, `slots_missed`,
    /// `task_paused`, `task_resumed`,
    /// `plugin_ready`, `plugin_unusable`, `plugin_kept`, `config_reloaded`, `config_refused`, `ledger_failed` or
    /// `ledger_recovered`.
    #[schema(example = "run_ended")]
    event: &'static str,
    /// When it was heard of.
    #[schema(format = DateTime)]
    at: String,
    /// The task.
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<String>,
    /// The run.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    /// Why the run exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<view::Cause>,
    /// When the run was due.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    due: Option<String>,
    /// Which attempt, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    /// How many attempts the run had.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<view::Outcome>,
    /// How long the attempt took.
    #[serde(skip_serializing_if = "Option::is_none")]
    took_ms: Option<f64>,
    /// When the next attempt starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    retry_at: Option<String>,
    /// The first slot of a range.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    first: Option<String>,
    /// The last slot of a range.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    last: Option<String>,
    /// How many slots a range has.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    /// The plugin.
    #[serde(skip_serializing_if = "Option::is_none")]
    plugin: Option<String>,
    /// What went wrong, or what was changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

impl What {
    /// What an event tells, and of what; none if it is not told.
    pub(super) fn of(event: &Event) -> Option<(Self, Of)> {
        Some(match event {
            Event::RunQueued(run) => (What::RunQueued, Of::run(run)),
            Event::AttemptStarted { run, attempt } => (What::AttemptStarted { attempt: *attempt }, Of::run(run)),
            Event::AttemptEnded { run, attempt, outcome, usage, retry_at, .. } => {
                let outcome = Ended::attempt(outcome);
                let (attempt, took, retry_at) = (*attempt, usage.duration, *retry_at);
                (What::AttemptEnded { attempt, outcome, took, retry_at }, Of::run(run))
            }
            Event::RunEnded { run, outcome, attempts, .. } => {
                (What::RunEnded { attempts: *attempts, outcome: Ended::run(outcome) }, Of::run(run))
            }
            Event::SlotSkipped { task, run, cause, slot, why } => {
                let outcome = Ended::run(&Outcome::Skipped(*why));
                let task = Some(task.name.clone());
                (What::SlotSkipped { outcome }, Of { task, run: Some(*run), cause: Some(cause.clone()), due: *slot })
            }
            Event::SlotsMissed { task, first, last, count, why } => (
                What::SlotsMissed { first: *first, last: *last, count: *count, outcome: Ended::passed_over(*why) },
                Of::task(task),
            ),
            Event::PluginReady { plugin } => (What::PluginReady { plugin: plugin.to_string() }, Of::default()),
            Event::PluginUnusable { plugin, reason } => {
                (What::PluginUnusable { plugin: plugin.to_string(), reason: reason.clone() }, Of::default())
            }
            Event::TaskPaused { task } => (What::TaskPaused, Of::task(task)),
            Event::TaskResumed { task } => (What::TaskResumed, Of::task(task)),
            Event::PluginKept { plugin, reason } => {
                (What::PluginKept { plugin: plugin.to_string(), reason: reason.clone() }, Of::default())
            }
            Event::ConfigReloaded(plan) => {
                let counts = plan.counts().map(|(what, tasks)| format!("{tasks} {what}"));
                (What::ConfigReloaded { changes: format!("tasks: {}", counts.join(", ")) }, Of::default())
            }
            Event::ConfigRefused { report } => (What::ConfigRefused { report: report.to_string() }, Of::default()),
            Event::LedgerFailed { message } => (What::LedgerFailed { message: message.clone() }, Of::default()),
            Event::LedgerRecovered => (What::LedgerRecovered, Of::default()),
        })
    }

    /// Whether a run is over by it.
    pub(super) fn is_end(&self) -> bool {
        matches!(self, What::RunEnded { .. } | What::SlotSkipped { .. })
    }

    /// The word for it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            What::RunQueued => "run_queued",
            What::AttemptStarted { .. } => "attempt_started",
            What::AttemptEnded { .. } => "attempt_ended",
            What::RunEnded { .. } => "run_ended",
            What::SlotSkipped { .. } => "slot_skipped",
            What::SlotsMissed { .. } => "slots_missed",
            What::PluginReady { .. } => "plugin_ready",
            What::PluginUnusable { .. } => "plugin_unusable",
            What::TaskPaused => "task_paused",
            What::TaskResumed => "task_resumed",
            What::PluginKept { .. } => "plugin_kept",
            What::ConfigReloaded { .. } => "config_reloaded",
            What::ConfigRefused { .. } => "config_refused",
            What::LedgerFailed { .. } => "ledger_failed",
            What::LedgerRecovered => "ledger_recovered",
        }
    }
}

impl Of {
    fn task(task: &Task) -> Self {
        Self { task: Some(task.name.clone()), ..Self::default() }
    }

    fn run(run: &Run) -> Self {
        Self { task: Some(run.task.name.clone()), run: Some(run.id), cause: Some(run.cause.clone()), due: run.slot }
    }
}

impl Ended {
    fn attempt(outcome: &AttemptOutcome) -> Self {
        let class = outcome.class();
        Self { class, message: (class != OutcomeClass::Succeeded).then(|| outcome.to_string()) }
    }

    fn run(outcome: &Outcome) -> Self {
        let class = outcome.class();
        Self { class, message: (class != OutcomeClass::Succeeded).then(|| outcome.to_string()) }
    }

    fn passed_over(why: PassedOver) -> Self {
        Self::run(&why.into())
    }

    fn show(&self) -> view::Outcome {
        let class = self.class.name();
        view::Outcome { class, message: self.message.clone().unwrap_or_else(|| class.to_owned()) }
    }
}

impl Transition {
    /// It as it is told.
    pub(super) fn show(&self) -> HostEvent {
        let Of { task, run, cause, due } = &self.of;
        let mut event = HostEvent {
            event: self.what.name(),
            at: self.at.to_string(),
            task: task.as_ref().map(ToString::to_string),
            run: run.map(|run| run.to_string()),
            cause: cause.as_ref().map(view::Cause::from),
            due: due.map(|due| due.to_string()),
            attempt: None,
            attempts: None,
            outcome: None,
            took_ms: None,
            retry_at: None,
            first: None,
            last: None,
            count: None,
            plugin: None,
            message: None,
        };
        match &self.what {
            What::RunQueued | What::TaskPaused | What::TaskResumed | What::LedgerRecovered => {}
            What::AttemptStarted { attempt } => event.attempt = Some(*attempt),
            What::AttemptEnded { attempt, outcome, took, retry_at } => {
                (event.attempt, event.outcome) = (Some(*attempt), Some(outcome.show()));
                (event.took_ms, event.retry_at) = (Some(millis(*took)), retry_at.map(|at| at.to_string()));
            }
            What::RunEnded { attempts, outcome } => {
                (event.attempts, event.outcome) = (Some(*attempts), Some(outcome.show()));
            }
            What::SlotSkipped { outcome } => event.outcome = Some(outcome.show()),
            What::SlotsMissed { first, last, count, outcome } => {
                (event.first, event.last) = (Some(first.to_string()), Some(last.to_string()));
                (event.count, event.outcome) = (Some(*count), Some(outcome.show()));
            }
            What::PluginReady { plugin } => event.plugin = Some(plugin.clone()),
            What::PluginUnusable { plugin, reason } | What::PluginKept { plugin, reason } => {
                (event.plugin, event.message) = (Some(plugin.clone()), Some(reason.clone()));
            }
            What::ConfigReloaded { changes: message }
            | What::ConfigRefused { report: message }
            | What::LedgerFailed { message } => event.message = Some(message.clone()),
        }
        event
    }
}
