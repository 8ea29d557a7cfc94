//! How tasks stand, as the ledger tells it.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::Date;

use super::{Pause, Record, Success, Task};
use crate::ledger::{LedgerError, OpenRuns, Reader, Standing, TaskSummary};
use crate::model;
use crate::model::id::TaskName;

/// What the ledger knows of how tasks stand.
#[derive(Debug)]
pub struct Standings {
    summaries: HashMap<TaskName, TaskSummary>,
    standings: HashMap<TaskName, Standing>,
    open: HashMap<TaskName, OpenRuns>,
}

impl Standings {
    /// Reads it, of one task or of all.
    ///
    /// # Errors
    ///
    /// If the ledger cannot be read.
    pub fn of(reader: &Reader, task: Option<&TaskName>, today: Date) -> Result<Self, LedgerError> {
        let summaries = match task {
            Some(task) => reader.task(task, today)?.into_iter().collect(),
            None => reader.tasks(today)?,
        };
        Ok(Self {
            summaries: summaries.into_iter().map(|summary| (summary.task.clone(), summary)).collect(),
            standings: reader.standings()?,
            open: reader.open_runs()?,
        })
    }

    /// A ledger that knows of no task yet.
    pub fn none() -> Self {
        Self { summaries: HashMap::new(), standings: HashMap::new(), open: HashMap::new() }
    }

    /// A task and how it stands. Of its plugin the ledger knows nothing.
    pub fn show(&self, task: &model::task::Task, now: Timestamp) -> Task {
        let summary = self.summaries.get(&task.name);
        let open = self.open.get(&task.name).copied().unwrap_or_default();
        let pause = self.standings.get(&task.name).and_then(|standing| standing.pause.as_ref());
        Task {
            task: task.name.to_string(),
            plugin: task.plugin.to_string(),
            plugin_trouble: None,
            enabled: task.enabled,
            schedule: task.schedule.to_string(),
            paused: pause.map(Pause::from),
            next: task.schedule.next_after(now).map(|slot| slot.to_string()),
            running: open.running,
            waiting: open.waiting,
            last_run: summary.and_then(|summary| summary.last_run.as_ref()).map(|run| Record::Run(run.into())),
            last_success: summary.and_then(|summary| summary.last_success).map(Success::from),
            failures_in_a_row: summary.map_or(0, |summary| summary.failures_in_a_row),
        }
    }
}
