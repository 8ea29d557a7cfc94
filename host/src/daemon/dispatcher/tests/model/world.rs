//! A host, driven as the firing loop drives it: steps wait for the ledger in order, effects come after them, and a crash
//! loses what was not yet entered.

use std::collections::{BTreeMap, BTreeSet};

use super::durable::Durable;
use super::*;
use crate::daemon::dispatcher::tests::memory::Memory;
use crate::ledger::LedgerError;
use crate::model::outcome::Interruption;

/// A host, its ledger, its guests, and the model of what it may do with them.
pub(super) struct World {
    pub tasks: Vec<Arc<Task>>,
    pub dispatcher: Dispatcher,
    pub now: Timestamp,
    pub memory: Memory,
    /// The real ledger beside the one in memory, in some sequences.
    pub durable: Option<Durable>,
    /// Steps on their way into the ledger.
    pub pending: VecDeque<Step>,
    is_failing: bool,
    /// What has happened to time since slots were last taken.
    gap: Gap,
    /// The plugin of all tasks, as this host knows it.
    pub plugin: PluginState,
    /// Attempts that go on.
    pub guests: BTreeMap<RunId, u32>,
    /// The model: attempts that ever began, runs that were told to stop, that succeeded, and that the ledger refused.
    began: BTreeSet<(RunId, u32)>,
    pub stopped: BTreeSet<RunId>,
    pub succeeded: BTreeSet<RunId>,
    refused: BTreeSet<RunId>,
    /// The tasks of which a step may have been decided before the last reload.
    pub tasks_before: Vec<Arc<Task>>,
    /// From when each task's slots are of which schedule, as the ledger has it.
    pub epochs: BTreeMap<TaskName, Vec<(Slot, Schedule)>>,
    /// Whether somebody else entered slots: a range that was passed over under another schedule cannot be divided.
    pub is_forestalled: bool,
    /// Tasks that are paused.
    pub held: BTreeSet<TaskName>,
    /// Whether a backfill was looked up before the ledger knew all: it may be refused.
    pub has_raced: bool,
}

impl World {
    pub(super) fn new(durable: bool) -> Self {
        let now = START.parse().unwrap();
        let tasks = tasks(Shape::default());
        let (dispatcher, first) = dispatcher(&tasks, Recovered::default(), now);
        let mut world = Self {
            tasks,
            dispatcher,
            now,
            memory: Memory::default(),
            durable: durable.then(Durable::new),
            pending: VecDeque::new(),
            is_failing: false,
            gap: Gap::None,
            plugin: PluginState::Preparing,
            guests: BTreeMap::new(),
            began: BTreeSet::new(),
            stopped: BTreeSet::new(),
            succeeded: BTreeSet::new(),
            refused: BTreeSet::new(),
            tasks_before: Vec::new(),
            epochs: BTreeMap::new(),
            is_forestalled: false,
            held: BTreeSet::new(),
            has_raced: false,
        };
        world.record(first);
        // Without their first cursors, tasks would have no slots that could be lost.
        world.write(1);
        world
    }

    /// Lets something happen.
    pub(super) fn act(&mut self, op: &Op) {
        match op {
            Op::Pass(seconds) => self.turn(*seconds, Gap::None),
            Op::Sleep(seconds) => self.turn(*seconds, Gap::Suspended),
            Op::Set(seconds) => self.turn(*seconds, Gap::ClockStep),
            Op::Cancel(index) => self.cancel(index),
            Op::End(index, class) => {
                let guests: Vec<RunId> = self.guests.keys().copied().collect();
                if !guests.is_empty() {
                    self.end(*index.get(&guests), *class);
                }
            }
            Op::Fail => self.is_failing = true,
            Op::Mend if self.is_failing => {
                self.is_failing = false;
                self.write(usize::MAX);
            }
            Op::Crash(shape) => self.crash(self.possible(*shape)),
            Op::Prepared(state) if self.plugin == PluginState::Preparing => {
                self.plugin = *state;
                let step = self.dispatcher.plugin_changed(&self.tasks[0].build(), *state, self.now);
                self.record(step);
            }
            // While the ledger cannot be written, these are refused.
            _ if self.is_failing => {}
            Op::Trigger(index) => self.trigger(index),
            Op::Pause(index) => self.pause(&index.get(&self.tasks).name.clone()),
            Op::Resume(index) => self.resume(&index.get(&self.tasks).name.clone()),
            Op::Backfill(index, asked) => self.backfill(index, *asked),
            Op::Write(steps) => self.write(*steps),
            Op::Reload(shape) => self.reload(self.possible(*shape)),
            Op::Forestall(index) if self.durable.is_none() => self.forestall(index),
            Op::Mend | Op::Prepared(_) | Op::Forestall(_) => {}
        }
        self.holds();
        // What time did is known when slots are taken.
        if self.gap == Gap::None && !self.is_failing {
            self.no_wait_is_too_long();
        }
    }

    /// A turn of the firing loop, some time after the last.
    pub(super) fn turn(&mut self, seconds: i64, gap: Gap) {
        self.now += SignedDuration::from_secs(seconds);
        if gap != Gap::None {
            self.gap = gap;
        }
        if self.is_failing {
            return;
        }
        let mut step = Step::default();
        for due in self.dispatcher.take_due(self.now, std::mem::replace(&mut self.gap, Gap::None)) {
            step.append(self.dispatcher.due(due, self.now));
        }
        step.append(self.dispatcher.retry(self.now));
        self.record(step);
    }

    pub(super) fn end(&mut self, run: RunId, class: OutcomeClass) {
        let attempt = self.guests.remove(&run).unwrap();
        let row = &self.memory.runs[&run];
        let known = tasks(Shape::default());
        let retry = &known.iter().find(|task| task.name == row.task).unwrap().retry;
        let again = !self.stopped.contains(&run) && is_again(retry, attempt - row.attempts_before, class);
        let step = self.dispatcher.attempt_ended(ended(run, outcome(class), self.now), self.now, 0.5);
        let Some(Entry::AttemptEnded { next, .. }) = step.entries.first() else { panic!("an attempt ended: {step:?}") };
        assert_eq!(matches!(next, Next::Retry { .. }), again, "attempt {attempt} of {run} ended as {class}");
        self.record(step);
    }

    /// Takes what was decided.
    pub(super) fn record(&mut self, step: Step) {
        self.allows(&step);
        for entry in &step.entries {
            if let Entry::Reopened { run, .. } = entry {
                self.stopped.remove(&run.id);
            }
        }
        for effect in &step.effects {
            if let Effect::Stop { run, .. } = effect {
                self.stopped.insert(*run);
            }
        }
        if !step.is_empty() {
            self.pending.push_back(step);
        }
    }

    /// The ledger takes steps, and what they are to bring about is done.
    pub(super) fn write(&mut self, steps: usize) {
        for _ in 0..steps {
            let Some(mut step) = self.pending.pop_front() else { return };
            while let Err(refusal) = self.memory.append(&step.entries) {
                let follows = match &refusal {
                    LedgerError::OutOfOrder { run, .. } => self.refused.contains(run),
                    _ => !self.refused.is_empty() || self.durable.is_none(),
                };
                assert!(follows || self.has_raced, "{refusal}: {:?}", step.entries);
                let (removed, freed) = self.dispatcher.refused(&mut step, &refusal, self.now);
                self.refused.extend(&removed);
                // What may start in their place could have been admitted by a step behind this one.
                self.record(freed);
            }
            if let Some(durable) = &self.durable {
                durable.append(&step.entries);
            }
            self.note_schedules(&step.entries);
            self.succeeded.extend(step.entries.iter().filter_map(succeeded_run));
            for effect in step.effects {
                if let Effect::Start { run, attempt } = effect {
                    assert!(self.began.insert((run.id, attempt)), "attempt {attempt} of {} starts twice", run.id);
                    assert_eq!(self.memory.runs[&run.id].state, RunState::Running { attempt }, "it is in the ledger");
                    assert!(!self.succeeded.contains(&run.id), "{} succeeded already", run.id);
                    assert!(self.guests.insert(run.id, attempt).is_none(), "{} runs twice at once", run.id);
                }
            }
        }
    }

    fn crash(&mut self, shape: Shape) {
        self.pending.clear();
        self.guests.clear();
        self.stopped.clear();
        self.is_failing = false;
        self.gap = Gap::None;
        self.plugin = PluginState::Preparing;
        self.tasks = tasks(shape);
        self.tasks_before.clear();
        let mut recovered = self.memory.recovered();
        if let Some(durable) = self.durable.take() {
            let (durable, found) = durable.reopen();
            self.durable = Some(durable);
            assert_eq!(found.cursors, recovered.cursors);
            assert_eq!(found.standings, recovered.standings);
            assert_eq!(found.unfinished, recovered.unfinished);
            assert_eq!(found.last_run, recovered.last_run);
            recovered = found;
        }
        let is_paused = |(task, standing): (&TaskName, &Standing)| standing.pause.is_some().then(|| task.clone());
        self.held = recovered.standings.iter().filter_map(is_paused).collect();
        let (dispatcher, first) = dispatcher(&self.tasks, recovered, self.now);
        self.dispatcher = dispatcher;
        self.record(first);
    }
}

/// Whether another attempt follows upon one that ended so: an interrupted one for nothing, up to ten times.
fn is_again(retry: &Retry, attempt: u32, class: OutcomeClass) -> bool {
    match class {
        OutcomeClass::Interrupted => retry.on_interrupt == OnInterrupt::Retry && attempt < retry.attempts + 10,
        class => retry.on.contains(&class) && attempt < retry.attempts,
    }
}

/// The run that an entry makes a success. One that is not entered is as if it had not been: its run is done again.
fn succeeded_run(entry: &Entry) -> Option<RunId> {
    match entry {
        Entry::AttemptEnded { run, outcome, .. } if **outcome == succeeded() => Some(*run),
        _ => None,
    }
}

/// A host's dispatcher, at its start.
fn dispatcher(tasks: &[Arc<Task>], recovered: Recovered, now: Timestamp) -> (Dispatcher, Step) {
    Dispatcher::new(tasks.to_vec(), Queue::new(PERMITS, 5), recovered, 0, now, &mut || 0.5)
}

fn outcome(class: OutcomeClass) -> AttemptOutcome {
    match class {
        OutcomeClass::Succeeded => succeeded(),
        OutcomeClass::FailedTransient => failed(),
        OutcomeClass::Interrupted => AttemptOutcome::Interrupted(Interruption::Shutdown),
        _ => AttemptOutcome::Failed(Failure { kind: FailureKind::Permanent, message: "no".into() }),
    }
}
