//! Where a running host has its configuration from: the file that it was started with, read anew each time.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::clock::Clock;
use crate::config::{self, Config, Loaded, Surroundings};
use crate::daemon::reload::{Configuration, HostKey, HostKeys, Origin, Refused, Source, Watching};
use crate::model::id::Digest;
use crate::model::plan::Counts;
use crate::model::task::Task;
use crate::plugins::digest;
use crate::sandbox;

/// The settings of the host that another configuration changes at once. All others are given to parts of the host that
/// are made when it starts. (The zone is that of schedules, and tasks have those.)
const COUNT_AT_ONCE: [&str; 4] = ["host.grace-period", "host.ledger.max-size", "host.max-queued-runs", "host.timezone"];

/// A configuration file.
pub(super) struct ConfigFile {
    path: PathBuf,
    clock: Clock,
    /// What the sandbox made room for when the host started; none before that.
    room: Option<sandbox::Settings>,
}

impl ConfigFile {
    /// The file of this path, wherever the process goes.
    pub(super) fn new(path: &Path, clock: Clock) -> std::io::Result<Self> {
        Ok(Self { path: std::path::absolute(path)?, clock, room: None })
    }

    /// Where a configuration that was loaded came from. `digest` is what was in the file before that.
    pub(super) fn origin(self, config: &Config, digest: Option<Digest>) -> Origin {
        let watching = if config.host.watch { Watching::On } else { Watching::Off };
        let source = Arc::new(Self { room: Some(config.sandbox_settings()), ..self });
        Origin { host: host_keys(config), digest, watching, source }
    }
}

impl Source for ConfigFile {
    fn file(&self) -> &Path {
        &self.path
    }

    fn digest(&self) -> Option<Digest> {
        // Whatever else it is, it might never end.
        let is_file = std::fs::metadata(&self.path).is_ok_and(|meta| meta.is_file());
        is_file.then(|| std::fs::read(&self.path).ok()).flatten().map(|text| digest(&text))
    }

    fn load(&self) -> Result<Configuration, Refused> {
        // Before it is read: what is written meanwhile is found by the next look.
        let digest = self.digest();
        match config::load(&self.path, &Surroundings::of_process(self.clock.now())) {
            Ok(Loaded { config, .. }) if !self.beyond(&config.tasks).is_empty() => {
                Err(Refused { report: self.beyond(&config.tasks), digest })
            }
            Ok(loaded) => Ok(Configuration {
                host: host_keys(&loaded.config),
                settings: loaded.config.daemon_settings(),
                alerts: Arc::new(loaded.config.alert_settings()),
                tasks: loaded.config.tasks,
                digest,
                warnings: if loaded.warnings.is_empty() { String::new() } else { loaded.warnings.to_string() },
            }),
            Err(report) => Err(Refused { report: report.to_string(), digest }),
        }
    }
}

impl ConfigFile {
    /// Which tasks have limits that the host made no room for: none of their attempts could start. (There is room for any
    /// `limits.memory`.)
    fn beyond(&self, tasks: &[Arc<Task>]) -> String {
        let Some(room) = &self.room else { return String::new() };
        let mut report = String::new();
        for task in tasks {
            for (key, value, room) in [
                ("instances", u64::from(task.limits.instances), u64::from(room.max_instances)),
                ("table-elements", task.limits.table_elements, room.max_table_elements),
            ] {
                if value > room {
                    let task = &task.name;
                    report += &format!(
                        "error: task `{task}` has limits.{key} = {value}, and the host made room for {room} when it \
                         started: start it again\n"
                    );
                }
            }
        }
        report
    }
}

fn host_keys(config: &Config) -> HostKeys {
    let key = |(key, value): (String, String)| {
        let counts = if COUNT_AT_ONCE.contains(&key.as_str()) { Counts::Now } else { Counts::AfterRestart };
        (key, HostKey { value, counts })
    };
    config.host_keys().into_iter().map(key).collect()
}
