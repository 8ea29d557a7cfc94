//! Tasks whose slots pass without being run: those that are paused, and those that are disabled.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Dispatcher, Mode, Refusal};
use crate::daemon::step::{Effect, Step};
use crate::ledger::Entry;
use crate::model::event::Event;
use crate::model::id::TaskName;
use crate::model::outcome::Skip;
use crate::model::pause::Pause;
use crate::model::task::Task;

impl Dispatcher {
    /// Lets none of a task's slots be run from now on, nor of what follows another task. Slots up to now are decided as
    /// ever, and runs that are there already go on. Also returns since when it is paused, if it was so already.
    ///
    /// # Errors
    ///
    /// If there is no such task, or the host is shutting down.
    pub fn pause(&mut self, task: &TaskName, by: &str, now: Timestamp) -> Result<(Pause, Step), Refusal> {
        let task = self.reachable(task)?;
        let mut step = Step::default();
        if let Some(pause) = self.pauses.get(&task.name) {
            return Ok((pause.clone(), step));
        }
        let pause = Pause { since: now, by: by.to_owned() };
        self.pauses.insert(task.name.clone(), pause.clone());
        if task.enabled
            && let Some(due) = self.scheduler.hold(&task.name, Skip::Paused, now)
        {
            step.append(self.due(due, now));
        }
        step.entries.push(Entry::PauseSet { task: task.name.clone(), pause: Some(pause.clone()) });
        step.effects.push(Effect::Tell(Event::TaskPaused { task }));
        Ok((pause, step))
    }

    /// Lets a task's slots be run again. Those that passed meanwhile are decided by its misfire policy. Also returns
    /// since when it was paused, if it was.
    ///
    /// # Errors
    ///
    /// If there is no such task, or the host is shutting down.
    pub fn resume_task(&mut self, task: &TaskName, now: Timestamp) -> Result<(Option<Pause>, Step), Refusal> {
        let task = self.reachable(task)?;
        let mut step = Step::default();
        let pause = self.pauses.remove(&task.name);
        if pause.is_some() {
            step.entries.push(Entry::PauseSet { task: task.name.clone(), pause: None });
            if task.enabled
                && let Some(due) = self.scheduler.release(&task.name, now)
            {
                step.append(self.due(due, now));
            }
            step.effects.push(Effect::Tell(Event::TaskResumed { task }));
        }
        Ok((pause, step))
    }

    /// Why a task is not started by itself, if it is not.
    pub(super) fn holds(&self, task: &Task) -> Option<Skip> {
        match self.pauses.contains_key(&task.name) {
            _ if !task.enabled => Some(Skip::Disabled),
            true => Some(Skip::Paused),
            false => None,
        }
    }

    /// Holds what was paused or is disabled as the host starts. Its slots up to now were decided when it was opened.
    pub(super) fn hold_all(&mut self, now: Timestamp) {
        let held: Vec<(TaskName, Skip)> =
            self.tasks.values().filter_map(|task| Some((task.name.clone(), self.holds(task)?))).collect();
        for (task, why) in held {
            self.scheduler.hold_from_the_start(&task, why, now);
        }
    }

    /// A task of which something is asked.
    pub(super) fn reachable(&self, task: &TaskName) -> Result<Arc<Task>, Refusal> {
        match self.mode {
            Mode::Draining => Err(Refusal::ShuttingDown),
            Mode::Serving => self.tasks.get(task).cloned().ok_or(Refusal::NoSuchTask),
        }
    }
}
