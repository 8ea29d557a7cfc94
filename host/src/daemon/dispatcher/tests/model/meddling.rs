//! What people do to a host: they trigger, cancel, pause, resume and backfill, and one writes into its ledger.

use super::world::World;
use super::*;
use crate::model::id::TaskName;

impl World {
    pub(super) fn trigger(&mut self, index: &Index) {
        let task = index.get(&self.tasks).clone();
        match self.dispatcher.trigger(&task.name, Cause::Manual, None, None, self.now) {
            Ok((_, step)) => self.record(step),
            Err(refusal) => assert_eq!((refusal, task.enabled), (Refusal::Disabled, false)),
        }
    }

    pub(super) fn cancel(&mut self, index: &Index) {
        let mut open: Vec<RunId> = self.dispatcher.active.keys().copied().collect();
        open.sort_unstable();
        if open.is_empty() {
            return;
        }
        let run = *index.get(&open);
        let step = self.dispatcher.cancel(run, CancelledBy::Operator, self.now).unwrap();
        self.stopped.insert(run);
        self.record(step);
    }

    pub(super) fn pause(&mut self, task: &TaskName) {
        let (pause, step) = self.dispatcher.pause(task, "a test", self.now).unwrap();
        assert!(self.held.contains(task) || pause.since == self.now);
        // Slots up to now are decided as ever.
        self.record(step);
        self.held.insert(task.clone());
    }

    pub(super) fn resume(&mut self, task: &TaskName) {
        let (pause, step) = self.dispatcher.resume_task(task, self.now).unwrap();
        assert_eq!(self.held.remove(task), pause.is_some(), "{task}");
        self.record(step);
    }

    pub(super) fn backfill(&mut self, index: &Index, asked: Backfill) {
        let Backfill { seconds, max_parallel, is_early } = asked;
        if !is_early {
            self.write(usize::MAX);
        }
        let task = index.get(&self.tasks).clone();
        // Before that, its slots were of another schedule.
        let first = self.epochs[&task.name].last().unwrap().0.time();
        let from = (self.now - SignedDuration::from_secs(seconds)).max(first);
        if self.epochs[&task.name].last().unwrap().1 != task.schedule {
            return;
        }
        let slots = task.schedule.passed(from, self.now, 60).latest;
        let past = self.past(&task.name, &slots);
        let slots: Vec<_> = slots.into_iter().zip(past).collect();
        match self.dispatcher.backfill(&task.name, &slots, max_parallel.try_into().unwrap(), self.now) {
            Ok(Backfilled { tally, step }) => {
                let Tally { new, reopened, succeeded, unfinished, undecided, foreign, removed } = tally;
                assert_eq!(new + reopened + succeeded + unfinished + undecided, slots.len() as u64, "{tally:?}");
                assert_eq!((foreign, removed), (0, 0), "they are of this schedule, and nothing is removed");
                self.has_raced |= !self.pending.is_empty();
                self.record(step);
            }
            Err(Refusal::Disabled) => assert!(!task.enabled),
            Err(refusal) => assert_eq!((refusal, self.plugin), (Refusal::PluginUnusable, PluginState::Unusable)),
        }
    }

    /// What the ledger has of slots that have passed. The real one knows ranges by ids too.
    fn past(&self, task: &TaskName, slots: &[Slot]) -> Vec<PastSlot> {
        let past = self.memory.past(task, slots);
        let Some(durable) = &self.durable else { return past };
        let found = durable.past(task, slots);
        let nameless = |past: &PastSlot| match *past {
            PastSlot::InRange { first, last, count, .. } => {
                PastSlot::InRange { id: RunId::from_i64(0).unwrap(), first, last, count }
            }
            other => other,
        };
        assert_eq!(found.iter().map(nameless).collect::<Vec<_>>(), past, "{task}");
        found
    }

    /// Enters the next slot of a task behind the host's back.
    pub(super) fn forestall(&mut self, index: &Index) {
        // Of another schedule that is on its way, the ledger does not know yet.
        let is_on_its_way = |step: &Step| step.entries.iter().any(|entry| matches!(entry, Entry::TaskSet { .. }));
        if self.epochs.values().any(|epochs| epochs.len() > 1)
            || self.tasks.iter().any(|task| self.is_rescheduled(task))
            || self.pending.iter().any(is_on_its_way)
        {
            return;
        }
        self.is_forestalled = true;
        let task = index.get(&self.tasks);
        let cursor = self.memory.cursors[&task.name];
        let slot = task.schedule.next_after(cursor.time()).unwrap();
        let first = RunId::from_i64(0).unwrap();
        let id = self.memory.runs.keys().next().map_or(first, |id| RunId::from_i64(id.as_i64() / 2).unwrap_or(first));
        if self.memory.runs.contains_key(&id) {
            return;
        }
        let why = Skip::QueueFull;
        let (task, at, cause) = (task.name.clone(), self.now, Cause::Schedule);
        self.memory.append(&[Entry::Skipped { id, task, slot: Some(slot), cause, why, at }]).unwrap();
    }
}
