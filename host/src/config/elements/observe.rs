//! `[host.log]`, `[host.metrics]` and `[host.traces]`: what is told of the host, and where.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::words::PathText;
use crate::config::table::table;
use crate::config::values::{Bytes, Whole, text_is_a_value};

/// What is told of the host, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObserveSettings {
    /// The file of the host's log; none for stderr.
    pub log: Option<LogSettings>,
    /// How many tasks have series of their own.
    pub max_tasks: u32,
    /// The collector of traces.
    pub traces: Option<Collector>,
    /// Whether it gets what attempts log, too.
    pub traced_logs: bool,
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

/// A collector of traces: the base of its URLs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collector {
    /// Its host, as in a URL.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The path before `/v1/traces`, without a `/` at its end.
    pub base: String,
}

impl Collector {
    /// The port of collectors that speak OTLP over HTTP.
    const PORT: u16 = 4318;

    /// As it would be written.
    pub fn endpoint(&self) -> String {
        format!("http://{}:{}{}", self.host, self.port, self.base)
    }
}

impl FromStr for Collector {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("https://") {
            return Err("traces are sent by http:// alone; a collector on this machine hands them on by TLS");
        }
        let expected = Err("expected the URL of a collector, such as \"http://127.0.0.1:4318\"");
        let Ok(url) = text.parse::<http::Uri>() else { return expected };
        let plain = url.scheme() == Some(&http::uri::Scheme::HTTP) && url.query().is_none();
        match url.authority() {
            Some(authority) if plain && !authority.as_str().contains('@') => Ok(Self {
                host: authority.host().to_owned(),
                port: authority.port_u16().unwrap_or(Self::PORT),
                base: url.path().trim_end_matches('/').to_owned(),
            }),
            _ => expected,
        }
    }
}

text_is_a_value! {
    Collector: "the URL of a collector such as \"http://127.0.0.1:4318\"";
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

table! {
    /// Traces of runs and attempts, for a collector that speaks OpenTelemetry's protocol.
    pub(in crate::config) struct TracesTable {
        /// The collector's URL for OTLP over HTTP, to which `/v1/traces` is added.
        "endpoint" => endpoint: Collector = absent("no traces are sent"), example "http://127.0.0.1:4318";
        /// Whether the collector gets what attempts log, too, at `/v1/logs`.
        "logs" => logs: bool = default(false), example true;
    }
}

/// Out of the three tables, with the folder that relative paths start from.
pub(super) fn build(log: &LogTable, metrics: &MetricsTable, traces: &TracesTable, root: &Path) -> ObserveSettings {
    ObserveSettings {
        log: log.file.value().map(|file| LogSettings {
            file: root.join(file.0),
            max_size: log.max_size.value().map_or(64 << 20, |bytes| bytes.0),
            keep: log.keep.value().map_or(5, |number| number.u32()),
        }),
        max_tasks: metrics.max_tasks.value().map_or(1000, |number| number.u32()),
        traces: traces.endpoint.value(),
        traced_logs: traces.logs.value().unwrap_or(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_a_plain_url() {
        let check = |text: &str, expected: Option<&str>| {
            let found = text.parse::<Collector>().ok().map(|collector| collector.endpoint());
            assert_eq!(found.as_deref(), expected, "{text}");
        };
        check("http://127.0.0.1:4318", Some("http://127.0.0.1:4318"));
        check("http://[::1]:9999/", Some("http://[::1]:9999"));
        check("http://collector/otlp/", Some("http://collector:4318/otlp"));
        for refused in
            ["https://collector", "collector:4318", "127.0.0.1", "http://", "http://a@b", "http://a/?b", "ftp://a"]
        {
            check(refused, None);
        }
    }
}
