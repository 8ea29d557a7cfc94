//! What each part of the host gets out of the configuration. No part knows the configuration itself.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::Config;
use super::elements::host::Durability;
use crate::model::proxy::Proxy;
use crate::model::task::Task;
use crate::model::trace::TraceIds;
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
            traces: self.trace_settings().map(|traces| traces.ids),
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

    /// The file of the host's log; none if it goes to stderr.
    pub fn log_file_settings(&self) -> Option<observe::LogFileSettings> {
        let log = self.observe.log.as_ref()?;
        Some(observe::LogFileSettings { path: log.file.clone(), max_size: log.max_size, keep: log.keep })
    }

    /// How many series there may be.
    pub fn metrics_settings(&self) -> observe::MetricsSettings {
        observe::MetricsSettings { max_tasks: self.observe.max_tasks as usize }
    }

    /// Where traces go, if anywhere.
    pub fn trace_settings(&self) -> Option<observe::TraceSettings> {
        let traces = self.observe.traces.as_ref()?;
        let instance = self.instance();
        let salt = [0, 8].map(|at| instance[at..at + 8].iter().fold(0, |salt, byte| salt << 8 | u64::from(*byte)));
        Some(observe::TraceSettings {
            endpoint: traces.endpoint.clone(),
            headers: traces.headers.clone(),
            roots: self.host.tls_roots.iter().chain(&traces.tls_roots).map(|file| file.pem.clone()).collect(),
            proxy: self.proxy(),
            logs: if traces.logs { observe::Logs::Sent } else { observe::Logs::Kept },
            ids: TraceIds::new(salt, traces.sample),
            instance: instance.iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    }

    /// Who is told of what.
    pub fn alert_settings(&self) -> observe::AlertSettings {
        let channel = |alert: &super::Alert| (alert.channel.name.clone(), Arc::new(alert.channel.clone()));
        observe::AlertSettings {
            channels: self.alerts.iter().map(channel).collect(),
            roots: self.host.tls_roots.as_ref().map(|file| file.pem.clone()),
            proxy: self.proxy(),
            zone: self.host.timezone.clone(),
        }
    }

    fn proxy(&self) -> Option<Proxy> {
        self.observe.proxy.as_ref().map(|written| written.proxy.clone())
    }

    /// What tells this host from others, before and after a restart: its machine and its state folder.
    fn instance(&self) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(rustix::system::uname().nodename().to_bytes_with_nul());
        hasher.update(self.host.state.as_os_str().as_encoded_bytes());
        let mut instance = [0; 16];
        hasher.finalize_xof().fill(&mut instance);
        instance
    }

    /// Where the API listens.
    pub fn api_settings(&self) -> api::Settings {
        api::Settings {
            listen: self.host.listen,
            state: self.host.state.clone(),
            timezone: self.host.timezone.clone(),
            guard: self.host.api.clone(),
        }
    }
}

fn count(number: std::num::NonZeroU32) -> usize {
    number.get() as usize
}
