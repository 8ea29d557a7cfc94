//! What a changed configuration changes: the difference to the one in force, and what becomes of slots and runs.

use jiff::Timestamp;

use crate::model::id::{AlertName, PluginName, TaskName};
use crate::model::outcome::PassedOver;
use crate::model::slot::Slot;

/// What a changed configuration changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The tasks that it changes, in the order of their names.
    pub tasks: Vec<TaskPlan>,
    /// How many tasks stay as they are.
    pub unchanged: usize,
    /// Plugins that tasks use from now on: those new to this host, and those whose file holds another content.
    pub plugins: Vec<PluginName>,
    /// The alerts that it changes, in the order of their names.
    pub alerts: Vec<AlertPlan>,
    /// What it changes in `[host]`.
    pub host: Vec<HostPlan>,
}

/// What becomes of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertPlan {
    /// The alert.
    pub alert: AlertName,
    /// What is changed.
    pub change: Change,
}

/// What becomes of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskPlan {
    /// The task.
    pub task: TaskName,
    /// What is changed.
    pub change: Change,
    /// What becomes of its slots.
    pub slots: SlotsPlan,
    /// What becomes of its runs.
    pub runs: RunsPlan,
}

/// What is changed about a task or an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Added,
    /// It is no longer there.
    Removed,
    /// These of its settings, in the configuration's words.
    Changed(Vec<&'static str>),
}

impl Change {
    /// The word for it in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Change::Added => "added",
            Change::Removed => "removed",
            Change::Changed(_) => "changed",
        }
    }
}

/// What becomes of a task's slots. Those that are due already are decided first, by the rules they were due under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotsPlan {
    /// Since when they are counted.
    pub counted: Counted,
    /// Slots that passed while the task was held or not configured: they are entered as not run.
    pub passed: Option<PassedSlots>,
    /// The next one that is run; none if none is.
    pub next: Option<Slot>,
    /// The one that would have been the next.
    pub next_before: Option<Slot>,
}

/// Since when a task's slots are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// As before.
    AsBefore,
    /// Anew from this moment.
    From(Timestamp),
    /// No more.
    Ended,
}

/// Slots that are entered as not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassedSlots {
    /// How many.
    pub count: u64,
    /// Why.
    pub why: PassedOver,
}

/// What becomes of a task's runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunsPlan {
    /// Runs of which an attempt goes on, with the settings it began with.
    pub running: usize,
    /// Runs that wait, and go by the new settings.
    pub renewed: usize,
    /// Runs that wait, and end as skipped.
    pub ended: usize,
}

/// A setting of the host that is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPlan {
    /// Its key, such as `host.listen`.
    pub key: String,
    /// What it was, as TOML; none if it was not there.
    pub before: Option<String>,
    /// What it is; none if it is not there.
    pub after: Option<String>,
    /// When it counts.
    pub counts: Counts,
}

/// When a changed setting counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    /// With the reload.
    Now,
    /// Once the host is started again.
    AfterRestart,
}

impl Plan {
    /// The same, with what another plan says of tasks.
    pub fn with_tasks_of(self, of_tasks: Plan) -> Self {
        Self { tasks: of_tasks.tasks, unchanged: of_tasks.unchanged, ..self }
    }

    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.plugins.is_empty() && self.alerts.is_empty() && self.host.is_empty()
    }

    /// The settings that count only once the host is started again.
    pub fn after_restart(&self) -> impl Iterator<Item = &HostPlan> {
        self.host.iter().filter(|host| host.counts == Counts::AfterRestart)
    }

    /// How many tasks are added, removed and changed.
    pub fn counts(&self) -> [(&'static str, usize); 3] {
        let count = |name| (name, self.tasks.iter().filter(|task| task.change.name() == name).count());
        ["added", "removed", "changed"].map(count)
    }
}
