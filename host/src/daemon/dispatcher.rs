//! What becomes of every slot, trigger and ended attempt: decided here, carried out by the firing loop.
//!
//! Pure: each event in yields a [`Step`] out, what to record and what to do once that is durable. Knows no threads,
//! no channels and no clock; a simulation drives it as the real loop does.

mod recovery;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use crate::daemon::queue::{Admission, Queue};
use crate::daemon::scheduler::{Due, Gap, Scheduler};
use crate::daemon::step::{Effect, Step};
use crate::ledger::{self, Entry, Next, Recovered};
use crate::model::cause::Cause;
use crate::model::event::Event;
use crate::model::id::{Digest, RunId, TaskName};
use crate::model::limits::Usage;
use crate::model::log::LogLine;
use crate::model::outcome::{AttemptOutcome, CancelledBy, Outcome, Skip, Stop};
use crate::model::payload::Blob;
use crate::model::run::Run;
use crate::model::slot::Slot;
use crate::model::task::{Build, Task};

/// An attempt that ended.
#[derive(Debug)]
pub struct Ended {
    /// The run.
    pub run: RunId,
    /// The plugin's bytes that it executed.
    pub plugin: Digest,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// What it used.
    pub usage: Usage,
    /// What it logged.
    pub log: Vec<LogLine>,
    /// When the guest started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
}

/// Whether a plugin can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PluginState {
    /// Not yet: it is being compiled. Runs of its tasks wait.
    Preparing,
    /// Yes.
    Ready,
    /// No. Runs of its tasks are skipped.
    Unusable,
}

/// Why a trigger was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such task.
    #[error("no task of that name is configured")]
    NoSuchTask,
    /// The host is shutting down.
    #[error("the host is shutting down")]
    ShuttingDown,
    /// The ledger cannot be written, so nothing is admitted.
    #[error("the ledger cannot be written")]
    LedgerFailing,
}

/// Everything that is decided about runs.
#[derive(Debug)]
pub struct Dispatcher {
    tasks: HashMap<TaskName, Arc<Task>>,
    /// The tasks that a task's success starts.
    followers: HashMap<TaskName, Vec<Arc<Task>>>,
    plugins: HashMap<Build, PluginState>,
    scheduler: Scheduler,
    queue: Queue,
    active: HashMap<RunId, Active>,
    /// Runs that wait for their next attempt, by its time.
    retries: BTreeSet<(Timestamp, RunId)>,
    last_run: Option<RunId>,
    host: u8,
    mode: Mode,
}

/// Whether new attempts start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Serving,
    Draining,
}

/// A run that is not over.
#[derive(Debug)]
struct Active {
    run: Arc<Run>,
    /// Attempts begun.
    attempts: u32,
    stage: Stage,
}

/// Where an active run stands, as far as deciding goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Its plugin is still being compiled; the queue does not know of it yet.
    Parked,
    /// In the queue.
    Queued,
    /// An attempt goes on, or starts as soon as that is durable.
    Running,
    /// An attempt goes on that was told to stop: there is no next one.
    Stopping,
    /// Between two attempts.
    Waiting { until: Timestamp },
}

impl Dispatcher {
    /// Takes up where the ledger left off. The step closes or continues what an earlier host left unfinished, and
    /// gives tasks that the ledger has not seen before a cursor, from which their slots count.
    ///
    /// `host` is the number of this host in the ids of runs; `chance` yields numbers in `0.0..1.0` for jitter.
    pub fn new(
        tasks: Vec<Arc<Task>>,
        queue: Queue,
        recovered: Recovered,
        host: u8,
        now: Timestamp,
        chance: &mut dyn FnMut() -> f64,
    ) -> (Self, Step) {
        let mut step = Step::default();
        for task in tasks.iter().filter(|task| !recovered.cursors.contains_key(&task.name)) {
            step.entries.push(Entry::CursorSet { task: task.name.clone(), slot: Slot::at(now) });
        }
        let mut followers: HashMap<TaskName, Vec<Arc<Task>>> = HashMap::new();
        for task in &tasks {
            for before in &task.after {
                followers.entry(before.clone()).or_default().push(task.clone());
            }
        }
        let mut dispatcher = Self {
            plugins: tasks.iter().map(|task| (task.build(), PluginState::Preparing)).collect(),
            scheduler: Scheduler::new(tasks.iter().cloned(), &recovered.cursors, now),
            tasks: tasks.into_iter().map(|task| (task.name.clone(), task)).collect(),
            followers,
            queue,
            active: HashMap::new(),
            retries: BTreeSet::new(),
            last_run: recovered.last_run,
            host,
            mode: Mode::Serving,
        };
        for unfinished in recovered.unfinished {
            dispatcher.take_up(unfinished, now, chance(), &mut step);
        }
        (dispatcher, step)
    }

    /// When [`Dispatcher::due`] or [`Dispatcher::retry`] next has something to do; none if nothing is planned.
    pub fn next_wake(&self) -> Option<Timestamp> {
        if self.mode == Mode::Draining {
            return None;
        }
        let retry = self.retries.first().map(|(until, _)| *until);
        [self.scheduler.next_wake(), retry].into_iter().flatten().min()
    }

    /// Takes the slots that have come due. `gap` says what happened to time since the last call.
    pub fn take_due(&mut self, now: Timestamp, gap: Gap) -> Vec<Due> {
        match self.mode {
            Mode::Serving => self.scheduler.take_due(now, gap),
            Mode::Draining => Vec::new(),
        }
    }

    /// Decides over one task's due slots.
    pub fn due(&mut self, due: Due, now: Timestamp) -> Step {
        let mut step = Step::default();
        if let Some(missed) = due.missed {
            step.entries.push(Entry::Missed {
                task: due.task.name.clone(),
                first: missed.first,
                last: missed.last,
                count: missed.count,
                why: missed.why,
                at: now,
            });
            step.effects.push(Effect::Tell(Event::SlotsMissed {
                task: due.task.clone(),
                first: missed.first,
                last: missed.last,
                count: missed.count,
                why: missed.why,
            }));
        }
        for (slot, cause) in due.runs {
            self.admit(&due.task, cause, Some(slot), None, now, &mut step);
        }
        step
    }

    /// Resumes the runs whose wait for the next attempt is over.
    pub fn retry(&mut self, now: Timestamp) -> Step {
        let mut step = Step::default();
        while self.mode == Mode::Serving && self.retries.first().is_some_and(|(until, _)| *until <= now) {
            let Some((_, id)) = self.retries.pop_first() else { break };
            self.resume(id, now, &mut step);
        }
        step
    }

    /// Admits a run that somebody asked for.
    ///
    /// # Errors
    ///
    /// If there is no such task, or the host is shutting down. A run that the overlap policy or a full queue refuses
    /// is not an error: it is recorded as skipped.
    pub fn trigger(
        &mut self,
        task: &TaskName,
        cause: Cause,
        payload: Option<Arc<Blob>>,
        now: Timestamp,
    ) -> Result<(RunId, Step), Refusal> {
        if self.mode == Mode::Draining {
            return Err(Refusal::ShuttingDown);
        }
        let task = self.tasks.get(task).cloned().ok_or(Refusal::NoSuchTask)?;
        let mut step = Step::default();
        let id = self.admit(&task, cause, None, payload, now, &mut step);
        Ok((id, step))
    }

    /// Decides over an attempt that ended: another attempt, or the end of the run and what follows from it.
    ///
    /// `chance` is a number in `0.0..1.0` for jitter.
    pub fn attempt_ended(&mut self, ended: Ended, now: Timestamp, chance: f64) -> Step {
        let mut step = Step::default();
        let Some(active) = self.active.get_mut(&ended.run) else { return step };
        let run = active.run.clone();
        let attempt = active.attempts;
        let retry_at = match active.stage {
            Stage::Stopping => None,
            _ => retry_at(&run.task, attempt, &ended.outcome, now, chance),
        };
        let outcome = Arc::new(ended.outcome);
        let log = Arc::new(ended.log);
        step.entries.push(Entry::AttemptEnded {
            run: run.id,
            attempt,
            outcome: outcome.clone(),
            usage: ended.usage,
            plugin: Some(ended.plugin),
            log: log.clone(),
            started_at: ended.started_at,
            ended_at: ended.ended_at,
            next: next(retry_at),
        });
        step.effects.push(Effect::Tell(Event::AttemptEnded {
            run: run.clone(),
            attempt,
            outcome: outcome.clone(),
            usage: ended.usage,
            log,
            retry_at,
        }));
        let freed = match retry_at {
            Some(until) => {
                active.stage = Stage::Waiting { until };
                self.retries.insert((until, run.id));
                self.queue.suspend(&run)
            }
            None => {
                self.active.remove(&run.id);
                if let AttemptOutcome::Succeeded { output } = &*outcome {
                    self.follow(&run, output.as_ref(), now, &mut step);
                }
                let outcome = Arc::new(Outcome::Attempted((*outcome).clone()));
                step.effects.push(Effect::Tell(Event::RunEnded { run: run.clone(), outcome, attempts: attempt }));
                self.queue.release(run.id)
            }
        };
        self.start_all(freed, now, &mut step);
        step
    }

    /// Ends a run, wherever it stands. None if there is no such run, or if it is over.
    pub fn cancel(&mut self, id: RunId, by: CancelledBy, now: Timestamp) -> Option<Step> {
        let mut step = Step::default();
        self.active.contains_key(&id).then(|| self.stop(id, by, now, &mut step))?;
        Some(step)
    }

    /// Drops runs that the ledger refused to enter, so that they do not hold a place for ever.
    pub fn forget(&mut self, runs: &[RunId], now: Timestamp) -> Step {
        let mut step = Step::default();
        for id in runs {
            if let Some(active) = self.active.remove(id) {
                if let Stage::Waiting { until } = active.stage {
                    self.retries.remove(&(until, *id));
                }
                let freed = self.queue.release(*id);
                self.start_all(freed, now, &mut step);
            }
        }
        step
    }

    /// Takes note of a plugin's state; runs that waited for it go on or are skipped.
    pub fn plugin_changed(&mut self, build: &Build, state: PluginState, now: Timestamp) -> Step {
        let mut step = Step::default();
        self.plugins.insert(build.clone(), state);
        if state == PluginState::Preparing {
            return step;
        }
        let mut parked: Vec<RunId> = self
            .active
            .iter()
            .filter(|(_, active)| active.stage == Stage::Parked && active.run.task.build() == *build)
            .map(|(id, _)| *id)
            .collect();
        parked.sort_unstable();
        for id in parked {
            let Some(active) = self.active.remove(&id) else { continue };
            match state {
                PluginState::Ready => self.enter(active.run, active.attempts, Entering::Known, now, &mut step),
                _ => self.end_unstarted(&active, Outcome::Skipped(Skip::PluginUnusable), now, &mut step),
            }
        }
        step
    }

    /// Starts nothing more. What runs goes on; what waits stays in the ledger for the next host.
    pub fn drain(&mut self) {
        self.mode = Mode::Draining;
    }

    /// The runs of which an attempt goes on.
    pub fn running(&self) -> impl Iterator<Item = RunId> {
        let running = |active: &Active| matches!(active.stage, Stage::Running | Stage::Stopping);
        self.active.iter().filter(move |(_, active)| running(active)).map(|(id, _)| *id)
    }

    /// How many runs are not over: those that run, and those that wait for their turn, their plugin or their next
    /// attempt.
    pub fn open_runs(&self) -> usize {
        self.active.len()
    }

    /// Makes a run and decides what becomes of it first.
    fn admit(
        &mut self,
        task: &Arc<Task>,
        cause: Cause,
        slot: Option<Slot>,
        payload: Option<Arc<Blob>>,
        now: Timestamp,
        step: &mut Step,
    ) -> RunId {
        let id = RunId::next(now.as_millisecond(), self.host, self.last_run);
        self.last_run = Some(id);
        let payload = payload.or_else(|| task.payload.clone());
        let run = Arc::new(Run { id, task: task.clone(), cause, slot, payload, admitted_at: now });
        self.enter(run, 0, Entering::New, now, step);
        id
    }

    /// Puts a run where it belongs: started, queued, parked or skipped.
    fn enter(&mut self, run: Arc<Run>, attempts: u32, entering: Entering, now: Timestamp, step: &mut Step) {
        let mut active = Active { run: run.clone(), attempts, stage: Stage::Queued };
        let admission = match self.plugins.get(&run.task.build()) {
            Some(PluginState::Ready) if self.mode == Mode::Serving => self.queue.admit(run.clone()),
            Some(PluginState::Unusable) => Admission::Skip(Skip::PluginUnusable),
            // Also while draining: what is admitted then waits for the next host.
            _ => {
                active.stage = Stage::Parked;
                Admission::Wait
            }
        };
        match admission {
            Admission::Start => {
                active.stage = Stage::Running;
                active.attempts += 1;
                let attempt = active.attempts;
                step.entries.push(match entering {
                    Entering::New => Entry::Admitted { run: run.clone(), admission: ledger::Admission::Running },
                    Entering::Known => Entry::Started { run: run.id, attempt, at: now },
                });
                self.active.insert(run.id, active);
                step.start(run, attempt);
            }
            Admission::Wait | Admission::Replace { .. } => {
                if entering == Entering::New {
                    step.entries.push(Entry::Admitted { run: run.clone(), admission: ledger::Admission::Queued });
                    step.effects.push(Effect::Tell(Event::RunQueued(run.clone())));
                }
                self.active.insert(run.id, active);
                if let Admission::Replace { victim } = admission {
                    self.stop(victim, CancelledBy::Replaced { by: run.id }, now, step);
                }
            }
            Admission::Skip(why) if entering == Entering::New => {
                step.entries.push(Entry::Skipped {
                    task: run.task.name.clone(),
                    slot: run.slot,
                    cause: run.cause.clone(),
                    id: run.id,
                    why,
                    at: now,
                });
                step.effects.push(Effect::Tell(Event::SlotSkipped { task: run.task.clone(), slot: run.slot, why }));
            }
            Admission::Skip(why) => self.end_unstarted(&active, Outcome::Skipped(why), now, step),
        }
    }

    /// Starts what the queue has room for again.
    fn start_all(&mut self, freed: Vec<Arc<Run>>, now: Timestamp, step: &mut Step) {
        if self.mode == Mode::Draining {
            return;
        }
        for run in freed {
            let Some(active) = self.active.get_mut(&run.id) else { continue };
            active.stage = Stage::Running;
            active.attempts += 1;
            step.entries.push(Entry::Started { run: run.id, attempt: active.attempts, at: now });
            step.start(run, active.attempts);
        }
    }

    /// Gives a run that waited for its next attempt its turn.
    fn resume(&mut self, id: RunId, now: Timestamp, step: &mut Step) {
        let Some(active) = self.active.get_mut(&id) else { return };
        active.stage = Stage::Queued;
        let started = self.queue.resume(id);
        self.start_all(started.into_iter().collect(), now, step);
    }

    /// Starts the tasks that follow a success, with its output as their payload.
    fn follow(&mut self, run: &Arc<Run>, output: Option<&Blob>, now: Timestamp, step: &mut Step) {
        let Some(followers) = self.followers.get(&run.task.name).cloned() else { return };
        let payload = output.cloned().map(Arc::new);
        for task in followers {
            let cause = Cause::After { task: run.task.name.clone(), run: run.id };
            self.admit(&task, cause, None, payload.clone(), now, step);
        }
    }

    /// Ends a run before its time.
    fn stop(&mut self, id: RunId, by: CancelledBy, now: Timestamp, step: &mut Step) {
        let Some(active) = self.active.get_mut(&id) else { return };
        if let Stage::Running | Stage::Stopping = active.stage {
            active.stage = Stage::Stopping;
            step.effects.push(Effect::Stop { run: id, stop: Stop::Cancel(by) });
            return;
        }
        if let Stage::Waiting { until } = active.stage {
            self.retries.remove(&(until, id));
        }
        let Some(active) = self.active.remove(&id) else { return };
        let outcome = Outcome::Attempted(AttemptOutcome::Cancelled(by));
        self.end_unstarted(&active, outcome, now, step);
        if active.stage != Stage::Parked {
            let freed = self.queue.release(id);
            self.start_all(freed, now, step);
        }
    }

    /// Ends a run of which no attempt goes on.
    fn end_unstarted(&self, active: &Active, outcome: Outcome, now: Timestamp, step: &mut Step) {
        step.entries.push(Entry::Ended { run: active.run.id, outcome: outcome.clone(), at: now });
        step.effects.push(Effect::Tell(Event::RunEnded {
            run: active.run.clone(),
            outcome: Arc::new(outcome),
            attempts: active.attempts,
        }));
    }
}

/// When the next attempt is due, if there is to be one.
fn retry_at(task: &Task, attempts: u32, outcome: &AttemptOutcome, now: Timestamp, chance: f64) -> Option<Timestamp> {
    let wait = task.retry.decide(attempts, outcome, chance)?;
    Some(now.saturating_add(wait).unwrap_or(Timestamp::MAX))
}

fn next(retry_at: Option<Timestamp>) -> Next {
    retry_at.map_or(Next::Final, |at| Next::Retry { at })
}

/// Whether the ledger has a run's row already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entering {
    New,
    Known,
}

#[cfg(test)]
mod tests;
