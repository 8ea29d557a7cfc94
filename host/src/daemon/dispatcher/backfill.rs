//! Runs of slots that have passed: how they come to be, and how few of them go on at once.
//!
//! They wait outside of the queue, so that a thousand of them neither fill it nor come before what is due now.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;

use jiff::Timestamp;

use super::active::{Active, Whereabouts};
use super::{Dispatcher, Entering, Mode, PluginState, Refusal};
use crate::daemon::backfill::{Cut, Tally, plan};
use crate::daemon::step::{Effect, Step};
use crate::ledger::{self, Entry, PastSlot};
use crate::model::cause::Cause;
use crate::model::event::Event;
use crate::model::id::{RunId, TaskName};
use crate::model::run::Run;
use crate::model::slot::Slot;
use crate::model::task::{Build, Task};

/// How many runs of backfills may be open at once, over all tasks.
pub const MOST_OPEN: usize = 100_000;

/// The runs of a task's backfills that are open.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// Those that wait, in order.
    waiting: VecDeque<RunId>,
    /// How many go on, or wait for a place or for their next attempt.
    going: usize,
}

impl Backlog {
    /// Forgets those that wait.
    pub(super) fn forget_waiting(&mut self) {
        self.waiting.clear();
    }
}

/// What was decided about some slots of a backfill.
#[derive(Debug)]
pub struct Backfilled {
    /// How many of each kind there were.
    pub tally: Tally,
    /// What to record and to do.
    pub step: Step,
}

impl Dispatcher {
    /// Runs slots that have passed, each given with what the ledger has of it, unless they succeeded or go on.
    ///
    /// # Errors
    ///
    /// If there is no such task or it cannot be run, if the host is shutting down, or if too many runs wait already.
    pub fn backfill(
        &mut self,
        task: &TaskName,
        slots: &[(Slot, PastSlot)],
        max_parallel: NonZeroU32,
        now: Timestamp,
    ) -> Result<Backfilled, Refusal> {
        let task = self.reachable(task)?;
        if !task.enabled {
            return Err(Refusal::Disabled);
        }
        if self.plugins.get(&task.build()) == Some(&PluginState::Unusable) {
            return Err(Refusal::PluginUnusable);
        }
        let open: usize = self.backlogs.values().map(|backlog| backlog.waiting.len() + backlog.going).sum();
        if open + slots.len() > MOST_OPEN {
            return Err(Refusal::BackfillsFull);
        }
        let plan = plan(&task.schedule, slots);
        let mut step = Step::default();
        for Cut { range, rest } in plan.cuts {
            step.entries.push(Entry::RangeCut { task: task.name.clone(), range, rest, at: now });
        }
        let mut tally = plan.tally;
        for (slot, known) in plan.runs {
            // A run that the ledger says is over may have been opened since.
            if known.is_some_and(|(run, _)| self.active.contains_key(&run)) {
                tally.reopened -= 1;
                tally.unfinished += 1;
                continue;
            }
            self.queue_backfill(&task, slot, known, max_parallel, now, &mut step);
        }
        self.feed(&task, now, &mut step);
        Ok(Backfilled { tally, step })
    }

    fn queue_backfill(
        &mut self,
        task: &Arc<Task>,
        slot: Slot,
        known: Option<(RunId, u32)>,
        max_parallel: NonZeroU32,
        now: Timestamp,
        step: &mut Step,
    ) {
        let (id, attempts) = known.unwrap_or_else(|| (self.next_id(now), 0));
        let run = Arc::new(Run {
            id,
            task: task.clone(),
            cause: Cause::Backfill { max_parallel },
            slot: Some(slot),
            payload: task.payload.clone(),
            trace: None,
            admitted_at: now,
        });
        step.entries.push(match known {
            Some(_) => Entry::Reopened { run: run.clone(), attempts, at: now },
            None => Entry::Admitted { run: run.clone(), admission: ledger::Admission::Queued },
        });
        step.effects.push(Effect::Tell(Event::RunQueued(run.clone())));
        self.put_back(Active { attempts, attempts_before: attempts, ..Active::new(run) });
    }

    /// Puts a run of a backfill, which is queued, behind the others of its task.
    pub(super) fn put_back(&mut self, active: Active) {
        let id = active.run.id;
        self.backlogs.entry(active.run.task.name.clone()).or_default().waiting.push_back(id);
        self.active.insert(id, Active { whereabouts: Whereabouts::Backlog, ..active });
    }

    /// Takes note that a run of a backfill was between two attempts when the host before went away.
    pub(super) fn count_backfill(&mut self, run: &Run) {
        if let Cause::Backfill { .. } = run.cause {
            self.backlogs.entry(run.task.name.clone()).or_default().going += 1;
        }
    }

    /// Lets as many runs of a task's backfills go on as may.
    pub(super) fn feed(&mut self, task: &Arc<Task>, now: Timestamp, step: &mut Step) {
        // With a plugin that cannot be used, they wait for one that can.
        let ready = self.plugins.get(&task.build()) == Some(&PluginState::Ready);
        while ready && self.mode == Mode::Serving {
            let Some(backlog) = self.backlogs.get_mut(&task.name) else { return };
            let Some(next) = backlog.waiting.front().and_then(|id| self.active.get(id)) else { return };
            let Cause::Backfill { max_parallel } = next.run.cause else { return };
            if backlog.going >= max_parallel.get() as usize {
                return;
            }
            backlog.going += 1;
            let Some(active) = backlog.waiting.pop_front().and_then(|id| self.active.remove(&id)) else { return };
            self.enter(active, Entering::Known, now, step);
        }
    }

    /// The same for every task of a build.
    pub(super) fn feed_all(&mut self, build: &Build, now: Timestamp, step: &mut Step) {
        let mut tasks: Vec<Arc<Task>> = self
            .backlogs
            .keys()
            .filter_map(|task| self.tasks.get(task))
            .filter(|task| task.build() == *build)
            .cloned()
            .collect();
        tasks.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        for task in tasks {
            self.feed(&task, now, step);
        }
    }

    /// Takes note that a run is no longer active; if it was of a backfill, the next one goes on.
    pub(super) fn leave_backlog(&mut self, run: &Run, whereabouts: Whereabouts, now: Timestamp, step: &mut Step) {
        let Cause::Backfill { .. } = run.cause else { return };
        let Some(backlog) = self.backlogs.get_mut(&run.task.name) else { return };
        match whereabouts {
            Whereabouts::Backlog => backlog.waiting.retain(|id| *id != run.id),
            _ => backlog.going -= 1,
        }
        if backlog.waiting.is_empty() && backlog.going == 0 {
            self.backlogs.remove(&run.task.name);
        }
        // The run may have been of the task as it was before a reload.
        if let Some(task) = self.tasks.get(&run.task.name).cloned() {
            self.feed(&task, now, step);
        }
    }
}
