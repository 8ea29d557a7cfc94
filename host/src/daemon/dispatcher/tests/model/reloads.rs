//! Other configurations, while the host goes on.

use super::world::World;
use super::*;
use crate::daemon::dispatcher::Reload;
use crate::model::plan::Change;
use crate::model::run::RunState;

impl World {
    /// A configuration, as far as the model can follow it.
    pub(super) fn possible(&self, shape: Shape) -> Shape {
        match self.is_forestalled {
            true => Shape { rescheduled: 0, ..shape },
            false => shape,
        }
    }

    pub(super) fn reload(&mut self, shape: Shape) {
        let reload = Reload { tasks: tasks(shape), plugins: Vec::new(), max_queued: 5 };
        let planned = self.dispatcher.plan(&reload.tasks, self.now);
        let (plan, step) = self.dispatcher.reload(reload, self.now).unwrap();
        // What is due is decided first, and is no part of the plan.
        let changes = |plan: &crate::model::plan::Plan| -> Vec<(TaskName, Change)> {
            plan.tasks.iter().map(|task| (task.task.clone(), task.change.clone())).collect()
        };
        assert_eq!(changes(&plan), changes(&planned));
        let tasks: Vec<Arc<Task>> = self.dispatcher.tasks().values().cloned().collect();
        self.tasks_before = std::mem::replace(&mut self.tasks, tasks);
        let mut ended = 0;
        for active in self.dispatcher.active.values() {
            let is_running = matches!(active.state, RunState::Running { .. });
            let is_current = self.tasks.iter().any(|task| Arc::ptr_eq(task, &active.run.task));
            assert!(is_running || is_current, "{:?} waits with settings of before", active.run);
            if is_running && self.tasks.iter().all(|task| task.name != active.run.task.name || !task.enabled) {
                self.stopped.insert(active.run.id);
            }
        }
        for entry in &step.entries {
            ended += usize::from(matches!(entry, Entry::Ended { outcome: Outcome::Skipped(why), .. }
                if matches!(why, Skip::TaskRemoved | Skip::Disabled)));
        }
        assert_eq!(plan.tasks.iter().map(|task| task.runs.ended).sum::<usize>(), ended, "{plan:?}");
        self.record(step);
        self.tasks_before.clear();
    }

    /// Whether the ledger has another schedule for a task, or is about to.
    pub(super) fn is_rescheduled(&self, task: &Task) -> bool {
        tasks(Shape::default()).iter().any(|known| known.name == task.name && known.schedule != task.schedule)
    }

    /// Takes note of entries that make a task's slots ones of another schedule.
    pub(super) fn note_schedules(&mut self, entries: &[Entry]) {
        for entry in entries {
            let Entry::TaskSet { task, schedule, .. } = entry else { continue };
            let schedule = Schedule::of_record(schedule).unwrap();
            let epochs = self.epochs.entry(task.clone()).or_default();
            if epochs.last().is_none_or(|(_, last)| *last != schedule) {
                epochs.push((self.memory.cursors[task], schedule));
            }
        }
    }
}
