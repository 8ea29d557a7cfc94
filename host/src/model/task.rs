//! A task: one configured use of a plugin.

use std::num::NonZeroU32;
use std::sync::Arc;

use crate::model::grants::Grants;
use crate::model::id::{AlertName, PluginName, TaskName};
use crate::model::limits::{Limits, Metering};
use crate::model::misfire::Misfire;
use crate::model::overlap::Overlap;
use crate::model::payload::Blob;
use crate::model::ping::Ping;
use crate::model::retention::Retention;
use crate::model::retry::Retry;
use crate::model::schedule::Schedule;
use crate::model::shared::Shared;
use crate::model::webhook::Webhook;

/// A task: one configured use of a plugin. Immutable: a changed configuration makes a new one.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Its name.
    pub name: TaskName,
    /// The plugin it runs.
    pub plugin: PluginName,
    /// When it is due.
    pub schedule: Schedule,
    /// Whether it runs at all.
    pub enabled: bool,
    /// What happens when a run is due while an earlier one is still going.
    pub overlap: Overlap,
    /// How many of its runs may go on at once, under any overlap policy but `allow`.
    pub max_concurrent: NonZeroU32,
    /// What becomes of slots that were missed.
    pub misfire: Shared<Misfire>,
    /// How failed attempts are retried.
    pub retry: Shared<Retry>,
    /// What one attempt may use.
    pub limits: Shared<Limits>,
    /// What its attempts may reach.
    pub grants: Shared<Grants>,
    /// How it is started from outside; none if it is not.
    pub webhook: Option<Box<Webhook>>,
    /// What a run without a payload of its own gets.
    pub payload: Option<Arc<Blob>>,
    /// The tasks whose success starts this one.
    pub after: Box<[TaskName]>,
    /// The channels that hear of its failures.
    pub alerts: Box<[AlertName]>,
    /// Who waits for a sign of life of it.
    pub ping: Option<Arc<Ping>>,
    /// The exit codes of a plain program that mean success; 0 unless the task says otherwise.
    pub exit_codes: Shared<ExitCodes>,
    /// How much of its past the ledger keeps.
    pub retention: Shared<Retention>,
}

/// A plugin as it is compiled for a task.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Build {
    /// The plugin.
    pub plugin: PluginName,
    /// What its code does to let others run, and to end.
    pub metering: Metering,
}

impl Task {
    /// A task of which nothing else is said: every default, and no grants.
    pub fn new(name: TaskName, plugin: PluginName, schedule: Schedule) -> Self {
        Self {
            name,
            plugin,
            schedule,
            enabled: true,
            overlap: Overlap::default(),
            max_concurrent: NonZeroU32::MIN,
            misfire: Shared::default(),
            retry: Shared::default(),
            limits: Shared::default(),
            grants: Shared::default(),
            webhook: None,
            payload: None,
            after: Box::default(),
            alerts: Box::default(),
            ping: None,
            exit_codes: Shared::default(),
            retention: Shared::default(),
        }
    }

    /// The plugin as it is compiled for this task.
    pub fn build(&self) -> Build {
        Build { plugin: self.plugin.clone(), metering: self.limits.fuel.metering() }
    }
}

/// What the exit codes of a plain program mean. Every other code is a permanent failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExitCodes {
    /// Codes that mean success.
    pub success: Vec<u8>,
    /// Codes that mean a failure that may pass.
    pub transient: Vec<u8>,
}

impl Default for ExitCodes {
    /// 0 is success, 75 is a failure that may pass (`EX_TEMPFAIL` of BSD's `sysexits.h`).
    fn default() -> Self {
        Self { success: vec![0], transient: vec![75] }
    }
}

#[cfg(test)]
impl Task {
    /// A task with a schedule and otherwise defaults, of the plugin `plugin`.
    pub(crate) fn example(name: &str, schedule: Schedule) -> Self {
        Self::new(name.parse().unwrap(), "plugin".parse().unwrap(), schedule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_task_does_not_say_takes_next_to_nothing() {
        // With the counts of an `Arc` it fits the allocator's class of 192 bytes; the next one is 224.
        assert!(size_of::<Task>() <= 176, "{} bytes", size_of::<Task>());
    }
}
