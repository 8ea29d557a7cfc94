//! The overlap policies in a table, and any order of events against a model that only knows the rules.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::model::cause::Cause;
use crate::model::schedule::Schedule;
use crate::model::task::Task;

/// A queue, and a count of runs to number them by.
struct World {
    queue: Queue,
    last: Option<RunId>,
}

impl World {
    fn new(max_running: usize, max_waiting: usize) -> Self {
        Self { queue: Queue::new(max_running, max_waiting), last: None }
    }

    fn run(&mut self, task: &Arc<Task>) -> Arc<Run> {
        let id = RunId::next(0, 0, self.last);
        self.last = Some(id);
        let admitted_at = Timestamp::UNIX_EPOCH;
        Arc::new(Run {
            id,
            task: task.clone(),
            cause: Cause::Schedule,
            slot: None,
            payload: None,
            trace: None,
            admitted_at,
        })
    }
}

fn task(name: &str, overlap: Overlap, max_concurrent: u32) -> Arc<Task> {
    let max_concurrent = NonZeroU32::new(max_concurrent).unwrap();
    Arc::new(Task { overlap, max_concurrent, ..Task::example(name, Schedule::manual()) })
}

/// What becomes of the runs of one task, admitted one after the other.
#[track_caller]
fn check(overlap: Overlap, max_concurrent: u32, max_running: usize, max_waiting: usize, expected: &[&str]) {
    let mut world = World::new(max_running, max_waiting);
    let task = task("task", overlap, max_concurrent);
    let runs: Vec<Arc<Run>> = expected.iter().map(|_| world.run(&task)).collect();
    let said: Vec<String> = runs
        .iter()
        .map(|run| match world.queue.admit(run.clone()) {
            Admission::Start => "start".to_owned(),
            Admission::Wait => "wait".to_owned(),
            Admission::Replace { victim } => {
                format!("replace {}", runs.iter().position(|run| run.id == victim).unwrap())
            }
            Admission::Skip(why) => format!("{why:?}"),
        })
        .collect();
    assert_eq!(said, expected, "{overlap:?}, {max_concurrent} at once");
}

#[test]
fn the_overlap_policies() {
    check(Overlap::Skip, 1, 9, 9, &["start", "Overlap", "Overlap"]);
    check(Overlap::Skip, 2, 9, 9, &["start", "start", "Overlap"]);
    check(Overlap::Queue, 1, 9, 2, &["start", "wait", "wait", "QueueFull"]);
    check(Overlap::Allow, 1, 3, 1, &["start", "start", "start", "wait", "QueueFull"]);
    check(Overlap::Replace, 1, 9, 9, &["start", "replace 0", "replace 1", "replace 1"]);
    check(Overlap::Replace, 2, 9, 9, &["start", "start", "replace 0", "replace 1", "replace 2"]);
    // No permit: what waits for one overlaps too.
    check(Overlap::Skip, 1, 0, 9, &["wait", "Overlap"]);
    check(Overlap::Replace, 1, 0, 9, &["wait", "replace 0"]);
}

#[test]
fn a_backfill_takes_places_but_crowds_nobody_out() {
    for (overlap, second) in [(Overlap::Skip, Admission::Skip(Skip::Overlap)), (Overlap::Queue, Admission::Wait)] {
        let mut world = World::new(9, 9);
        let task = task("task", overlap, 1);
        let backfill = |world: &mut World| {
            let cause = Cause::Backfill { max_parallel: NonZeroU32::MIN };
            Arc::new(Run { cause, ..Run::clone(&world.run(&task)) })
        };
        let (past, later) = (backfill(&mut world), backfill(&mut world));
        assert_eq!(world.queue.admit(past.clone()), Admission::Start);
        assert_eq!(world.queue.admit(later.clone()), Admission::Wait);
        let due = world.run(&task);
        assert_eq!(world.queue.admit(due.clone()), Admission::Wait, "there is no place, and it is not skipped");
        let crowded = world.run(&task);
        assert_eq!(world.queue.admit(crowded.clone()), second, "what is due overlaps as ever");
        world.queue.release(crowded.id);
        let started = |runs: Vec<Arc<Run>>| runs.iter().map(|run| run.id).collect::<Vec<_>>();
        assert_eq!(started(world.queue.release(past.id)), [due.id], "what is due comes first");
        assert_eq!(started(world.queue.release(due.id)), [later.id]);
        assert_eq!(started(world.queue.release(later.id)), []);
        assert!(world.queue.lanes.is_empty() && world.queue.runs.is_empty());
    }
}

#[test]
fn a_backlog_of_one_task_does_not_starve_another() {
    let mut world = World::new(1, 100);
    let (busy, quiet) = (task("busy", Overlap::Queue, 1), task("quiet", Overlap::Queue, 1));
    let runs: Vec<Arc<Run>> = (0..10).map(|_| world.run(&busy)).collect();
    for run in &runs {
        world.queue.admit(run.clone());
    }
    let run = world.run(&quiet);
    assert_eq!(world.queue.admit(run.clone()), Admission::Wait);
    let started = world.queue.release(runs[0].id);
    let then = world.queue.release(started[0].id);
    assert!([&started[0].id, &then[0].id].contains(&&run.id));
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Admit { task: usize },
    Release { run: usize },
    Suspend { run: usize },
    Resume { run: usize },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..4_usize).prop_map(|task| Event::Admit { task }),
        2 => (0..99_usize).prop_map(|run| Event::Release { run }),
        1 => (0..99_usize).prop_map(|run| Event::Suspend { run }),
        1 => (0..99_usize).prop_map(|run| Event::Resume { run }),
    ]
}

fn overlap() -> impl Strategy<Value = Overlap> {
    prop::sample::select(vec![Overlap::Skip, Overlap::Queue, Overlap::Replace, Overlap::Allow])
}

/// The runs and where they stand; ids are in the order of admission.
struct Model {
    tasks: Vec<Arc<Task>>,
    max_running: usize,
    max_waiting: usize,
    runs: BTreeMap<RunId, (Arc<Run>, Stage)>,
    /// The runs that wait for a permit for their next attempt, in order.
    resuming: Vec<RunId>,
    /// For each task that could start a run, which tasks were let go first since it could.
    overtaken: BTreeMap<TaskName, Vec<TaskName>>,
}

impl Model {
    fn count(&self, is_counted: impl Fn(&Run, Stage) -> bool) -> usize {
        self.runs.values().filter(|(run, stage)| is_counted(run, *stage)).count()
    }

    fn running(&self) -> usize {
        self.count(|_, stage| stage == Stage::Running)
    }

    fn waiting(&self) -> usize {
        self.count(|_, stage| stage == Stage::Waiting)
    }

    fn placed_of(&self, task: &Task) -> usize {
        self.count(|run, stage| run.task.name == task.name && stage != Stage::Waiting)
    }

    fn waiting_of(&self, task: &Task) -> usize {
        self.count(|run, stage| run.task.name == task.name && stage == Stage::Waiting)
    }

    fn places(task: &Task) -> usize {
        match task.overlap {
            Overlap::Allow => usize::MAX,
            _ => task.max_concurrent.get() as usize,
        }
    }

    /// The run of a task that would start next if there was a permit.
    fn next_of(&self, task: &Task) -> Option<RunId> {
        let is_of_task = |id: &&RunId| self.runs[id].0.task.name == task.name;
        let waiting = || self.runs.keys().filter(is_of_task).find(|id| self.runs[id].1 == Stage::Waiting);
        let has_place = self.placed_of(task) < Self::places(task);
        self.resuming.iter().find(is_of_task).or_else(|| waiting().filter(|_| has_place)).copied()
    }

    fn admission(&self, task: &Task) -> Result<Admission, ()> {
        let (placed, waiting) = (self.placed_of(task), self.waiting_of(task));
        let is_crowded = placed + waiting >= Self::places(task);
        if waiting == 0 && placed < Self::places(task) && self.running() < self.max_running {
            Ok(Admission::Start)
        } else if is_crowded && task.overlap == Overlap::Skip {
            Ok(Admission::Skip(Skip::Overlap))
        } else if self.waiting() >= self.max_waiting {
            Ok(Admission::Skip(Skip::QueueFull))
        } else if is_crowded && task.overlap == Overlap::Replace {
            // Whom is not the model's to say.
            Err(())
        } else {
            Ok(Admission::Wait)
        }
    }

    /// Takes note of runs that start, each of which has to be the next of its task.
    fn start(&mut self, started: &[Arc<Run>]) -> Result<(), TestCaseError> {
        for run in started {
            self.note_ready();
            prop_assert_eq!(self.next_of(&run.task), Some(run.id), "not its turn within the task");
            self.resuming.retain(|id| *id != run.id);
            self.runs.get_mut(&run.id).unwrap().1 = Stage::Running;
            self.overtaken.remove(&run.task.name);
            for by in self.overtaken.values_mut() {
                prop_assert!(!by.contains(&run.task.name), "{} overtakes twice", run.task.name);
                by.push(run.task.name.clone());
            }
        }
        Ok(())
    }

    /// Takes note of which tasks could start a run.
    fn note_ready(&mut self) {
        for task in self.tasks.clone() {
            match self.next_of(&task) {
                Some(_) => drop(self.overtaken.entry(task.name.clone()).or_default()),
                None => drop(self.overtaken.remove(&task.name)),
            }
        }
    }

    fn check(&mut self) -> Result<(), TestCaseError> {
        prop_assert!(self.running() <= self.max_running);
        prop_assert!(self.waiting() <= self.max_waiting);
        for task in self.tasks.clone() {
            prop_assert!(self.placed_of(&task) <= Self::places(&task));
            let is_idle = self.running() < self.max_running;
            prop_assert!(!(is_idle && self.next_of(&task).is_some()), "{} could go on", task.name);
        }
        self.note_ready();
        Ok(())
    }

    /// The run at a place among those in some stages.
    fn pick(&self, index: usize, stages: &[Stage]) -> Option<Arc<Run>> {
        let runs: Vec<_> = self.runs.values().filter(|(_, stage)| stages.contains(stage)).collect();
        runs.get(index.checked_rem(runs.len())?).map(|(run, _)| run.clone())
    }
}

proptest! {
    #[test]
    fn any_order_of_events_follows_the_rules(
        policies in prop::collection::vec((overlap(), 1..4_u32), 4),
        max_running in 1..5_usize,
        max_waiting in 0..8_usize,
        events in prop::collection::vec(event(), 1..120),
    ) {
        let tasks: Vec<Arc<Task>> = policies.iter().enumerate()
            .map(|(index, (overlap, max))| task(&format!("task{index}"), *overlap, *max)).collect();
        let mut world = World::new(max_running, max_waiting);
        let mut model = Model {
            tasks: tasks.clone(), max_running, max_waiting,
            runs: BTreeMap::new(), resuming: Vec::new(), overtaken: BTreeMap::new(),
        };
        let any = [Stage::Waiting, Stage::Running, Stage::Suspended, Stage::Resuming];
        // In the end, everything is released, and nothing is left behind.
        let end = (0..200).map(|_| Event::Release { run: 0 });
        for event in events.into_iter().chain(end) {
            match event {
                Event::Admit { task } => {
                    let run = world.run(&tasks[task]);
                    let expected = model.admission(&run.task);
                    let admission = world.queue.admit(run.clone());
                    match (admission, expected) {
                        (Admission::Replace { victim }, Err(())) => {
                            prop_assert_eq!(&model.runs[&victim].0.task.name, &run.task.name);
                        }
                        (_, expected) => prop_assert_eq!(Ok(admission), expected),
                    }
                    match admission {
                        Admission::Start => drop(model.runs.insert(run.id, (run, Stage::Running))),
                        Admission::Wait | Admission::Replace { .. } => {
                            model.runs.insert(run.id, (run, Stage::Waiting));
                        }
                        Admission::Skip(_) => {}
                    }
                }
                Event::Release { run } => {
                    let Some(run) = model.pick(run, &any) else { continue };
                    let started = world.queue.release(run.id);
                    model.runs.remove(&run.id);
                    model.resuming.retain(|id| *id != run.id);
                    model.start(&started)?;
                    prop_assert!(world.queue.release(run.id).is_empty(), "released twice");
                }
                Event::Suspend { run } => {
                    let Some(run) = model.pick(run, &[Stage::Running]) else { continue };
                    let started = world.queue.suspend(&run);
                    model.runs.get_mut(&run.id).unwrap().1 = Stage::Suspended;
                    model.start(&started)?;
                }
                Event::Resume { run } => {
                    let Some(run) = model.pick(run, &[Stage::Suspended]) else { continue };
                    let started = world.queue.resume(run.id);
                    prop_assert_eq!(started.is_some(), model.running() < max_running);
                    model.runs.get_mut(&run.id).unwrap().1 = match started {
                        Some(_) => Stage::Running,
                        None => Stage::Resuming,
                    };
                    if started.is_none() {
                        model.resuming.push(run.id);
                    }
                }
            }
            model.check()?;
        }
        prop_assert!(model.runs.is_empty());
        prop_assert!(world.queue.runs.is_empty() && world.queue.running == 0 && world.queue.waiting == 0);
    }
}
