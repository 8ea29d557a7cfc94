//! From events to series: the one thread that writes them.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::host::Observer;
use super::open::{Open, Stand};
use super::task::{TaskSeries, millis};
use super::{Metrics, Standing};
use crate::model::cause::CauseKind;
use crate::model::event::Event;
use crate::model::id::{PluginName, TaskName};
use crate::model::outcome::{AttemptOutcome, Outcome, OutcomeClass, PassedOver};
use crate::model::run::Run;
use crate::model::taskset::TaskSet;

/// Writes the series.
pub(in crate::observe) struct Recorder {
    metrics: Arc<Metrics>,
    tasks: HashMap<TaskName, Arc<TaskSeries>>,
    others: Arc<TaskSeries>,
    plugins: HashMap<PluginName, PluginState>,
    open: Open,
}

/// How a plugin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PluginState {
    Preparing,
    Ready,
    Unusable,
}

/// The words for them, in their order.
pub(super) const PLUGIN_STATES: [&str; 3] = ["preparing", "ready", "unusable"];

impl Recorder {
    pub(in crate::observe) fn new(metrics: Arc<Metrics>) -> Self {
        let others = Arc::clone(&metrics.others);
        Self { metrics, tasks: HashMap::new(), others, plugins: HashMap::new(), open: Open::default() }
    }

    /// Takes note of the tasks as they are configured now. Those that are gone lose their series, and new ones get some,
    /// as long as there are not too many.
    pub(in crate::observe) fn configured(&mut self, tasks: &TaskSet) {
        let now = self.metrics.clock.now();
        let mut before = std::mem::take(&mut self.tasks);
        let mut shown = Vec::with_capacity(tasks.len().min(self.metrics.max_tasks));
        for task in tasks.values().take(self.metrics.max_tasks) {
            let series = match before.remove(&task.name) {
                Some(series) => {
                    series.configure(task);
                    series
                }
                None => Arc::new(TaskSeries::new(task.name.as_str(), Some(Arc::clone(task)), now)),
            };
            shown.push(Arc::clone(&series));
            self.tasks.insert(task.name.clone(), series);
        }
        let known = std::mem::take(&mut self.plugins);
        for plugin in tasks.values().map(|task| &task.plugin) {
            // One by one: collected, they would get room for as many as there are tasks.
            if !self.plugins.contains_key(plugin) {
                let state = known.get(plugin).copied().unwrap_or(PluginState::Preparing);
                self.plugins.insert(plugin.clone(), state);
            }
        }
        self.count_plugins();
        let left_out = tasks.len() - shown.len();
        *self.metrics.shown.lock().unwrap_or_else(PoisonError::into_inner) = super::Shown { tasks: shown, left_out };
    }

    /// Takes over what the ledger knows of tasks.
    pub(in crate::observe) fn stands(&mut self, standings: &[Standing]) {
        for standing in standings {
            let Some(series) = self.tasks.get(&standing.task) else { continue };
            series.last_success.at_least(standing.last_success.map_or(0, millis));
            series.last_run.at_least(standing.last_run.map_or(0, millis));
            series.failures.set(standing.failures);
            series.paused.set(standing.paused.into());
        }
    }

    /// The daemon is about to be asked which runs are not over.
    pub(in crate::observe) fn ask(&mut self) {
        self.open.ask();
    }

    /// It has answered.
    pub(in crate::observe) fn answered(&mut self, runs: Option<Vec<(Arc<Run>, bool)>>) {
        let stands = runs.map(|runs| {
            let stand = |(run, running): (Arc<Run>, bool)| {
                let stand = if running { Stand::Running } else { Stand::Queued };
                (run.id, Arc::clone(self.of(&run.task.name)), stand)
            };
            runs.into_iter().map(stand).collect()
        });
        self.open.answered(stands);
    }

    /// So many events came too fast to be counted.
    pub(in crate::observe) fn lagged(&self, lost: u64) {
        self.metrics.host.dropped(Observer::Metrics).add(lost);
    }

    /// Takes note of an event.
    pub(in crate::observe) fn record(&mut self, event: &Event) {
        match event {
            Event::RunQueued(run) => self.stand(run, Stand::Queued),
            Event::AttemptStarted { run, attempt } => {
                self.stand(run, Stand::Running);
                if let (1, CauseKind::Schedule, Some(slot)) = (attempt, run.cause.kind(), run.slot) {
                    self.metrics.host.lateness.took(between(slot.time(), run.admitted_at));
                }
            }
            Event::AttemptEnded { run, attempt, outcome, usage, started_at, ended_at, retry_at, .. } => {
                let series = Arc::clone(self.of(&run.task.name));
                series.attempted(outcome.class(), usage);
                if let AttemptOutcome::Exceeded(exceeded) = &**outcome {
                    series.stopped_at(exceeded.limit);
                }
                if *attempt == 1 {
                    series.delays.took(between(run.admitted_at, *started_at));
                }
                if retry_at.is_some() {
                    series.retries.add(1);
                    self.open.set(run.id, &series, Stand::Queued);
                } else {
                    series.ended(outcome.class(), *ended_at);
                }
            }
            Event::RunEnded { run, outcome, attempts, at } => {
                self.stand(run, Stand::Over);
                self.ended(run, outcome, *attempts, *at);
            }
            Event::SlotSkipped { task, why, .. } => self.of(&task.name).passed_over(PassedOver::Skipped(*why), 1),
            Event::SlotsMissed { task, count, why, .. } => self.of(&task.name).passed_over(*why, *count),
            Event::TaskPaused { task } => self.of(&task.name).paused.set(1),
            Event::TaskResumed { task } => self.of(&task.name).paused.set(0),
            Event::PluginReady { plugin } => self.plugin(plugin, PluginState::Ready),
            Event::PluginUnusable { plugin, .. } => self.plugin(plugin, PluginState::Unusable),
            Event::ConfigReloaded(_) => self.metrics.host.reloads.add(1),
            Event::ConfigRefused { .. } => self.metrics.host.refusals.add(1),
            Event::LedgerFailed { .. } => self.metrics.host.ledger_failures.add(1),
            // Nothing is counted of the others.
            _ => {}
        }
    }

    fn ended(&self, run: &Run, outcome: &Outcome, attempts: u32, at: Timestamp) {
        let series = self.of(&run.task.name);
        match outcome {
            Outcome::Attempted(outcome) => {
                let class = outcome.class();
                series.executed(class, run.cause.kind());
                // The attempt that an earlier host left is ended by this one, and its end told with the run's alone.
                if class == OutcomeClass::Interrupted && attempts > 0 {
                    series.ended(class, at);
                }
                if class == OutcomeClass::Succeeded {
                    series.failures.set(0);
                } else if class.is_failure() {
                    series.failures.add(1);
                }
            }
            Outcome::Skipped(why) => series.passed_over(PassedOver::Skipped(*why), 1),
            Outcome::Missed(why) => series.passed_over(PassedOver::Missed(*why), 1),
        }
    }

    fn stand(&mut self, run: &Run, stand: Stand) {
        let series = Arc::clone(self.of(&run.task.name));
        self.open.set(run.id, &series, stand);
    }

    fn of(&self, task: &TaskName) -> &Arc<TaskSeries> {
        self.tasks.get(task).unwrap_or(&self.others)
    }

    fn plugin(&mut self, plugin: &PluginName, state: PluginState) {
        if let Some(known) = self.plugins.get_mut(plugin) {
            *known = state;
            self.count_plugins();
        }
    }

    fn count_plugins(&self) {
        for (state, number) in [PluginState::Preparing, PluginState::Ready, PluginState::Unusable]
            .into_iter()
            .zip(&self.metrics.host.plugins)
        {
            number.set(self.plugins.values().filter(|known| **known == state).count() as u64);
        }
    }
}

/// The time between; none if the clock was set back.
fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}
