//! Which runs may start, and which wait: the only place that lets a run start.
//!
//! A run needs two things: a place of its task (`max-concurrent`, guarded by the task's overlap policy) and a permit
//! of the host (`max-concurrent-runs`). Tasks whose runs wait for a permit take turns, so that one task's backlog
//! starves nobody; within a task, runs start in order, those of a backfill after all others. A backfill takes places
//! of its task, but no run is skipped or replaced because of it. Pure: knows no time and no ledger.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::model::cause::CauseKind;
use crate::model::id::{RunId, TaskName};
use crate::model::outcome::Skip;
use crate::model::overlap::Overlap;
use crate::model::run::Run;

/// What becomes of a run that is admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It starts now.
    Start,
    /// It waits; a later [`Queue::release`] or [`Queue::suspend`] yields it.
    Wait,
    /// It waits for the place of this run, which has to be ended.
    Replace {
        /// The run to end.
        victim: RunId,
    },
    /// It does not run.
    Skip(Skip),
}

/// The runs that run and those that wait.
#[derive(Debug)]
pub struct Queue {
    max_running: usize,
    max_waiting: usize,
    running: usize,
    waiting: usize,
    runs: HashMap<RunId, Standing>,
    lanes: HashMap<TaskName, Lane>,
    /// The tasks that have a run which lacks nothing but a permit, in the order of their turns.
    turns: VecDeque<TaskName>,
}

/// A run that the queue knows, and where it stands.
#[derive(Debug)]
struct Standing {
    task: TaskName,
    stage: Stage,
    is_backfill: bool,
}

impl Standing {
    fn of(run: &Run, stage: Stage) -> Self {
        Self { task: run.task.name.clone(), stage, is_backfill: is_backfill(run) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Waits for a place, a permit or both.
    Waiting,
    /// Has a place and a permit.
    Running,
    /// Has a place and waits for its next attempt.
    Suspended,
    /// Has a place and waits for a permit for its next attempt.
    Resuming,
}

/// The runs of one task.
#[derive(Debug, Default)]
struct Lane {
    /// Those with a place, oldest first, but for those of a backfill.
    placed: Vec<RunId>,
    /// How many of a backfill have a place.
    placed_backfills: usize,
    /// Those among them that wait for a permit.
    resuming: VecDeque<Arc<Run>>,
    /// Those without a place, but for those of a backfill.
    waiting: VecDeque<Arc<Run>>,
    /// Those of a backfill without a place; whoever brings them bounds how many there are.
    backfills: VecDeque<Arc<Run>>,
    /// The runs behind `placed`, for those that are suspended and will resume.
    suspended: HashMap<RunId, Arc<Run>>,
    /// Whether the task stands in `turns`.
    has_turn: bool,
}

impl Lane {
    /// Whether a run may have a place.
    fn has_place(&self, run: &Run) -> bool {
        self.placed.len() + self.placed_backfills < places(run)
    }

    fn place(&mut self, run: &Run) {
        match is_backfill(run) {
            true => self.placed_backfills += 1,
            false => self.placed.push(run.id),
        }
    }

    /// The run that is next to have a place, if there is one for it.
    fn next(&mut self) -> Option<Arc<Run>> {
        let lane = if self.waiting.is_empty() { &self.backfills } else { &self.waiting };
        let has_place = lane.front().is_some_and(|run| self.has_place(run));
        let run = has_place.then(|| self.waiting.pop_front().or_else(|| self.backfills.pop_front())).flatten()?;
        self.place(&run);
        Some(run)
    }

    fn is_empty(&self) -> bool {
        self.placed.is_empty() && self.placed_backfills == 0 && self.waiting.is_empty() && self.backfills.is_empty()
    }
}

impl Queue {
    /// A queue that lets `max_running` runs run and `max_waiting` runs wait.
    pub fn new(max_running: usize, max_waiting: usize) -> Self {
        Self {
            max_running,
            max_waiting,
            running: 0,
            waiting: 0,
            runs: HashMap::new(),
            lanes: HashMap::new(),
            turns: VecDeque::new(),
        }
    }

    /// Decides over a new run. When the queue is full, the newest run is the one that is skipped.
    pub fn admit(&mut self, run: Arc<Run>) -> Admission {
        let lane = self.lanes.entry(run.task.name.clone()).or_default();
        if lane.has_place(&run) && lane.waiting.is_empty() && self.running < self.max_running {
            self.running += 1;
            lane.place(&run);
            self.runs.insert(run.id, Standing::of(&run, Stage::Running));
            return Admission::Start;
        }
        let task = run.task.name.clone();
        if is_backfill(&run) {
            self.runs.insert(run.id, Standing::of(&run, Stage::Waiting));
            lane.backfills.push_back(run);
            self.give_turn(&task);
            return Admission::Wait;
        }
        let crowded = lane.placed.len() + lane.waiting.len() >= places(&run);
        let admission = match run.task.overlap {
            Overlap::Skip if crowded => return Admission::Skip(Skip::Overlap),
            // Each run that waits already has a victim among those before it, so the next victim is the one after.
            Overlap::Replace if crowded => {
                let victim = lane.placed.get(lane.waiting.len()).copied();
                match victim.or_else(|| lane.waiting.front().map(|run| run.id)) {
                    Some(victim) => Admission::Replace { victim },
                    None => Admission::Wait,
                }
            }
            _ => Admission::Wait,
        };
        if self.waiting >= self.max_waiting {
            return Admission::Skip(Skip::QueueFull);
        }
        self.waiting += 1;
        self.runs.insert(run.id, Standing::of(&run, Stage::Waiting));
        lane.waiting.push_back(run);
        self.give_turn(&task);
        admission
    }

    /// Takes note that a run is over, wherever it stood. Returns the runs that start now.
    pub fn release(&mut self, id: RunId) -> Vec<Arc<Run>> {
        let Some(Standing { task, stage, is_backfill }) = self.runs.remove(&id) else { return Vec::new() };
        let Some(lane) = self.lanes.get_mut(&task) else { return Vec::new() };
        match stage {
            Stage::Waiting if is_backfill => lane.backfills.retain(|run| run.id != id),
            Stage::Waiting => {
                lane.waiting.retain(|run| run.id != id);
                self.waiting -= 1;
            }
            Stage::Running => self.running -= 1,
            Stage::Suspended => drop(lane.suspended.remove(&id)),
            Stage::Resuming => lane.resuming.retain(|run| run.id != id),
        }
        match is_backfill {
            true => lane.placed_backfills -= usize::from(stage != Stage::Waiting),
            false => lane.placed.retain(|placed| *placed != id),
        }
        if lane.is_empty() && !lane.has_turn {
            self.lanes.remove(&task);
        }
        self.give_turn(&task);
        self.start()
    }

    /// Takes note that a run waits for its next attempt: it keeps its task's place and gives its permit back. Returns
    /// the runs that start now.
    pub fn suspend(&mut self, run: &Arc<Run>) -> Vec<Arc<Run>> {
        let Some(standing) = self.runs.get_mut(&run.id).filter(|standing| standing.stage == Stage::Running) else {
            return Vec::new();
        };
        standing.stage = Stage::Suspended;
        self.running -= 1;
        self.lanes.entry(run.task.name.clone()).or_default().suspended.insert(run.id, run.clone());
        self.start()
    }

    /// Lets a run that waited for its next attempt go on. Returns it if it starts now; otherwise it waits for a
    /// permit, before the runs of its task that have not begun.
    pub fn resume(&mut self, id: RunId) -> Option<Arc<Run>> {
        let standing = self.runs.get_mut(&id).filter(|standing| standing.stage == Stage::Suspended)?;
        let lane = self.lanes.get_mut(&standing.task)?;
        let run = lane.suspended.remove(&id)?;
        if self.running < self.max_running {
            self.running += 1;
            standing.stage = Stage::Running;
            return Some(run);
        }
        standing.stage = Stage::Resuming;
        lane.resuming.push_back(run);
        let task = standing.task.clone();
        self.give_turn(&task);
        None
    }

    /// Gives a run a place without a permit: it was waiting for its next attempt when the host went away.
    pub fn occupy(&mut self, run: Arc<Run>) {
        self.runs.insert(run.id, Standing::of(&run, Stage::Suspended));
        let lane = self.lanes.entry(run.task.name.clone()).or_default();
        lane.place(&run);
        lane.suspended.insert(run.id, run);
    }

    /// Takes other settings for the runs of a task that do not run; what `renewed` does not know stays as it is. Those
    /// for which there is a place now start with [`Queue::start_waiting`].
    pub fn renew(&mut self, task: &TaskName, renewed: impl Fn(RunId) -> Option<Arc<Run>>) {
        let Some(lane) = self.lanes.get_mut(task) else { return };
        let waiting = lane.waiting.iter_mut().chain(&mut lane.backfills).chain(&mut lane.resuming);
        for run in waiting.chain(lane.suspended.values_mut()) {
            if let Some(renewed) = renewed(run.id) {
                *run = renewed;
            }
        }
        self.give_turn(task);
    }

    /// Returns the runs that start now, after runs were [renewed](Queue::renew).
    pub fn start_waiting(&mut self) -> Vec<Arc<Run>> {
        self.start()
    }

    /// Lets so many runs wait from now on. Those that wait already stay.
    pub fn set_max_waiting(&mut self, max_waiting: usize) {
        self.max_waiting = max_waiting;
    }

    /// Starts runs while there are permits, one of each task in turn.
    fn start(&mut self) -> Vec<Arc<Run>> {
        let mut started = Vec::new();
        while self.running < self.max_running {
            let Some(task) = self.turns.pop_front() else { break };
            let Some(lane) = self.lanes.get_mut(&task) else { continue };
            lane.has_turn = false;
            let run = match lane.resuming.pop_front() {
                Some(run) => run,
                None => {
                    let Some(run) = lane.next() else { continue };
                    self.waiting -= usize::from(!is_backfill(&run));
                    run
                }
            };
            self.running += 1;
            if let Some(standing) = self.runs.get_mut(&run.id) {
                standing.stage = Stage::Running;
            }
            started.push(run);
            self.give_turn(&task);
        }
        started
    }

    /// Lets a task take turns if it has a run that lacks nothing but a permit, and does not already.
    fn give_turn(&mut self, task: &TaskName) {
        let Some(lane) = self.lanes.get_mut(task) else { return };
        let next = lane.waiting.front().or_else(|| lane.backfills.front());
        let has_place = next.is_some_and(|run| lane.has_place(run));
        if !lane.has_turn && (has_place || !lane.resuming.is_empty()) {
            lane.has_turn = true;
            self.turns.push_back(task.clone());
        }
    }
}

fn is_backfill(run: &Run) -> bool {
    run.cause.kind() == CauseKind::Backfill
}

/// How many runs of a run's task may have a place at once.
fn places(run: &Run) -> usize {
    match run.task.overlap {
        Overlap::Allow => usize::MAX,
        _ => run.task.max_concurrent.get() as usize,
    }
}

#[cfg(test)]
mod tests;
