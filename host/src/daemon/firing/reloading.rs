//! What is swapped between two events: plugins, and with a reload the whole configuration.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{Loop, PluginChange, chain};
use crate::daemon::dispatcher::{PluginState, Refusal, Reload};
use crate::daemon::keep;
use crate::daemon::reload::Swap;
use crate::daemon::standing::PluginStanding;
use crate::daemon::step::{Effect, Step};
use crate::model::event::Event;
use crate::model::plan::Plan;
use crate::model::task::Build;

impl Loop {
    pub(super) fn plugin_changed(&mut self, change: PluginChange) {
        let Some((build, state)) = self.take_plugin(change) else { return };
        self.has_spare_plugins = true;
        let step = self.firing.dispatcher.plugin_changed(&build, state, self.firing.clock.now());
        self.record(step, None);
    }

    /// Takes another configuration, in one step with what follows from it.
    pub(super) fn reload(&mut self, swap: Swap, answer: oneshot::Sender<Result<Plan, Refusal>>) {
        // What was found of plugins before this is older.
        while let Ok(change) = self.firing.plugin_changes.try_recv() {
            self.plugin_changed(change);
        }
        let decided = self.writable().and_then(|()| self.swap(swap));
        self.carry_out_for(decided, answer);
    }

    fn swap(&mut self, swap: Swap) -> Result<(Plan, Step), Refusal> {
        let Swap { tasks, alerts, plugins, settings, rest } = swap;
        if self.draining.is_some() {
            return Err(Refusal::ShuttingDown);
        }
        let now = self.firing.clock.now();
        self.firing.grace = settings.grace;
        let plugins = plugins.into_iter().filter_map(|change| self.take_plugin(change)).collect();
        let reload = Reload { tasks, plugins, max_queued: settings.max_queued };
        let (plan, mut step) = self.firing.dispatcher.reload(reload, now)?;
        let plan = rest.with_tasks_of(plan);
        let tasks = Arc::clone(self.firing.dispatcher.tasks());
        self.firing.keep.send_replace(keep(&tasks, &settings));
        self.firing.plugins.send_modify(|plugins| {
            let known = |build: Build| {
                let standing = plugins.get(&build).cloned().unwrap_or(PluginStanding::Preparing);
                (build, standing)
            };
            *plugins = Arc::new(tasks.values().map(|task| known(task.build())).collect());
        });
        self.firing.tasks.send_replace(tasks);
        self.firing.ledger.enter_causes(!alerts.channels.is_empty());
        self.firing.alerts.send_replace(alerts);
        self.has_spare_plugins = true;
        step.effects.push(Effect::Tell(Event::ConfigReloaded(Arc::new(plan.clone()))));
        Ok((plan, step))
    }

    /// Takes a plugin's new code, or note that there is none: then code that is there stays. Returns whether the plugin
    /// can be used, unless that is as it was.
    fn take_plugin(&mut self, PluginChange { build, result }: PluginChange) -> Option<(Build, PluginState)> {
        let plugin = build.plugin.clone();
        match result {
            Ok(code) => {
                self.stands(&build, PluginStanding::Ready { digest: code.digest });
                self.plugins.insert(build.clone(), code);
                self.tell(Event::PluginReady { plugin });
                Some((build, PluginState::Ready))
            }
            Err(unusable) if self.plugins.contains_key(&build) => {
                self.tell(Event::PluginKept { plugin, reason: chain(&unusable) });
                None
            }
            Err(unusable) => {
                let reason = chain(&unusable);
                self.stands(&build, PluginStanding::Unusable { reason: reason.clone() });
                self.tell(Event::PluginUnusable { plugin, reason });
                Some((build, PluginState::Unusable))
            }
        }
    }

    /// Tells how a plugin stands now.
    fn stands(&self, build: &Build, standing: PluginStanding) {
        self.firing.plugins.send_modify(|plugins| _ = Arc::make_mut(plugins).insert(build.clone(), standing));
    }

    /// Lets go of the code of plugins that neither a task uses nor an attempt that was decided before a reload.
    pub(super) fn drop_spare_plugins(&mut self) {
        if self.has_spare_plugins {
            let dispatcher = &self.firing.dispatcher;
            self.plugins.retain(|build, _| dispatcher.uses(build));
            self.has_spare_plugins = self.plugins.keys().any(|build| !dispatcher.has_task_of(build));
        }
    }
}
