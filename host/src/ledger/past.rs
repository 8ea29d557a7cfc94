//! What the ledger has of slots that have passed: what a backfill asks before it runs any of them.

use rusqlite::{OptionalExtension, params};

use super::error::LedgerError;
use super::reader::Reader;
use super::rows;
use super::stored;
use crate::model::id::{RunId, TaskName};
use crate::model::outcome::OutcomeClass;
use crate::model::slot::Slot;

/// What the ledger has of a slot that has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PastSlot {
    /// It is not decided yet: the cursor of its task is before it.
    Undecided,
    /// Nothing: it passed before the task was there.
    Unknown,
    /// Nothing any more: what became of it may have been removed.
    Removed,
    /// It was not run, as part of a range.
    InRange {
        /// The range.
        id: RunId,
        /// Its first slot.
        first: Slot,
        /// Its last slot.
        last: Slot,
        /// How many slots it has.
        count: u64,
    },
    /// A run that is not over.
    Unfinished,
    /// A run that succeeded.
    Succeeded,
    /// A run that is over and did not succeed, or was skipped.
    Over {
        /// The run.
        run: RunId,
        /// How many attempts it had.
        attempts: u32,
    },
}

impl Reader {
    /// What there is of each of these slots of a task.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn past(&self, task: &TaskName, slots: &[Slot]) -> Result<Vec<PastSlot>, LedgerError> {
        let failed = LedgerError::database("look up the past of a task");
        // Never committed: it only holds the moment.
        let _moment = self.connection().unchecked_transaction().map_err(failed)?;
        let known: Option<(i64, Option<i64>, Option<i64>)> = self
            .connection()
            .query_row("SELECT id, cursor, horizon FROM tasks WHERE name = ?", [task.as_str()], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()
            .map_err(failed)?;
        let Some((key, Some(cursor), horizon)) = known else { return Ok(vec![PastSlot::Undecided; slots.len()]) };
        slots
            .iter()
            .map(|slot| match slot.as_millis() > cursor {
                true => Ok(PastSlot::Undecided),
                false => match self.past_slot(key, *slot)? {
                    PastSlot::Unknown if Some(slot.as_millis()) <= horizon => Ok(PastSlot::Removed),
                    past => Ok(past),
                },
            })
            .collect()
    }

    fn past_slot(&self, task: i64, slot: Slot) -> Result<PastSlot, LedgerError> {
        let run = "SELECT id, attempts, outcome FROM runs WHERE slot = ? AND task = ?";
        let found =
            rows::collect(self.connection(), "the run of a slot", run, params![slot.as_millis(), task], |row| {
                Ok(match row.get::<_, Option<i64>>(2)? {
                    None => PastSlot::Unfinished,
                    Some(code) if code == stored::class_code(OutcomeClass::Succeeded) => PastSlot::Succeeded,
                    Some(_) => PastSlot::Over { run: rows::run_id(row.get(0)?)?, attempts: row.get(1)? },
                })
            })?;
        if let Some(run) = found.first() {
            return Ok(*run);
        }
        let range = "SELECT id, first_slot, last_slot, count FROM missed WHERE task = ? AND last_slot >= ?
                     ORDER BY last_slot LIMIT 1";
        let found =
            rows::collect(self.connection(), "a range of slots", range, params![task, slot.as_millis()], |row| {
                let (first, last) = (rows::slot(row.get(1)?)?, rows::slot(row.get(2)?)?);
                Ok(PastSlot::InRange { id: rows::run_id(row.get(0)?)?, first, last, count: rows::count(row, 3)? })
            })?;
        let holds_slot = |range: &&PastSlot| matches!(range, PastSlot::InRange { first, .. } if *first <= slot);
        Ok(found.first().filter(holds_slot).copied().unwrap_or(PastSlot::Unknown))
    }
}
