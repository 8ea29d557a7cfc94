//! How tasks stand beside their cursors: of which schedule the cursor is, whether they are enabled, whether paused.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::apply::Book;
use super::error::LedgerError;
use super::reader::Reader;
use super::{rows, stored};
use crate::model::id::TaskName;
use crate::model::pause::Pause;

/// How a task stands, as a host last knew it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The schedule that the cursor's slots are of; none if no host ever took the task up.
    pub schedule: Option<String>,
    /// Whether it was enabled.
    pub enabled: bool,
    /// Whether it is paused.
    pub pause: Option<Pause>,
}

impl Default for Standing {
    fn default() -> Self {
        Self { schedule: None, enabled: true, pause: None }
    }
}

impl Book<'_> {
    /// Takes note of how a task is configured.
    pub(super) fn set_task(&mut self, task: &TaskName, schedule: &str, enabled: bool) -> Result<(), LedgerError> {
        let key = self.known(task)?.key;
        self.execute(
            "INSERT INTO task_states (task, schedule, disabled) VALUES (?1, ?2, ?3)
             ON CONFLICT (task) DO UPDATE SET schedule = ?2, disabled = ?3",
            params![key, schedule, !enabled],
        )?;
        Ok(())
    }

    /// Pauses a task, or lets it go on.
    pub(super) fn set_pause(&mut self, task: &TaskName, pause: Option<&Pause>) -> Result<(), LedgerError> {
        let key = self.known(task)?.key;
        self.execute(
            "INSERT INTO task_states (task, paused_at, paused_by) VALUES (?1, ?2, ?3)
             ON CONFLICT (task) DO UPDATE SET paused_at = ?2, paused_by = ?3",
            params![key, pause.map(|pause| pause.since.as_millisecond()), pause.map(|pause| &pause.by)],
        )?;
        Ok(())
    }
}

/// How the tasks stand.
pub(super) fn all(connection: &Connection) -> Result<HashMap<TaskName, Standing>, LedgerError> {
    let sql = "SELECT name, schedule, disabled, paused_at, paused_by FROM task_states JOIN tasks ON tasks.id = task";
    let standings = rows::collect(connection, "how tasks stand", sql, [], |row| {
        let since: Option<Timestamp> = row.get::<_, Option<i64>>(3)?.map(rows::timestamp).transpose()?;
        let by: Option<String> = row.get(4)?;
        let standing = Standing {
            schedule: row.get(1)?,
            enabled: !row.get::<_, bool>(2)?,
            pause: since.zip(by).map(|(since, by)| Pause { since, by }),
        };
        Ok((stored::task_name(row.get_ref(0)?.as_str()?)?, standing))
    })?;
    Ok(standings.into_iter().collect())
}

/// The runs of a task that are not over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpenRuns {
    /// Those of which an attempt goes on.
    pub running: u64,
    /// Those that wait for their turn or their next attempt.
    pub waiting: u64,
}

impl Reader {
    /// How the tasks stand.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn standings(&self) -> Result<HashMap<TaskName, Standing>, LedgerError> {
        all(self.connection())
    }

    /// The runs that are not over, counted by task.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn open_runs(&self) -> Result<HashMap<TaskName, OpenRuns>, LedgerError> {
        let sql = "SELECT name, sum(state = 1), sum(state <> 1) FROM runs INDEXED BY runs_unfinished
                   CROSS JOIN tasks ON tasks.id = task WHERE outcome IS NULL GROUP BY task";
        let open = rows::collect(self.connection(), "runs that are not over", sql, [], |row| {
            let open = OpenRuns { running: rows::count(row, 1)?, waiting: rows::count(row, 2)? };
            Ok((stored::task_name(row.get_ref(0)?.as_str()?)?, open))
        })?;
        Ok(open.into_iter().collect())
    }
}
