//! Slots that were not run, as ranges: entering them, and taking single slots out of them again.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::apply::{Book, integer};
use super::error::LedgerError;
use super::stored;
use super::tasks::Known;
use crate::model::id::{RunId, TaskName};
use crate::model::outcome::PassedOver;
use crate::model::slot::Slot;

/// The host number in the ids of ranges. No host has it, so that a range and a run never share an id.
const RANGES: u8 = u8::MAX;

/// Slots that share a fate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) first: Slot,
    pub(super) last: Slot,
    pub(super) count: u64,
}

impl Book<'_> {
    /// Enters slots that were not run.
    pub(super) fn insert_missed(
        &mut self,
        task: &TaskName,
        range: Range,
        why: PassedOver,
        at: Timestamp,
    ) -> Result<(), LedgerError> {
        let Range { first, last, .. } = range;
        let Known { key, cursor } = self.known(task)?;
        // Whatever was decided lies at the cursor or before it, so slots beyond need no look at what is there.
        if cursor >= Some(first)
            && let Some(taken) = self.entry_among(key, first, last)?
        {
            return Err(LedgerError::RangeTaken { task: task.clone(), first, last, taken });
        }
        if !(matches!(why, PassedOver::Skipped(_)) && self.lengthen(key, cursor, range, why)?) {
            self.insert_range(key, range, stored::passed_over_code(why), at)?;
        }
        self.tasks.advance(task, last);
        self.passed_over(key, range, why, at)
    }

    /// Leaves of a range what is not taken out of it.
    pub(super) fn cut_range(
        &mut self,
        task: &TaskName,
        (range, first, last): (RunId, Slot, Slot),
        rest: &[(Slot, Slot, u64)],
        at: Timestamp,
    ) -> Result<(), LedgerError> {
        let Known { key, .. } = self.known(task)?;
        let failed = LedgerError::database("cut a range of slots");
        let why: Option<i64> = self
            .connection
            .prepare_cached(
                "DELETE FROM missed WHERE id = ? AND task = ? AND first_slot = ? AND last_slot = ? RETURNING why",
            )
            .map_err(failed)?
            .query_row(params![range.as_i64(), key, first.as_millis(), last.as_millis()], |row| row.get(0))
            .optional()
            .map_err(failed)?;
        let why = why.ok_or_else(|| LedgerError::RangeChanged { task: task.clone(), range })?;
        self.taken_out.push((key, first, last));
        for (first, last, count) in rest.iter().copied() {
            self.insert_range(key, Range { first, last, count }, why, at)?;
        }
        Ok(())
    }

    /// Whether a slot was entered as part of a range, or may have had an entry that was removed. What the call took out
    /// of a range had none.
    pub(super) fn is_passed_over(&self, task: i64, slot: Slot) -> Result<bool, LedgerError> {
        let taken_out = self.taken_out.iter().any(|(of, first, last)| *of == task && (first..=last).contains(&&slot));
        Ok(self.range_among(task, slot, slot)?.is_some() || !taken_out && self.horizon(task)? >= Some(slot))
    }

    /// The first range that has one of these slots.
    fn range_among(&self, task: i64, from: Slot, to: Slot) -> Result<Option<(Slot, Slot)>, LedgerError> {
        let failed = LedgerError::database("look for a slot among those missed");
        // Ranges of a task do not overlap, so the first one that ends late enough is the only candidate.
        let range: Option<(i64, i64)> = self
            .connection
            .prepare_cached(
                "SELECT first_slot, last_slot FROM missed WHERE task = ? AND last_slot >= ? ORDER BY last_slot LIMIT 1",
            )
            .map_err(failed)?
            .query_row([task, from.as_millis()], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()
            .map_err(failed)?;
        let range = range.and_then(|(first, last)| Some((Slot::from_millis(first)?, Slot::from_millis(last)?)));
        Ok(range.filter(|(first, _)| *first <= to))
    }

    /// The first entry of any kind that one of these slots has, by its first and its last slot.
    fn entry_among(&self, task: i64, first: Slot, last: Slot) -> Result<Option<(Slot, Slot)>, LedgerError> {
        let failed = LedgerError::database("look for entries of slots");
        let removed = self.horizon(task)?.filter(|horizon| *horizon >= first).map(|horizon| (first, horizon.min(last)));
        let run: Option<i64> = self
            .connection
            .prepare_cached("SELECT min(slot) FROM runs WHERE slot BETWEEN ?2 AND ?3 AND task = ?1")
            .and_then(|mut query| query.query_row([task, first.as_millis(), last.as_millis()], |row| row.get(0)))
            .map_err(failed)?;
        let run = run.and_then(Slot::from_millis).map(|slot| (slot, slot));
        Ok([removed, run, self.range_among(task, first, last)?].into_iter().flatten().min())
    }

    /// Adds slots to the range that ends where the task is decided up to, if it is there for the same reason: a task
    /// that is paused for a year is one row.
    fn lengthen(&self, task: i64, cursor: Option<Slot>, range: Range, why: PassedOver) -> Result<bool, LedgerError> {
        let lengthened = self.execute(
            "UPDATE missed SET last_slot = ?4, count = count + ?5 WHERE task = ?1 AND last_slot = ?2 AND why = ?3",
            params![
                task,
                cursor.map(Slot::as_millis),
                stored::passed_over_code(why),
                range.last.as_millis(),
                integer(range.count)
            ],
        )?;
        Ok(lengthened > 0)
    }

    fn insert_range(&mut self, task: i64, range: Range, why: i64, at: Timestamp) -> Result<(), LedgerError> {
        let id = RunId::next(at.as_millisecond(), RANGES, self.last_range);
        self.last_range = Some(id);
        self.execute(
            "INSERT INTO missed (id, task, first_slot, last_slot, count, why, entered_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            params![
                id.as_i64(),
                task,
                range.first.as_millis(),
                range.last.as_millis(),
                integer(range.count),
                why,
                at.as_millisecond()
            ],
        )?;
        Ok(())
    }
}
