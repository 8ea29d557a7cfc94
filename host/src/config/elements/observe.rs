//! `[host.log]` and `[host.metrics]`; with traces and the proxy beside them, what is told of the host, and where.

use std::path::PathBuf;

use super::Build;
use super::host::HostTable;
use super::proxy::WrittenProxy;
use super::traces::Traces;
use super::words::PathText;
use crate::config::table::table;
use crate::config::values::{Bytes, Whole};

/// What is told of the host, and where.
#[derive(Debug, Clone)]
pub struct ObserveSettings {
    /// The file of the host's log; none for stderr.
    pub log: Option<LogSettings>,
    /// How many tasks have series of their own.
    pub max_tasks: u32,
    /// Traces, if any are sent.
    pub traces: Option<Traces>,
    /// The proxy that the host's own requests go over.
    pub proxy: Option<WrittenProxy>,
}

/// The file of the host's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// The file that is written to.
    pub file: PathBuf,
    /// How many bytes it may have.
    pub max_size: u64,
    /// How many older ones are kept.
    pub keep: u32,
}

table! {
    /// The host's log, in files of bounded size.
    pub(in crate::config) struct LogTable {
        /// The file of the log. What `--log` and `--log-format` say holds for it; without it, the log goes to stderr.
        "file" => file: PathText = absent("the log goes to stderr"), example "/var/log/sandclock/host.log";
        /// How large the file may be. Then it gets a number behind its name (`.1`), and a new one is begun.
        "max-size" => max_size: Bytes<{ 64 << 10 }> = default("64MiB"), example "16MiB";
        /// How many files with a number are kept; the oldest goes when there are more.
        "keep" => keep: Whole<0, 1000> = default(5), example 20;
    }
}

table! {
    /// What `/metrics` tells.
    pub(in crate::config) struct MetricsTable {
        /// How many tasks have series of their own: the first, in the order of their names. Those of the others are added
        /// up as the task `(others)`. Each task has 100 to 150 series.
        "max-tasks" => max_tasks: Whole<0, 10_000> = default(1000), example 200;
    }
}

impl HostTable {
    /// What is told of the host, which takes secrets to say.
    pub(in crate::config) fn observe(&self, build: &mut Build<'_>) -> ObserveSettings {
        let (log, metrics) = (self.log.value().unwrap_or_default(), self.metrics.value().unwrap_or_default());
        ObserveSettings {
            log: log.file.value().map(|file| LogSettings {
                file: build.root.join(file.0),
                max_size: log.max_size.value().map_or(64 << 20, |bytes| bytes.0),
                keep: log.keep.value().map_or(5, |number| number.u32()),
            }),
            max_tasks: metrics.max_tasks.value().map_or(1000, |number| number.u32()),
            traces: self.traces.value().unwrap_or_default().build(build),
            proxy: self.proxy.value().unwrap_or_default().build(build),
        }
    }
}
