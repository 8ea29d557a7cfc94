//! What holds at any time, and what has to be in the ledger at the end.

use super::world::World;
use super::*;

impl World {
    /// What holds of anything that is decided.
    pub(super) fn allows(&self, step: &Step) {
        for entry in &step.entries {
            let Entry::Admitted { run, .. } = entry else { continue };
            let by_itself = !matches!(run.cause, Cause::Manual | Cause::Backfill { .. });
            assert!(run.task.enabled, "{} is disabled", run.task.name);
            assert!(self.is_in_force(&run.task), "{} was admitted with settings of before", run.task.name);
            assert!(!(by_itself && self.held.contains(&run.task.name)), "{} is paused: {run:?}", run.task.name);
        }
        for effect in &step.effects {
            let Effect::Start { run, .. } = effect else { continue };
            assert_eq!(self.plugin, PluginState::Ready, "there is nothing to run of {}", run.id);
            assert!(run.task.enabled, "{} is disabled", run.task.name);
            assert!(self.is_in_force(&run.task), "{} starts with settings of before", run.task.name);
        }
    }

    /// Whether a task is as configured now, or was when the step began that is being decided.
    fn is_in_force(&self, task: &Arc<Task>) -> bool {
        self.tasks.iter().chain(&self.tasks_before).any(|known| Arc::ptr_eq(known, task))
    }

    /// What holds at any time.
    pub(super) fn holds(&self) {
        assert!(self.guests.len() <= PERMITS, "{} guests at once", self.guests.len());
        for task in self.tasks.iter().filter(|task| task.overlap != Overlap::Allow) {
            let running = self.guests.keys().filter(|run| self.memory.runs[run].task == task.name).count();
            assert!(running <= task.max_concurrent.get() as usize, "{running} runs of {} at once", task.name);
        }
    }

    /// A run waits for its next attempt no longer than its task says, whatever was done to the clock meanwhile.
    pub(super) fn no_wait_is_too_long(&self) {
        for (until, run) in &self.dispatcher.retries {
            let active = &self.dispatcher.active[run];
            let longest = active.run.task.retry.backoff.wait(active.counted_attempts());
            let wait = until.duration_since(self.now);
            assert!(wait <= SignedDuration::try_from(longest).unwrap(), "{run} waits for {wait:?}, not {longest:?}");
        }
    }

    /// Lets everything come to an end, and looks at what is in the ledger then.
    pub(super) fn settle(mut self) {
        self.act(&Op::Mend);
        self.act(&Op::Crash(Shape::default()));
        self.act(&Op::Prepared(PluginState::Ready));
        for task in self.tasks.clone() {
            self.resume(&task.name);
        }
        // A clock that was set back by a year has no retry wait for it.
        self.come_to_rest();
        // It is set right, so that slots come again.
        let ahead = self.memory.cursors.values().map(|cursor| cursor.time()).max().unwrap();
        self.turn(ahead.duration_since(self.now).as_secs().max(0), Gap::ClockStep);
        self.come_to_rest();
        for run in self.memory.runs.values() {
            assert!(matches!(run.state, RunState::Final(_)), "{run:?}");
            let succeeded = run.state == RunState::Final(Outcome::Attempted(succeeded()));
            assert_eq!(succeeded, self.succeeded.contains(&run.run), "{run:?}");
            assert!(run.attempts - run.attempts_before <= 13, "{run:?}");
        }
        self.every_slot_has_one_entry();
    }

    fn come_to_rest(&mut self) {
        for _ in 0..20 {
            self.turn(400, Gap::None);
            self.write(usize::MAX);
            while let Some(run) = self.guests.keys().next().copied() {
                self.end(run, OutcomeClass::Succeeded);
                self.write(usize::MAX);
            }
        }
        assert_eq!(self.dispatcher.open_runs(), 0, "{:?}", self.dispatcher.active);
    }

    fn every_slot_has_one_entry(&self) {
        for task in &self.tasks {
            let mut walk = Walk { epochs: &self.epochs[&task.name], last: self.epochs[&task.name][0].0 };
            for (slot, entered) in &self.memory.slots[&task.name] {
                let (last, schedule) = walk.to(*slot);
                let passed = schedule.passed(last.time(), entered.last.time(), 0);
                assert_eq!(schedule.next_after(last.time()), Some(*slot), "{} after {last}", task.name);
                assert_eq!(passed.count, entered.count, "{} from {slot} to {}", task.name, entered.last);
                walk.last = entered.last;
            }
            let (last, schedule) = walk.to(Slot::at(self.now));
            assert!(schedule.next_after(last.time()).unwrap().time() > self.now, "{} after {last}", task.name);
        }
    }
}

/// A way through the slots of a task, which may have had several schedules.
struct Walk<'e> {
    /// From when they are of which schedule: the one of `last`, and those to come.
    epochs: &'e [(Slot, Schedule)],
    /// The last slot that has an entry.
    last: Slot,
}

impl Walk<'_> {
    /// Goes on to the schedule of a slot. All slots of one that gave way to another are behind it by then.
    fn to(&mut self, slot: Slot) -> (Slot, &Schedule) {
        while let [(_, schedule), rest @ ..] = self.epochs
            && let Some((from, _)) = rest.first().filter(|(from, _)| *from < slot)
        {
            let left = schedule.next_after(self.last.time()).filter(|left| left <= from);
            assert_eq!(left, None, "under {schedule} after {} and before {from}", self.last);
            (self.epochs, self.last) = (rest, *from);
        }
        (self.last, &self.epochs[0].1)
    }
}
