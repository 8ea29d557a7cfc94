//! Old entries leave the ledger here, inside the writer's transaction and a few at a time.
//!
//! What a slot's entry leaves behind is its task's horizon: every slot up to it counts as decided for ever, so none that
//! was removed can be entered again.

use rusqlite::{OptionalExtension, params};

use super::apply::Book;
use super::error::LedgerError;
use super::sweep;
use crate::model::id::RunId;
use crate::model::slot::Slot;

/// What to remove. A run that is not over stays, whatever this says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removal {
    /// Runs, with all that is known of them.
    pub runs: Vec<RunId>,
    /// Runs of which only the logs go.
    pub logs: Vec<RunId>,
    /// Ranges of missed slots.
    pub ranges: Vec<RunId>,
    /// What was counted on the days before one, each of a task by its key.
    pub days: Vec<(i64, i64)>,
    /// Some of the idempotency keys entered before this time, in Unix milliseconds.
    pub keys_before: Option<i64>,
}

impl Removal {
    /// How many rows go, those that belong to a run not counted.
    pub fn len(&self) -> usize {
        self.runs.len()
            + self.logs.len()
            + self.ranges.len()
            + self.days.len()
            + usize::from(self.keys_before.is_some())
    }

    /// Whether nothing is to go.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Book<'_> {
    /// Removes what is there of it.
    pub(super) fn remove(&mut self, removal: &Removal) -> Result<(), LedgerError> {
        let failed = LedgerError::database("remove old entries from the ledger");
        for log in &removal.logs {
            self.delete_one("DELETE FROM logs WHERE run = ?1 RETURNING NULL, NULL", *log).map_err(failed)?;
        }
        for (task, day) in &removal.days {
            self.execute("DELETE FROM tallies WHERE task = ? AND day < ?", params![task, day])?;
        }
        if let Some(before) = removal.keys_before {
            self.remove_keys(before, sweep::ROWS)?;
        }
        // Attempts, logs, payload and output go with their run.
        let run = "DELETE FROM runs WHERE id = ?1 AND outcome IS NOT NULL RETURNING task, slot";
        for id in &removal.runs {
            let plugins = self.plugins_of(*id).map_err(failed)?;
            let (task, slot) = self.delete_one(run, *id).map_err(failed)?;
            if task.is_some() {
                self.release_plugins(plugins);
            }
            self.raise_horizon(task.zip(slot)).map_err(failed)?;
        }
        let range = "DELETE FROM missed WHERE id = ?1 RETURNING task, last_slot";
        for id in &removal.ranges {
            let (task, slot) = self.delete_one(range, *id).map_err(failed)?;
            self.raise_horizon(task.zip(slot)).map_err(failed)?;
        }
        Ok(())
    }

    fn delete_one(&self, sql: &'static str, id: RunId) -> rusqlite::Result<(Option<i64>, Option<i64>)> {
        let mut delete = self.connection.prepare_cached(sql)?;
        let mut rows = delete.query([id.as_i64()])?;
        let mut last = (None, None);
        // A statement that returns rows has done its work when it has returned the last.
        while let Some(row) = rows.next()? {
            last = (row.get(0)?, row.get(1)?);
        }
        Ok(last)
    }

    fn raise_horizon(&self, removed: Option<(i64, i64)>) -> rusqlite::Result<()> {
        let Some((task, slot)) = removed else { return Ok(()) };
        self.connection
            .prepare_cached("UPDATE tasks SET horizon = ?2 WHERE id = ?1 AND coalesce(horizon, ?2 - 1) < ?2")?
            .execute(params![task, slot])?;
        Ok(())
    }

    /// The last slot of a task of which an entry was removed: slots up to it may have had one.
    pub(super) fn horizon(&self, task: i64) -> Result<Option<Slot>, LedgerError> {
        let ask = || {
            self.connection
                .prepare_cached("SELECT horizon FROM tasks WHERE id = ?")?
                .query_row([task], |row| row.get::<_, Option<i64>>(0))
                .optional()
        };
        let found = ask().map_err(LedgerError::database("look for a task's horizon"))?;
        Ok(found.flatten().and_then(Slot::from_millis))
    }
}
