//! Which runs may start, and which wait: the only place that lets a run start.
//!
//! A run needs two things: a place of its task (`max-concurrent`, guarded by the task's overlap policy) and a permit
//! of the host (`max-concurrent-runs`). Tasks whose runs wait for a permit take turns, so that one task's backlog
//! starves nobody; within a task, runs start in order. Pure: knows no time and no ledger.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

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
    /// Those with a place, oldest first.
    placed: Vec<RunId>,
    /// Those among them that wait for a permit.
    resuming: VecDeque<Arc<Run>>,
    /// Those without a place.
    waiting: VecDeque<Arc<Run>>,
    /// The runs behind `placed`, for those that are suspended and will resume.
    suspended: HashMap<RunId, Arc<Run>>,
    /// Whether the task stands in `turns`.
    has_turn: bool,
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
        let places = places(&run);
        let has_place = lane.placed.len() < places && lane.waiting.is_empty();
        if has_place && self.running < self.max_running {
            self.running += 1;
            lane.placed.push(run.id);
            self.runs.insert(run.id, Standing { task: run.task.name.clone(), stage: Stage::Running });
            return Admission::Start;
        }
        let crowded = lane.placed.len() + lane.waiting.len() >= places;
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
        self.runs.insert(run.id, Standing { task: run.task.name.clone(), stage: Stage::Waiting });
        let task = run.task.name.clone();
        lane.waiting.push_back(run);
        self.give_turn(&task);
        admission
    }

    /// Takes note that a run is over, wherever it stood. Returns the runs that start now.
    pub fn release(&mut self, id: RunId) -> Vec<Arc<Run>> {
        let Some(Standing { task, stage }) = self.runs.remove(&id) else { return Vec::new() };
        let Some(lane) = self.lanes.get_mut(&task) else { return Vec::new() };
        match stage {
            Stage::Waiting => {
                lane.waiting.retain(|run| run.id != id);
                self.waiting -= 1;
            }
            Stage::Running => self.running -= 1,
            Stage::Suspended => drop(lane.suspended.remove(&id)),
            Stage::Resuming => lane.resuming.retain(|run| run.id != id),
        }
        lane.placed.retain(|placed| *placed != id);
        if lane.placed.is_empty() && lane.waiting.is_empty() && !lane.has_turn {
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
        self.runs.insert(run.id, Standing { task: run.task.name.clone(), stage: Stage::Suspended });
        let lane = self.lanes.entry(run.task.name.clone()).or_default();
        lane.placed.push(run.id);
        lane.suspended.insert(run.id, run);
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
                None => match lane.waiting.front() {
                    Some(run) if lane.placed.len() < places(run) => {
                        self.waiting -= 1;
                        lane.placed.push(run.id);
                        let Some(run) = lane.waiting.pop_front() else { continue };
                        run
                    }
                    _ => continue,
                },
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
        let has_place = lane.waiting.front().is_some_and(|run| lane.placed.len() < places(run));
        if !lane.has_turn && (has_place || !lane.resuming.is_empty()) {
            lane.has_turn = true;
            self.turns.push_back(task.clone());
        }
    }
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
