//! Which slots of which tasks are due, and what becomes of those that were missed.
//!
//! Pure: the time is an argument. Every slot comes out exactly once, as one to run or within a range that is not run,
//! and in order: a task's cursor only ever moves forward, whatever the clock does. `passing` has the misfire rule.

mod passing;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::cause::Cause;
use crate::model::id::TaskName;
use crate::model::misfire::Misfire;
use crate::model::outcome::{Miss, PassedOver, Skip};
use crate::model::slot::Slot;
use crate::model::task::Task;

pub(in crate::daemon) use passing::passed_over;
use passing::{Passage, settle, take};

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
    /// Slots that are not run, before all those that are, oldest first.
    pub missed: Vec<Missed>,
    /// Slots to run, oldest first.
    pub runs: Vec<(Slot, Cause)>,
}

impl Due {
    /// The last of the slots that are decided.
    pub fn last(&self) -> Option<Slot> {
        self.runs.last().map(|(slot, _)| *slot).or(self.missed.last().map(|missed| missed.last))
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
    pub why: PassedOver,
}

/// The due times of all tasks.
#[derive(Debug)]
pub struct Scheduler {
    /// In the order of their names.
    tasks: Vec<Scheduled>,
    /// When to look at each task, and its place in `tasks`. Those that a task no longer has `planned` mean nothing.
    next: BinaryHeap<Reverse<(Slot, usize)>>,
    /// Slots up to here passed while no host was running.
    started_at: Timestamp,
}

/// A task that is taken in a swap.
#[derive(Debug)]
pub struct Taken {
    /// The task.
    pub task: Arc<Task>,
    /// The moment from which its slots count; none if they go on from where they are.
    pub anew: Option<Slot>,
    /// Why its slots are not to be run, if they are not.
    pub hold: Option<Skip>,
}

#[derive(Debug)]
struct Scheduled {
    task: Arc<Task>,
    /// The last slot that was decided; before the first, the moment from which slots count.
    cursor: Slot,
    /// Why its slots are not to be run, while they are not.
    hold: Option<Skip>,
    /// When to look at it next: at its next slot, or, while it is held, not before it is worth an entry.
    planned: Option<Slot>,
}

/// How long slots of a task that is held gather before they are entered: one that is paused, and due every second,
/// costs the ledger a write a minute.
const GATHERING: Duration = Duration::from_secs(60);

impl Scheduler {
    /// Takes tasks up where their cursors stand; a task without one has no slots before `now`.
    pub fn new(tasks: impl IntoIterator<Item = Arc<Task>>, cursors: &HashMap<TaskName, Slot>, now: Timestamp) -> Self {
        let cursor = |task: &Task| cursors.get(&task.name).copied().unwrap_or(Slot::at(now));
        let scheduled = |task: Arc<Task>| Scheduled { cursor: cursor(&task), task, hold: None, planned: None };
        let mut tasks: Vec<Scheduled> = tasks.into_iter().map(scheduled).collect();
        tasks.sort_by(|a, b| a.task.name.cmp(&b.task.name));
        tasks.shrink_to_fit();
        let next = BinaryHeap::with_capacity(tasks.len());
        let mut scheduler = Self { tasks, next, started_at: now };
        (0..scheduler.tasks.len()).for_each(|index| scheduler.plan(index, now));
        scheduler
    }

    /// Takes other tasks in place of those it has: each with the moment from which its slots count if that is another
    /// one, and with why they are not to be run. What is due under the tasks before has to be taken first.
    pub fn swap(&mut self, tasks: impl IntoIterator<Item = Taken>, now: Timestamp) {
        let before = Self { tasks: std::mem::take(&mut self.tasks), next: BinaryHeap::new(), started_at: now };
        let mut taken: Vec<Taken> = tasks.into_iter().collect();
        taken.sort_by(|a, b| a.task.name.cmp(&b.task.name));
        self.tasks.reserve_exact(taken.len());
        self.next.clear();
        for (index, Taken { task, anew, hold }) in taken.into_iter().enumerate() {
            let known = before.place(&task.name).map(|place| &before.tasks[place]);
            match (known, anew) {
                (Some(known), None) if known.hold == hold => {
                    self.next.extend(known.planned.map(|planned| Reverse((planned, index))));
                    self.tasks.push(Scheduled { task, ..*known });
                }
                (known, anew) => {
                    let cursor = anew.or(known.map(|known| known.cursor)).unwrap_or(Slot::at(now));
                    self.tasks.push(Scheduled { task, cursor, hold, planned: None });
                    self.plan(index, now);
                }
            }
        }
    }

    /// Where a task stands among the others.
    fn place(&self, task: &TaskName) -> Option<usize> {
        self.tasks.binary_search_by(|scheduled| scheduled.task.name.cmp(task)).ok()
    }

    /// How far a task's slots are decided.
    pub fn cursor(&self, task: &TaskName) -> Option<Slot> {
        self.place(task).map(|index| self.tasks[index].cursor)
    }

    /// When slots have to be taken next; it is in the past if slots are due.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.next.peek().map(|Reverse((slot, _))| slot.time())
    }

    /// Takes what is due at `now`. `gap` says what happened to time since the last call.
    pub fn take_due(&mut self, now: Timestamp, gap: Gap) -> Vec<Due> {
        let mut due = Vec::new();
        while self.next.peek().is_some_and(|Reverse((slot, _))| slot.time() <= now) {
            let Some(Reverse((planned, index))) = self.next.pop() else { break };
            if self.tasks[index].planned == Some(planned) {
                due.extend(self.take(index, now, gap));
            }
        }
        due
    }

    /// Lets a task's slots pass from now on without being run. Those up to now are decided as ever.
    pub fn hold(&mut self, task: &TaskName, why: Skip, now: Timestamp) -> Option<Due> {
        let index = self.place(task)?;
        let due = match self.tasks[index].planned {
            Some(planned) if planned.time() <= now => self.take(index, now, Gap::None),
            _ => None,
        };
        self.tasks[index].hold = Some(why);
        self.plan(index, now);
        due
    }

    /// The same for a task that was held before it was taken up: its slots since its cursor are held too.
    pub fn hold_from_the_start(&mut self, task: &TaskName, why: Skip, now: Timestamp) {
        if let Some(index) = self.place(task) {
            self.tasks[index].hold = Some(why);
            self.plan(index, now);
        }
    }

    /// Lets a task's slots be run again from now on. Of those that passed meanwhile, the misfire policy has the latest
    /// run late; none of them counts as on time.
    pub fn release(&mut self, task: &TaskName, now: Timestamp) -> Option<Due> {
        let index = self.place(task)?;
        let scheduled = &mut self.tasks[index];
        let why = scheduled.hold.take()?;
        let passage = Passage { why: PassedOver::Skipped(why), grace: Duration::ZERO };
        let first = scheduled.task.schedule.next_after(scheduled.cursor.time()).filter(|first| first.time() <= now);
        let due = first.map(|first| take(&scheduled.task, scheduled.cursor, first, now, passage));
        if let Some(last) = due.as_ref().and_then(Due::last) {
            scheduled.cursor = last;
        }
        self.plan(index, now);
        due
    }

    /// Decides over the slots of one task up to `now`, of which there are some unless it is held.
    fn take(&mut self, index: usize, now: Timestamp, gap: Gap) -> Option<Due> {
        let started_at = self.started_at;
        let scheduled = &mut self.tasks[index];
        let due = match scheduled.hold {
            Some(why) => settle(&scheduled.task, scheduled.cursor, now, why),
            None => scheduled.planned.map(|first| {
                let why = match gap {
                    // Before the first call, slots passed unseen; that call comes at the start and takes them all.
                    _ if first.time() <= started_at => Miss::Down,
                    Gap::ClockStep => Miss::ClockStep,
                    Gap::None | Gap::Suspended => Miss::Suspended,
                };
                let passage = Passage { why: PassedOver::Missed(why), grace: Misfire::GRACE };
                take(&scheduled.task, scheduled.cursor, first, now, passage)
            }),
        };
        if let Some(last) = due.as_ref().and_then(Due::last) {
            scheduled.cursor = last;
        }
        self.plan(index, now);
        due
    }

    /// Plans when to look at a task next.
    fn plan(&mut self, index: usize, now: Timestamp) {
        let Scheduled { task, cursor, hold, planned } = &mut self.tasks[index];
        *planned = match hold {
            None => task.schedule.next_after(cursor.time()),
            Some(_) => {
                let next = task.schedule.next_after(cursor.time().max(now));
                let gathered = Slot::at(now.saturating_add(GATHERING).unwrap_or(Timestamp::MAX));
                next.map(|next| next.max(gathered))
            }
        };
        if let Some(planned) = *planned {
            self.next.push(Reverse((planned, index)));
        }
    }
}

#[cfg(test)]
mod tests;
