//! What a reload changes.

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::outcome::{Outcome, PassedOver};
use crate::model::plan::{self, Change, Counted, Counts};

/// What a reload changes, or would change.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Plan {
    /// Whether nothing was changed, since only this was asked for.
    pub dry_run: bool,
    /// The tasks that it changes, in the order of their names.
    pub tasks: Vec<TaskPlan>,
    /// How many tasks stay as they are.
    pub unchanged: usize,
    /// Plugins that are new to this host, or whose file holds another content.
    pub plugins: Vec<String>,
    /// The alerts that it changes, in the order of their names.
    pub alerts: Vec<AlertPlan>,
    /// What it changes in `[host]`.
    pub host: Vec<HostPlan>,
}

/// What becomes of an alert.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AlertPlan {
    /// The alert.
    pub alert: String,
    /// `added`, `removed` or `changed`.
    #[schema(example = "changed")]
    pub change: &'static str,
    /// Which of its settings, by their keys.
    #[schema(example = json!(["webhook.url"]))]
    pub settings: Vec<&'static str>,
}

/// What becomes of a task.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TaskPlan {
    /// The task.
    pub task: String,
    /// `added`, `removed` or `changed`.
    #[schema(example = "changed")]
    pub change: &'static str,
    /// Which of its settings, by their keys.
    #[schema(example = json!(["limits.timeout"]))]
    pub settings: Vec<&'static str>,
    /// What becomes of its slots.
    pub slots: SlotsPlan,
    /// What becomes of its runs.
    pub runs: RunsPlan,
}

/// What becomes of a task's slots.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SlotsPlan {
    /// `as-before`, `anew` or `no-more`.
    #[schema(example = "anew")]
    pub counted: &'static str,
    /// From when they are counted anew.
    #[schema(format = DateTime)]
    pub from: Option<String>,
    /// Slots that are entered as not run.
    pub passed: Option<PassedSlots>,
    /// The next one that is run.
    #[schema(format = DateTime)]
    pub next: Option<String>,
    /// The one that would have been the next.
    #[schema(format = DateTime)]
    pub next_before: Option<String>,
}

/// Slots that are entered as not run.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PassedSlots {
    /// How many.
    pub count: u64,
    /// As what.
    pub outcome: &'static str,
    /// Why.
    pub why: &'static str,
}

/// What becomes of a task's runs.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RunsPlan {
    /// Attempts of theirs go on, with the settings they began with.
    pub running: usize,
    /// They wait, and go by the new settings.
    pub renewed: usize,
    /// They wait, and end as skipped.
    pub ended: usize,
}

/// A setting of the host that is changed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HostPlan {
    /// Its key.
    #[schema(example = "host.grace-period")]
    pub key: String,
    /// What it was, as TOML.
    pub before: Option<String>,
    /// What it is, as TOML.
    pub after: Option<String>,
    /// `now` or `after-restart`.
    #[schema(example = "now")]
    pub counts: &'static str,
}

impl Plan {
    /// As it is shown.
    pub fn of(plan: &plan::Plan, dry_run: bool) -> Self {
        Self {
            dry_run,
            tasks: plan.tasks.iter().map(TaskPlan::from).collect(),
            unchanged: plan.unchanged,
            plugins: plan.plugins.iter().map(ToString::to_string).collect(),
            alerts: plan.alerts.iter().map(AlertPlan::from).collect(),
            host: plan.host.iter().map(HostPlan::from).collect(),
        }
    }
}

impl From<&plan::TaskPlan> for TaskPlan {
    fn from(plan: &plan::TaskPlan) -> Self {
        let plan::RunsPlan { running, renewed, ended } = plan.runs;
        Self {
            task: plan.task.to_string(),
            change: plan.change.name(),
            settings: settings(&plan.change),
            slots: SlotsPlan::from(&plan.slots),
            runs: RunsPlan { running, renewed, ended },
        }
    }
}

impl From<&plan::AlertPlan> for AlertPlan {
    fn from(plan: &plan::AlertPlan) -> Self {
        Self { alert: plan.alert.to_string(), change: plan.change.name(), settings: settings(&plan.change) }
    }
}

fn settings(change: &Change) -> Vec<&'static str> {
    match change {
        Change::Changed(settings) => settings.clone(),
        Change::Added | Change::Removed => Vec::new(),
    }
}

impl From<&plan::SlotsPlan> for SlotsPlan {
    fn from(slots: &plan::SlotsPlan) -> Self {
        let (counted, from) = match slots.counted {
            Counted::AsBefore => ("as-before", None),
            Counted::From(from) => ("anew", Some(from)),
            Counted::Ended => ("no-more", None),
        };
        let passed = slots.passed.map(|passed| PassedSlots {
            count: passed.count,
            outcome: Outcome::from(passed.why).class().name(),
            why: match passed.why {
                PassedOver::Missed(why) => why.name(),
                PassedOver::Skipped(why) => why.name(),
            },
        });
        Self {
            counted,
            from: from.map(|from| from.to_string()),
            passed,
            next: slots.next.map(|slot| slot.to_string()),
            next_before: slots.next_before.map(|slot| slot.to_string()),
        }
    }
}

impl From<&plan::HostPlan> for HostPlan {
    fn from(plan: &plan::HostPlan) -> Self {
        let counts = match plan.counts {
            Counts::Now => "now",
            Counts::AfterRestart => "after-restart",
        };
        Self { key: plan.key.clone(), before: plan.before.clone(), after: plan.after.clone(), counts }
    }
}
