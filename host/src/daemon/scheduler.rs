//! Which slots of which tasks are due, and what becomes of those that were missed.
//!
//! Pure: the time is an argument. Every slot comes out exactly once, as one to run or within a range that was missed,
//! and in order: a task's cursor only ever moves forward, whatever the clock does.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::until;
use crate::model::cause::Cause;
use crate::model::id::TaskName;
use crate::model::misfire::{Misfire, MisfirePolicy};
use crate::model::outcome::Miss;
use crate::model::slot::Slot;
use crate::model::task::Task;

/// What happened to time since slots were last taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// It passed as usual.
    None,
    /// The machine slept, or the host was stalled.
    Suspended,
    /// The wall clock was set.
    ClockStep,
}

/// What is due of one task.
#[derive(Debug, Clone)]
pub struct Due {
    /// The task.
    pub task: Arc<Task>,
    /// Slots that are not run, before all those that are.
    pub missed: Option<Missed>,
    /// Slots to run, oldest first.
    pub runs: Vec<(Slot, Cause)>,
}

impl Due {
    /// The last of the slots that are decided.
    pub fn last(&self) -> Option<Slot> {
        self.runs.last().map(|(slot, _)| *slot).or(self.missed.map(|missed| missed.last))
    }
}

/// A range of slots that are not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed {
    /// The first of them.
    pub first: Slot,
    /// The last of them.
    pub last: Slot,
    /// How many.
    pub count: u64,
    /// Why.
    pub why: Miss,
}

/// The due times of all tasks.
#[derive(Debug)]
pub struct Scheduler {
    tasks: Vec<Scheduled>,
    /// The next slot of each task that has one, and the task's place in `tasks`.
    next: BinaryHeap<Reverse<(Slot, usize)>>,
    /// Slots up to here passed while no host was running.
    started_at: Timestamp,
}

#[derive(Debug)]
struct Scheduled {
    task: Arc<Task>,
    /// The last slot that was decided; before the first, the moment from which slots count.
    cursor: Slot,
}

impl Scheduler {
    /// Takes tasks up where their cursors stand; a task without one has no slots before `now`.
    pub fn new(tasks: impl IntoIterator<Item = Arc<Task>>, cursors: &HashMap<TaskName, Slot>, now: Timestamp) -> Self {
        let mut scheduler = Self { tasks: Vec::new(), next: BinaryHeap::new(), started_at: now };
        for task in tasks {
            let cursor = cursors.get(&task.name).copied().unwrap_or(Slot::at(now));
            scheduler.tasks.push(Scheduled { task, cursor });
            scheduler.plan(scheduler.tasks.len() - 1);
        }
        scheduler
    }

    /// The next slot of any task; it is in the past if slots are due.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.next.peek().map(|Reverse((slot, _))| slot.time())
    }

    /// Takes what is due at `now`. `gap` says what happened to time since the last call.
    pub fn take_due(&mut self, now: Timestamp, gap: Gap) -> Vec<Due> {
        let mut due = Vec::new();
        while self.next.peek().is_some_and(|Reverse((slot, _))| slot.time() <= now) {
            let Some(Reverse((first, index))) = self.next.pop() else { break };
            let why = match gap {
                // Before the first call, slots passed unseen; that call comes at the start and takes them all.
                _ if first.time() <= self.started_at => Miss::Down,
                Gap::ClockStep => Miss::ClockStep,
                Gap::None | Gap::Suspended => Miss::Suspended,
            };
            let scheduled = &mut self.tasks[index];
            let taken = take(&scheduled.task, scheduled.cursor, first, now, why);
            scheduled.cursor = taken.last().unwrap_or(first);
            due.push(taken);
            self.plan(index);
        }
        due
    }

    /// Plans the next slot of a task.
    fn plan(&mut self, index: usize) {
        let Scheduled { task, cursor } = &self.tasks[index];
        if let Some(slot) = task.schedule.next_after(cursor.time()) {
            self.next.push(Reverse((slot, index)));
        }
    }
}

/// How many slots of a task can be on time at once: no schedule has more than one a second.
const MOST_ON_TIME: usize = Misfire::GRACE.as_secs() as usize + 1;

/// Decides over the slots of a task after its cursor and up to `now`, of which `first` is the first. `why` is said of
/// those that are missed.
fn take(task: &Arc<Task>, cursor: Slot, first: Slot, now: Timestamp, why: Miss) -> Due {
    let is_within = |slot: Slot, limit: Duration| until(now, slot.time()) <= limit;
    let is_on_time = |slot: Slot| is_within(slot, Misfire::GRACE);
    let cause = |slot: Slot| if is_on_time(slot) { Cause::Schedule } else { Cause::CatchUp };
    let due = |missed, runs: &[Slot]| Due {
        task: task.clone(),
        missed,
        runs: runs.iter().map(|slot| (*slot, cause(*slot))).collect(),
    };
    let is_alone = task.schedule.next_after(first.time()).is_none_or(|second| second.time() > now);
    if is_alone && is_on_time(first) {
        return due(None, &[first]);
    }
    let late_ones = match task.misfire.policy {
        MisfirePolicy::Skip => 0,
        MisfirePolicy::Once => 1,
        MisfirePolicy::All { max } => max as usize,
    };
    // One more than can run: it ends the range that is missed.
    let passed = task.schedule.passed(cursor.time(), now, late_ones.max(MOST_ON_TIME) + 1);
    // A slot that is on time is not a misfire, whatever passed before it.
    let runs = |(age, slot): &(usize, &Slot)| {
        is_on_time(**slot) || (*age < late_ones && is_within(**slot, task.misfire.window))
    };
    let count = passed.latest.iter().rev().enumerate().take_while(runs).count();
    let (before, runs) = passed.latest.split_at(passed.latest.len() - count);
    let missed = before.last().map(|last| Missed { first, last: *last, count: passed.count - count as u64, why });
    due(missed, runs)
}

#[cfg(test)]
mod tests;
