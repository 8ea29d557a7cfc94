//! Another configuration takes the place of the one in force, between two events.
//!
//! What is due is decided first, under the configuration it became due under. An attempt that goes on keeps what it
//! began with; all else, the next attempt of a run too, goes by the new one, as it would after a restart. Slots of a task
//! that is new, or has another schedule, count from now, by the same rules as when a host starts.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::active::{Active, Whereabouts};
use super::{Dispatcher, Mode, PluginState, Refusal, opening};
use crate::daemon::scheduler::{Gap, Taken};
use crate::daemon::step::Step;
use crate::ledger::{Entry, Recovered, Standing};
use crate::model::changes::changed_settings;
use crate::model::id::{RunId, TaskName};
use crate::model::outcome::{Outcome, Skip};
use crate::model::plan::{Change, Counted, PassedSlots, Plan, RunsPlan, SlotsPlan, TaskPlan};
use crate::model::run::{Run, RunState};
use crate::model::schedule::Schedule;
use crate::model::slot::Slot;
use crate::model::task::{Build, Task};
use crate::model::taskset::TaskSet;

/// What takes the place of what is in force.
#[derive(Debug, Clone)]
pub struct Reload {
    /// The tasks, in the order of their names. Where a run of a task may wait for its turn, its plugin has to be ready.
    pub tasks: Vec<Arc<Task>>,
    /// What is known of plugins that this dispatcher does not know.
    pub plugins: Vec<(Build, PluginState)>,
    /// How many runs may wait for their turn.
    pub max_queued: usize,
}

/// What the ledger has of a task that is not configured.
#[derive(Debug, Clone, Default)]
pub(super) struct Absent {
    cursor: Option<Slot>,
    standing: Standing,
}

/// A task as it is and as it would be; none where there is none of its name.
type BeforeAndAfter<'t> = (Option<&'t Arc<Task>>, Option<&'t Arc<Task>>);

/// Where a task's slots count from.
struct Opened {
    /// None if they go on from where they are.
    anew: Option<Slot>,
    /// What has to be entered for that.
    step: Step,
}

impl Dispatcher {
    /// What another set of tasks, in the order of their names, would change at this moment.
    pub fn plan(&self, tasks: &[Arc<Task>], now: Timestamp) -> Plan {
        let mut both: BTreeMap<&TaskName, BeforeAndAfter<'_>> = BTreeMap::new();
        self.tasks.values().for_each(|task| both.entry(&task.name).or_default().0 = Some(task));
        tasks.iter().for_each(|task| both.entry(&task.name).or_default().1 = Some(task));
        let total = both.len();
        both.retain(|_, (before, after)| !is_same(*before, *after));
        let mut runs: HashMap<&TaskName, RunsPlan> = HashMap::new();
        for active in self.active.values() {
            let name = &active.run.task.name;
            let Some((_, after)) = both.get(name) else { continue };
            let runs = runs.entry(name).or_default();
            match (is_running(active), after) {
                (true, _) => runs.running += 1,
                (false, Some(after)) if after.enabled => runs.renewed += 1,
                (false, _) => runs.ended += 1,
            }
        }
        let unchanged = total - both.len();
        let tasks = both.into_iter().map(|(name, (before, after))| TaskPlan {
            task: name.clone(),
            change: match (before, after) {
                (Some(before), Some(after)) => Change::Changed(changed_settings(before, after)),
                (Some(_), None) => Change::Removed,
                (None, _) => Change::Added,
            },
            slots: self.plan_slots(before, after, now),
            runs: runs.get(name).copied().unwrap_or_default(),
        });
        Plan { tasks: tasks.collect(), unchanged, ..Plan::default() }
    }

    fn plan_slots(&self, before: Option<&Arc<Task>>, after: Option<&Arc<Task>>, now: Timestamp) -> SlotsPlan {
        let is_held = |task: &Arc<Task>| {
            let absent = self.absent.get(&task.name);
            self.holds(task).is_some() || absent.is_some_and(|absent| absent.standing.pause.is_some())
        };
        let next = |task: &Arc<Task>, from: Option<Slot>| {
            let from = from.map_or(now, |cursor| cursor.time().max(now));
            task.schedule.next_after(from).filter(|_| !is_held(task))
        };
        let next_before = before.and_then(|task| next(task, self.scheduler.cursor(&task.name)));
        let Some(after) = after else {
            return SlotsPlan { counted: Counted::Ended, passed: None, next: None, next_before };
        };
        let Opened { anew, step } = self.open(before, after, now);
        let passed = step.entries.iter().find_map(|entry| match entry {
            Entry::Missed { count, why, .. } => Some(PassedSlots { count: *count, why: *why }),
            _ => None,
        });
        let counted = match anew {
            _ if !after.enabled => Counted::Ended,
            Some(anew) => Counted::From(anew.time()),
            None => Counted::AsBefore,
        };
        let next = next(after, anew.or_else(|| self.scheduler.cursor(&after.name)));
        SlotsPlan { counted, passed, next, next_before }
    }

    /// Takes another configuration.
    ///
    /// # Errors
    ///
    /// If the host is shutting down.
    pub fn reload(&mut self, reload: Reload, now: Timestamp) -> Result<(Plan, Step), Refusal> {
        if self.mode == Mode::Draining {
            return Err(Refusal::ShuttingDown);
        }
        let mut step = Step::default();
        for due in self.take_due(now, Gap::None) {
            step.append(self.due(due, now));
        }
        let plan = self.plan(&reload.tasks, now);
        let before = std::mem::take(&mut self.tasks);
        let (mut taken, mut changed) = (Vec::with_capacity(reload.tasks.len()), Vec::new());
        for task in reload.tasks {
            let (task, anew) = match before.get(&task.name) {
                Some(known) if is_same(Some(known), Some(&task)) => (known.clone(), None),
                known => {
                    let opened = self.open(known, &task, now);
                    step.append(opened.step);
                    if let Some(Absent { standing, .. }) = self.absent.remove(&task.name) {
                        self.pauses.extend(standing.pause.map(|pause| (task.name.clone(), pause)));
                    }
                    changed.push(task.clone());
                    (task, opened.anew)
                }
            };
            taken.push(Taken { hold: self.holds(&task), task, anew });
        }
        self.tasks = Arc::new(taken.iter().map(|taken| taken.task.clone()).collect());
        let is_gone = |task: &&Arc<Task>| !self.tasks.contains_key(&task.name);
        let removed: Vec<Arc<Task>> = before.values().filter(is_gone).cloned().collect();
        removed.iter().for_each(|task| self.remove(task, &mut step));
        self.scheduler.swap(taken, now);
        self.followers = followers(&self.tasks);
        let learnt: Vec<Build> = reload.plugins.iter().map(|(build, _)| build.clone()).collect();
        self.take_plugins(reload.plugins);
        self.queue.set_max_waiting(reload.max_queued);

        self.renew(&changed);
        let ended = removed.iter().map(|task| (task.name.clone(), Skip::TaskRemoved));
        let disabled = changed.iter().filter(|task| !task.enabled).map(|task| (task.name.clone(), Skip::Disabled));
        self.withdraw(&ended.chain(disabled).collect(), now, &mut step);
        self.unpark(|_| true, now, &mut step);
        let started = self.queue.start_waiting();
        self.start_all(started, now, &mut step);
        for task in &changed {
            self.feed(task, now, &mut step);
        }
        for build in &learnt {
            self.feed_all(build, now, &mut step);
        }
        Ok((plan, step))
    }

    /// The tasks.
    pub fn tasks(&self) -> &Arc<TaskSet> {
        &self.tasks
    }

    /// The schedule of a task, or the last one that it had.
    pub(super) fn last_schedule(&self, task: &TaskName) -> Option<Schedule> {
        match self.tasks.get(task) {
            Some(task) => Some(task.schedule.clone()),
            None => Schedule::of_record(self.absent.get(task)?.standing.schedule.as_deref()?),
        }
    }

    /// Whether a task uses a plugin.
    pub fn has_task_of(&self, build: &Build) -> bool {
        self.plugins.contains_key(build)
    }

    /// Whether a plugin's code may still be asked for: by a task, or by an attempt that was decided on before a reload.
    pub fn uses(&self, build: &Build) -> bool {
        self.has_task_of(build)
            || self.active.values().any(|active| is_running(active) && active.run.task.build() == *build)
    }

    /// Where the slots of a task that is new or changed count from.
    fn open(&self, before: Option<&Arc<Task>>, after: &Arc<Task>, now: Timestamp) -> Opened {
        let mut step = Step::default();
        let absent = self.absent.get(&after.name);
        let (cursor, standing) = match before {
            Some(before) if before.schedule == after.schedule && before.enabled == after.enabled => {
                return Opened { anew: None, step };
            }
            Some(before) => {
                let pause = self.pauses.get(&before.name).cloned();
                let schedule = Some(before.schedule.record());
                (self.scheduler.cursor(&before.name), Standing { schedule, enabled: before.enabled, pause })
            }
            // Slots that passed while it was not configured are not run.
            None => absent.map_or_else(Default::default, |absent| {
                (absent.cursor, Standing { enabled: false, ..absent.standing.clone() })
            }),
        };
        let anew = opening::open(after, cursor, &standing, now, &mut step);
        if absent.is_some_and(|absent| absent.standing.enabled) && !after.enabled {
            step.entries.push(opening::task_set(after));
        }
        Opened { anew: Some(anew), step }
    }

    /// Lets go of a task. In the ledger it stands as one that is disabled, until it is configured again.
    fn remove(&mut self, task: &Arc<Task>, step: &mut Step) {
        let schedule = task.schedule.record();
        if task.enabled {
            let entry = Entry::TaskSet { task: task.name.clone(), schedule: schedule.clone(), enabled: false };
            step.entries.push(entry);
        }
        let pause = self.pauses.remove(&task.name);
        let standing = Standing { schedule: Some(schedule), enabled: false, pause };
        let cursor = self.scheduler.cursor(&task.name);
        self.absent.insert(task.name.clone(), Absent { cursor, standing });
    }

    /// Keeps track of the plugins that tasks use now, and of no others.
    fn take_plugins(&mut self, known: Vec<(Build, PluginState)>) {
        let before = std::mem::take(&mut self.plugins);
        let known: HashMap<Build, PluginState> = before.into_iter().chain(known).collect();
        self.plugins = plugins(&self.tasks, &known);
    }

    /// Has runs that do not run go by their tasks as they are now.
    fn renew(&mut self, changed: &[Arc<Task>]) {
        let by_name: HashMap<&TaskName, &Arc<Task>> = changed.iter().map(|task| (&task.name, task)).collect();
        for active in self.active.values_mut().filter(|active| !is_running(active)) {
            if let Some(task) = by_name.get(&active.run.task.name) {
                active.run = with(&active.run, (*task).clone());
            }
        }
        for task in changed {
            let active = &self.active;
            self.queue.renew(&task.name, |id| active.get(&id).map(|active| active.run.clone()));
        }
    }

    /// Has a run go by its task as it is now, if it still is.
    pub(super) fn renew_one(&mut self, run: Arc<Run>) -> Arc<Run> {
        let Some(task) = self.tasks.get(&run.task.name).filter(|task| !Arc::ptr_eq(task, &run.task)) else {
            return run;
        };
        let renewed = with(&run, task.clone());
        if let Some(active) = self.active.get_mut(&run.id) {
            active.run = renewed.clone();
        }
        renewed
    }

    /// The task of a run as it is now, or why the run is not to be started.
    pub(super) fn current(&self, run: &Run) -> Result<Arc<Task>, Skip> {
        match self.tasks.get(&run.task.name) {
            Some(task) if task.enabled => Ok(task.clone()),
            Some(_) => Err(Skip::Disabled),
            None => Err(Skip::TaskRemoved),
        }
    }

    /// Ends the runs of these tasks that wait; those that run get no further attempt.
    fn withdraw(&mut self, tasks: &HashMap<TaskName, Skip>, now: Timestamp, step: &mut Step) {
        for task in tasks.keys() {
            if let Some(backlog) = self.backlogs.get_mut(task) {
                backlog.forget_waiting();
            }
        }
        // One that waits for its next attempt has a place, which is not to go to another that waits.
        let mut waiting: Vec<(bool, RunId, Skip)> = Vec::new();
        for (id, active) in &mut self.active {
            let Some(why) = tasks.get(&active.run.task.name) else { continue };
            match active.state {
                RunState::Running { .. } => active.whereabouts = Whereabouts::Stopping,
                RunState::Waiting { until, .. } => {
                    self.retries.remove(&(until, *id));
                    waiting.push((true, *id, *why));
                }
                RunState::Queued | RunState::Final(_) => waiting.push((false, *id, *why)),
            }
        }
        waiting.sort_unstable_by_key(|(has_place, id, _)| (*has_place, *id));
        for (_, id, why) in waiting {
            let Some(active) = self.active.remove(&id) else { continue };
            self.close(active, Outcome::Skipped(why), now, step);
        }
    }
}

/// A run, of a task as it is now.
pub(super) fn with(run: &Run, task: Arc<Task>) -> Arc<Run> {
    Arc::new(Run { task, ..run.clone() })
}

fn is_running(active: &Active) -> bool {
    matches!(active.state, RunState::Running { .. })
}

/// Whether a task is what it was before.
fn is_same(before: Option<&Arc<Task>>, after: Option<&Arc<Task>>) -> bool {
    before.zip(after).is_some_and(|(before, after)| Arc::ptr_eq(before, after) || before == after)
}

/// The plugins that tasks use, and what is known of each.
pub(super) fn plugins(tasks: &TaskSet, known: &HashMap<Build, PluginState>) -> HashMap<Build, PluginState> {
    // One by one: collected, they would get room for as many as there are tasks.
    let mut plugins = HashMap::new();
    for build in tasks.values().map(|task| task.build()) {
        let state = known.get(&build).copied().unwrap_or(PluginState::Preparing);
        plugins.insert(build, state);
    }
    plugins
}

/// The tasks that follow each task.
pub(super) fn followers(tasks: &TaskSet) -> HashMap<TaskName, Vec<Arc<Task>>> {
    let mut followers: HashMap<TaskName, Vec<Arc<Task>>> = HashMap::new();
    for task in tasks.values() {
        for before in &task.after {
            followers.entry(before.clone()).or_default().push(task.clone());
        }
    }
    followers
}

/// What the ledger has of tasks that are not configured.
pub(super) fn absent(tasks: &TaskSet, recovered: &Recovered) -> HashMap<TaskName, Absent> {
    // The ledger has them in no order. To look for each of many in the set itself, by halves, was a quarter of a start.
    let configured: HashSet<&TaskName> = tasks.keys().collect();
    let mut absent: HashMap<TaskName, Absent> = HashMap::new();
    for (task, cursor) in recovered.cursors.iter().filter(|(task, _)| !configured.contains(task)) {
        absent.entry(task.clone()).or_default().cursor = Some(*cursor);
    }
    for (task, standing) in recovered.standings.iter().filter(|(task, _)| !configured.contains(task)) {
        absent.entry(task.clone()).or_default().standing = standing.clone();
    }
    absent
}
