//! What becomes of every slot, trigger and ended attempt: decided here, carried out by the firing loop.
//!
//! Pure: each event in yields a [`Step`] out, what to record and what to do once that is durable. Knows no threads,
//! no channels and no clock; a simulation drives it as the real loop does. `entering` has how runs begin, `ending` how
//! they end, and the other files what their names say.

mod active;
mod again;
mod backfill;
mod ending;
mod entering;
mod opening;
mod pausing;
mod recovery;
mod refusing;
mod reloading;
mod retrying;
mod settle;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use crate::daemon::queue::Queue;
use crate::daemon::scheduler::{Due, Gap, Scheduler};
use crate::daemon::step::Step;
use crate::ledger::Recovered;
use crate::model::cause::Cause;
use crate::model::id::{RunId, TaskName};
use crate::model::outcome::{Outcome, Skip};
use crate::model::pause::Pause;
use crate::model::payload::Blob;
use crate::model::run::{Run, RunState};
use crate::model::task::{Build, Task};
use crate::model::taskset::TaskSet;
use crate::model::trace::TraceContext;
use active::{Active, Whereabouts};
use backfill::Backlog;
use reloading::Absent;

pub use again::PastRun;
pub use backfill::{Backfilled, MOST_OPEN};
pub use ending::Ended;
pub use reloading::Reload;
pub use settle::Settling;

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

/// Why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such task.
    #[error("no task of that name is configured")]
    NoSuchTask,
    /// The task is disabled.
    #[error("the task is disabled (enabled = false)")]
    Disabled,
    /// The task's plugin cannot be used.
    #[error("the task's plugin cannot be used")]
    PluginUnusable,
    /// Too many runs of backfills wait already.
    #[error("{MOST_OPEN} runs of backfills wait already; ask again when some are over")]
    BackfillsFull,
    /// The host is shutting down.
    #[error("the host is shutting down")]
    ShuttingDown,
    /// The ledger cannot be written, so nothing is admitted.
    #[error("the ledger cannot be written")]
    LedgerFailing,
    /// The run is not over.
    #[error("the run is not over")]
    NotOver,
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for a request with another payload")]
    KeyReused,
    /// The ledger does not take it, since something else was entered meanwhile.
    #[error("the ledger does not take it: something else was entered meanwhile")]
    Contradicted,
}

impl Refusal {
    /// The word for it in problem documents and in the audit log.
    pub fn code(self) -> &'static str {
        match self {
            Refusal::NoSuchTask => "no-such-task",
            Refusal::Disabled => "task-disabled",
            Refusal::PluginUnusable => "plugin-unusable",
            Refusal::BackfillsFull => "backfills-full",
            Refusal::ShuttingDown => "shutting-down",
            Refusal::LedgerFailing => "ledger-failing",
            Refusal::NotOver => "run-not-over",
            Refusal::KeyReused => "key-reused",
            Refusal::Contradicted => "contradicted",
        }
    }
}

/// Everything that is decided about runs.
#[derive(Debug)]
pub struct Dispatcher {
    tasks: Arc<TaskSet>,
    /// Tasks that the ledger knows and the configuration does not have.
    absent: HashMap<TaskName, Absent>,
    /// The tasks that a task's success starts.
    followers: HashMap<TaskName, Vec<Arc<Task>>>,
    pauses: HashMap<TaskName, Pause>,
    plugins: HashMap<Build, PluginState>,
    scheduler: Scheduler,
    queue: Queue,
    active: HashMap<RunId, Active>,
    /// Runs that wait for their next attempt, by its time.
    retries: BTreeSet<(Timestamp, RunId)>,
    /// The runs of backfills that wait for their turn.
    backlogs: HashMap<TaskName, Backlog>,
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

impl Dispatcher {
    /// Takes up where the ledger left off. The step closes or continues what an earlier host left unfinished, decides
    /// over slots that are not of the tasks as they are now, and gives tasks that the ledger has not seen before a
    /// cursor, from which their slots count.
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
        let tasks: TaskSet = tasks.into_iter().collect();
        let absent = reloading::absent(&tasks, &recovered);
        let followers = reloading::followers(&tasks);
        let (mut cursors, mut pauses) = (HashMap::new(), HashMap::new());
        for task in tasks.values() {
            let standing = recovered.standings.get(&task.name).cloned().unwrap_or_default();
            let cursor = recovered.cursors.get(&task.name).copied();
            cursors.insert(task.name.clone(), opening::open(task, cursor, &standing, now, &mut step));
            pauses.extend(standing.pause.map(|pause| (task.name.clone(), pause)));
        }
        let mut dispatcher = Self {
            plugins: reloading::plugins(&tasks, &HashMap::new()),
            scheduler: Scheduler::new(tasks.values().cloned(), &cursors, now),
            tasks: Arc::new(tasks),
            absent,
            followers,
            pauses,
            queue,
            active: HashMap::new(),
            retries: BTreeSet::new(),
            backlogs: HashMap::new(),
            last_run: recovered.last_run,
            host,
            mode: Mode::Serving,
        };
        dispatcher.hold_all(now);
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
        // A clock may be set while the machine sleeps.
        if gap != Gap::None {
            self.shorten_waits(now);
        }
        match self.mode {
            Mode::Serving => self.scheduler.take_due(now, gap),
            Mode::Draining => Vec::new(),
        }
    }

    /// Decides over one task's due slots.
    pub fn due(&mut self, due: Due, now: Timestamp) -> Step {
        let mut step = Step::default();
        for missed in due.missed {
            opening::pass_over(&due.task, missed, now, &mut step);
        }
        for (slot, cause) in due.runs {
            self.admit(&due.task, cause, Some(slot), None, None, now, &mut step);
        }
        step
    }

    /// Admits a run that somebody asked for, as a part of a trace if whoever asked keeps one.
    ///
    /// # Errors
    ///
    /// If there is no such task, if it is disabled, or if the host is shutting down. A run that the overlap policy or a
    /// full queue refuses is not an error: it is recorded as skipped. That a task is paused concerns its slots alone.
    pub fn trigger(
        &mut self,
        task: &TaskName,
        cause: Cause,
        payload: Option<Arc<Blob>>,
        trace: Option<TraceContext>,
        now: Timestamp,
    ) -> Result<(RunId, Step), Refusal> {
        let task = self.reachable(task)?;
        if !task.enabled {
            return Err(Refusal::Disabled);
        }
        let mut step = Step::default();
        let id = self.admit(&task, cause, None, payload, trace, now, &mut step);
        Ok((id, step))
    }

    /// Takes note of a plugin's state; runs that waited for it go on or are skipped. One that no task uses is forgotten.
    pub fn plugin_changed(&mut self, build: &Build, state: PluginState, now: Timestamp) -> Step {
        let mut step = Step::default();
        let Some(known) = self.plugins.get_mut(build) else { return step };
        *known = state;
        self.unpark(|parked| parked == build, now, &mut step);
        self.feed_all(build, now, &mut step);
        step
    }

    /// Lets runs go on that waited for one of these plugins, if it is known by now whether it can be used.
    fn unpark(&mut self, of: impl Fn(&Build) -> bool, now: Timestamp, step: &mut Step) {
        let is_settled = |build: &Build| !matches!(self.plugins.get(build), None | Some(PluginState::Preparing));
        let waits = |active: &Active| {
            let build = (active.whereabouts == Whereabouts::Parked).then(|| active.run.task.build());
            build.is_some_and(|build| of(&build) && is_settled(&build))
        };
        let mut parked: Vec<RunId> =
            self.active.iter().filter(|(_, active)| waits(active)).map(|(id, _)| *id).collect();
        parked.sort_unstable();
        for id in parked {
            if self.active.get(&id).is_some_and(|active| matches!(active.state, RunState::Waiting { .. })) {
                self.resume(id, now, step);
                continue;
            }
            let Some(active) = self.active.remove(&id) else { continue };
            match self.plugins.get(&active.run.task.build()) {
                Some(PluginState::Ready) => self.enter(active, Entering::Known, now, step),
                _ => self.close(active, Outcome::Skipped(Skip::PluginUnusable), now, step),
            }
        }
    }

    /// Starts nothing more. What runs goes on; what waits stays in the ledger for the next host.
    pub fn drain(&mut self) {
        self.mode = Mode::Draining;
    }

    /// The runs of which an attempt goes on.
    pub fn running(&self) -> impl Iterator<Item = RunId> {
        let running = |active: &Active| matches!(active.state, RunState::Running { .. });
        self.active.iter().filter(move |(_, active)| running(active)).map(|(id, _)| *id)
    }

    /// Whether an attempt of this run goes on.
    pub fn is_running(&self, run: RunId) -> bool {
        self.active.get(&run).is_some_and(|active| matches!(active.state, RunState::Running { .. }))
    }

    /// The runs that are not over, each with whether an attempt of it goes on.
    pub fn unfinished(&self) -> impl Iterator<Item = (Arc<Run>, bool)> {
        self.active.values().map(|active| (active.run.clone(), matches!(active.state, RunState::Running { .. })))
    }

    /// How many runs are not over: those that run, and those that wait for their turn, their plugin or their next
    /// attempt.
    pub fn open_runs(&self) -> usize {
        self.active.len()
    }
}

/// Whether the ledger has a run's row already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entering {
    New,
    Known,
}

#[cfg(test)]
mod tests;
