//! A ledger in memory: the same steps and the same refusals as the real one, in few enough lines to see that they are right.

mod before;

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use self::before::Before;
use crate::ledger::{Admission, Entry, LedgerError, Next, PastSlot, Recovered, Standing, Unfinished};
use crate::model::cause::Cause;
use crate::model::id::{RunId, TaskName};
use crate::model::outcome::{AttemptOutcome, Outcome, PassedOver};
use crate::model::run::RunState;
use crate::model::slot::Slot;

/// What a ledger holds.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    pub cursors: HashMap<TaskName, Slot>,
    pub standings: HashMap<TaskName, Standing>,
    pub runs: BTreeMap<RunId, Unfinished>,
    /// The slots of each task that have an entry: by the first slot of each, up to which slot it goes, of how many, and
    /// why if they are a range.
    pub slots: HashMap<TaskName, BTreeMap<Slot, Entered>>,
    /// What the step that is being entered has changed.
    changed: Vec<Before>,
}

/// The entry of one slot, or of a range that was not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entered {
    pub last: Slot,
    pub count: u64,
    pub why: Option<PassedOver>,
}

impl Memory {
    /// Enters a step, all of it or nothing.
    pub(super) fn append(&mut self, entries: &[Entry]) -> Result<(), LedgerError> {
        let result = entries.iter().try_for_each(|entry| self.enter(entry));
        let changed = std::mem::take(&mut self.changed);
        if result.is_err() {
            changed.into_iter().rev().for_each(|before| self.put_back(before));
        }
        result
    }

    /// Enters a step of which nothing may be refused. Runs that are over are forgotten, their slots are not: this is for
    /// more of them than would fit.
    pub(super) fn append_in_bulk(&mut self, entries: &[Entry]) {
        entries.iter().for_each(|entry| self.enter(entry).unwrap());
        self.changed.clear();
        if self.runs.len() > 1_000 {
            let last = self.runs.keys().next_back().copied();
            self.runs.retain(|id, run| !matches!(run.state, RunState::Final(_)) || Some(*id) == last);
        }
    }

    /// What the next host finds.
    pub(super) fn recovered(&self) -> Recovered {
        let is_open = |run: &&Unfinished| !matches!(run.state, RunState::Final(_));
        Recovered {
            cursors: self.cursors.clone(),
            standings: self.standings.clone(),
            unfinished: self.runs.values().filter(is_open).cloned().collect(),
            last_run: self.runs.keys().next_back().copied(),
        }
    }

    /// What a backfill asks of slots that have passed. Ranges have no ids here.
    pub(super) fn past(&self, task: &TaskName, slots: &[Slot]) -> Vec<PastSlot> {
        slots.iter().map(|slot| self.past_slot(task, *slot)).collect()
    }

    fn past_slot(&self, task: &TaskName, slot: Slot) -> PastSlot {
        if self.cursors.get(task).is_none_or(|cursor| slot > *cursor) {
            return PastSlot::Undecided;
        }
        let before = self.slots.get(task).and_then(|slots| slots.range(..=slot).next_back());
        let Some((first, entered)) = before.filter(|(_, entered)| entered.last >= slot) else {
            return PastSlot::Unknown;
        };
        if entered.why.is_some() {
            let id = RunId::from_i64(0).unwrap();
            return PastSlot::InRange { id, first: *first, last: entered.last, count: entered.count };
        }
        let run = self.runs.values().find(|run| run.task == *task && run.slot == Some(slot)).unwrap();
        match &run.state {
            RunState::Final(outcome) if has_succeeded(outcome) => PastSlot::Succeeded,
            RunState::Final(_) => PastSlot::Over { run: run.run, attempts: run.attempts },
            _ => PastSlot::Unfinished,
        }
    }

    fn enter(&mut self, entry: &Entry) -> Result<(), LedgerError> {
        match entry {
            Entry::Admitted { run, admission } => {
                self.take_slot(&run.task.name, run.slot)?;
                let (state, attempts) = match admission {
                    Admission::Queued => (RunState::Queued, 0),
                    Admission::Running => (RunState::Running { attempt: 1 }, 1),
                };
                self.add(run.id, &run.task.name, run.slot, &run.cause, run.admitted_at, state, attempts);
                if let Some(row) = self.runs.get_mut(&run.id) {
                    row.payload.clone_from(&run.payload);
                }
            }
            Entry::Skipped { id, task, slot, cause, why, at } => {
                self.take_slot(task, *slot)?;
                self.add(*id, task, *slot, cause, *at, RunState::Final(Outcome::Skipped(*why)), 0);
            }
            Entry::Missed { task, first, last, count, why, .. } => {
                if let Some(taken) = self.entry_among(task, *first, *last) {
                    return Err(LedgerError::RangeTaken { task: task.clone(), first: *first, last: *last, taken });
                }
                if !self.lengthen(task, *last, *count, *why) {
                    let entered = Entered { last: *last, count: *count, why: Some(*why) };
                    self.set_slot(task, *first, Some(entered));
                }
                self.advance(task, *last);
            }
            Entry::Keyed { .. } | Entry::Stored(_) | Entry::Access(_) | Entry::Removed(_) | Entry::Alerted(_) => {
                unreachable!("no dispatcher enters this")
            }
            Entry::RangeCut { task, range: (id, first, last), rest, .. } => {
                let range = self.slots.get(task).and_then(|slots| slots.get(first)).copied();
                let range = range.filter(|range| range.last == *last && range.why.is_some());
                let range = range.ok_or(LedgerError::RangeChanged { task: task.clone(), range: *id })?;
                self.set_slot(task, *first, None);
                for (first, last, count) in rest {
                    self.set_slot(task, *first, Some(Entered { last: *last, count: *count, ..range }));
                }
            }
            Entry::TaskSet { task, schedule, enabled } => {
                let standing = self.standing(task);
                (standing.schedule, standing.enabled) = (Some(schedule.clone()), *enabled);
            }
            Entry::PauseSet { task, pause } => {
                self.standing(task).pause.clone_from(pause);
            }
            Entry::Reopened { run, attempts, at } => {
                self.change(run.id, "reopening", *at, RunState::Queued, |row| match &row.state {
                    RunState::Final(outcome) => !has_succeeded(outcome) && row.attempts == *attempts,
                    _ => false,
                })?;
                if let Some(row) = self.runs.get_mut(&run.id) {
                    row.attempts_before = row.attempts;
                    row.cause.clone_from(&run.cause);
                    row.payload.clone_from(&run.payload);
                }
            }
            Entry::CursorSet { task, slot } => self.advance(task, *slot),
            Entry::Started { run, attempt, at } => {
                self.change(*run, "start", *at, RunState::Running { attempt: *attempt }, |row| {
                    matches!(row.state, RunState::Queued | RunState::Waiting { .. }) && row.attempts + 1 == *attempt
                })?;
            }
            Entry::AttemptEnded { run, attempt, outcome, ended_at, next, .. } => {
                let state = match next {
                    Next::Retry { at } => RunState::Waiting { next_attempt: attempt + 1, until: *at },
                    Next::Final => RunState::Final(Outcome::Attempted((**outcome).clone())),
                };
                self.change(*run, "end of an attempt", *ended_at, state, |row| {
                    row.state == RunState::Running { attempt: *attempt }
                })?;
            }
            Entry::Ended { run, outcome, at } => {
                self.change(*run, "end", *at, RunState::Final(outcome.clone()), |row| {
                    matches!(row.state, RunState::Queued | RunState::Waiting { .. })
                })?;
            }
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "the columns of a row")]
    fn add(
        &mut self,
        run: RunId,
        task: &TaskName,
        slot: Option<Slot>,
        cause: &Cause,
        at: Timestamp,
        state: RunState,
        attempts: u32,
    ) {
        let (task, cause) = (task.clone(), cause.clone());
        let row = Unfinished {
            run,
            task,
            cause,
            slot,
            payload: None,
            admitted_at: at,
            since: at,
            state,
            attempts,
            attempts_before: 0,
        };
        assert!(self.runs.insert(run, row).is_none(), "the id {run} is given twice");
        self.changed.push(Before::Run(run, None));
    }

    fn change(
        &mut self,
        run: RunId,
        entry: &'static str,
        at: Timestamp,
        to: RunState,
        follows: impl Fn(&Unfinished) -> bool,
    ) -> Result<(), LedgerError> {
        let row = self.runs.get_mut(&run).filter(|row| follows(row));
        let row = row.ok_or(LedgerError::OutOfOrder { entry, run })?;
        self.changed.push(Before::Run(run, Some(row.clone())));
        if let RunState::Running { attempt } = to {
            row.attempts = attempt;
        }
        (row.state, row.since) = (to, at);
        Ok(())
    }

    fn take_slot(&mut self, task: &TaskName, slot: Option<Slot>) -> Result<(), LedgerError> {
        let Some(slot) = slot else { return Ok(()) };
        if self.entry_among(task, slot, slot).is_some() {
            return Err(LedgerError::SlotTaken { task: task.clone(), slot });
        }
        self.set_slot(task, slot, Some(Entered { last: slot, count: 1, why: None }));
        self.advance(task, slot);
        Ok(())
    }

    /// Adds skipped slots to the range that ends where the task is decided up to, if it is there for the same reason.
    fn lengthen(&mut self, task: &TaskName, last: Slot, count: u64, why: PassedOver) -> bool {
        let cursor = self.cursors.get(task).copied();
        // Nothing lies behind the cursor, so what ends there is the last.
        let range = self.slots.get(task).and_then(|slots| slots.last_key_value());
        let range = range.filter(|(_, range)| Some(range.last) == cursor && range.why == Some(why));
        let Some((first, range)) = range.filter(|_| matches!(why, PassedOver::Skipped(_))) else { return false };
        let (first, longer) = (*first, Entered { last, count: range.count + count, ..*range });
        self.set_slot(task, first, Some(longer));
        true
    }

    fn entry_among(&self, task: &TaskName, first: Slot, last: Slot) -> Option<(Slot, Slot)> {
        let slots = self.slots.get(task)?;
        let before = slots.range(..=first).next_back().filter(|(_, entered)| entered.last >= first);
        let (from, entered) = before.or_else(|| slots.range(first..=last).next())?;
        Some((*from, entered.last))
    }

    fn advance(&mut self, task: &TaskName, slot: Slot) {
        let before = self.cursors.get(task).copied();
        if before < Some(slot) {
            self.cursors.insert(task.clone(), slot);
            self.changed.push(Before::Cursor(task.clone(), before));
        }
    }

    fn standing(&mut self, task: &TaskName) -> &mut Standing {
        self.changed.push(Before::Standing(task.clone(), self.standings.get(task).cloned()));
        self.standings.entry(task.clone()).or_default()
    }

    fn set_slot(&mut self, task: &TaskName, first: Slot, entered: Option<Entered>) {
        let slots = self.slots.entry(task.clone()).or_default();
        let before = match entered {
            Some(entered) => slots.insert(first, entered),
            None => slots.remove(&first),
        };
        self.changed.push(Before::Slot(task.clone(), first, before));
    }
}

fn has_succeeded(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Attempted(AttemptOutcome::Succeeded { .. }))
}
