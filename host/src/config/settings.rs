//! What each part of the host gets out of the configuration. No part knows the configuration itself.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::Config;
use super::elements::host::Durability;
use crate::model::task::Task;
use crate::{api, daemon, ledger, observe, plugins, sandbox};

impl Config {
    /// How the ledger is kept.
    pub fn ledger_settings(&self) -> ledger::Settings {
        let durability = match self.host.durability {
            Durability::Full => ledger::Durability::Full,
            Durability::Normal => ledger::Durability::Normal,
        };
        ledger::Settings { state: self.host.state.clone(), durability }
    }

    /// How much the sandbox makes room for.
    pub fn sandbox_settings(&self) -> sandbox::Settings {
        let limits = self.tasks.iter().map(|task: &std::sync::Arc<Task>| &*task.limits);
        sandbox::Settings {
            wasi_03: self.host.wasi_03,
            tls_roots: self.host.tls_roots.as_ref().map(|file| file.roots.clone()).unwrap_or_default(),
            ..sandbox::Settings::for_limits(count(self.host.max_concurrent_runs), limits)
        }
    }

    /// Where plugins are, and how they are compiled.
    pub fn plugins_settings(&self) -> plugins::Settings {
        let compile = self.host.compile;
        plugins::Settings {
            folder: self.host.plugins.clone(),
            state: self.host.state.clone(),
            compile: plugins::CompileSettings {
                timeout: compile.timeout,
                memory: compile.memory,
                max_size: compile.max_size,
                kept: compile.kept,
                parallel: NonZeroUsize::new(count(compile.parallel)).unwrap_or(NonZeroUsize::MIN),
                ..plugins::CompileSettings::default()
            },
        }
    }

    /// How much goes on at once.
    pub fn daemon_settings(&self) -> daemon::Settings {
        let at_least_one = |count| NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN);
        daemon::Settings {
            max_concurrent: at_least_one(count(self.host.max_concurrent_runs)),
            max_queued: self.host.max_queued_runs as usize,
            threads: at_least_one(count(self.host.workers)),
            grace: self.host.grace_period,
            ledger_size: self.host.ledger_size,
        }
    }

    /// Who is told of what.
    pub fn alert_settings(&self) -> observe::AlertSettings {
        let channel = |alert: &super::Alert| (alert.channel.name.clone(), Arc::new(alert.channel.clone()));
        observe::AlertSettings {
            channels: self.alerts.iter().map(channel).collect(),
            roots: self.host.tls_roots.as_ref().map(|file| file.pem.clone()),
            zone: self.host.timezone.clone(),
        }
    }

    /// Where the API listens.
    pub fn api_settings(&self) -> api::Settings {
        api::Settings { listen: self.host.listen, state: self.host.state.clone(), timezone: self.host.timezone.clone() }
    }
}

fn count(number: std::num::NonZeroU32) -> usize {
    number.get() as usize
}
