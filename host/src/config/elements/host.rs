//! `[host]`: what concerns the host and not a single task.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;

use super::api::ApiTable;
use super::observe::{LogTable, MetricsTable};
use super::proxy::ProxyTable;
use super::roots::TlsRootsFile;
use super::traces::TracesTable;
use super::words::{ListenAddress, PathText, Zone};
use crate::api::GuardSettings;
use crate::config::diagnostic::Problems;
use crate::config::read::Field;
use crate::config::surroundings::Surroundings;
use crate::config::table::{choice, table};
use crate::config::values::{Bytes, Time, Whole};

/// What concerns the host and not a single task. Each part of the host gets its own settings out of these.
#[derive(Debug, Clone)]
pub struct HostSettings {
    /// The folder of the plugins.
    pub plugins: PathBuf,
    /// The folder of the ledger and the compile cache.
    pub state: PathBuf,
    /// The zone of schedules without one of their own.
    pub timezone: TimeZone,
    /// How many runs go on at once.
    pub max_concurrent_runs: NonZeroU32,
    /// How many runs wait for their turn.
    pub max_queued_runs: u32,
    /// Whether the file and the plugins folder are watched.
    pub watch: bool,
    /// Where the API listens.
    pub listen: SocketAddr,
    /// Who gets into the API, and how.
    pub api: GuardSettings,
    /// How long runs may go on after the host was asked to stop.
    pub grace_period: Duration,
    /// Threads that run guests.
    pub workers: NonZeroU32,
    /// Whether guests may use WASI 0.3.
    pub wasi_03: bool,
    /// Root certificates that are trusted beside the system's.
    pub tls_roots: Option<TlsRootsFile>,
    /// How plugins are compiled.
    pub compile: CompileSettings,
    /// How safely the ledger is written.
    pub durability: Durability,
    /// How many bytes the ledger may take.
    pub ledger_size: u64,
}

/// What the compilation of one plugin may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileSettings {
    /// Time.
    pub timeout: Duration,
    /// Bytes of memory.
    pub memory: u64,
    /// Bytes of the plugin's file.
    pub max_size: u64,
    /// Bytes of all that is kept of plugins.
    pub kept: u64,
    /// How many plugins are compiled at once.
    pub parallel: NonZeroU32,
}

/// How safely the ledger is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// An entry survives a power failure.
    #[default]
    Full,
    /// An entry survives a crash of the host; the last ones may be lost with the power.
    Normal,
}

impl Durability {
    /// The word for it in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Durability::Full => "full",
            Durability::Normal => "normal",
        }
    }
}

choice! {
    Durability {
        Durability::Full => "full", "an entry survives a power failure";
        Durability::Normal => "normal", "an entry survives a crash of the host, but the last ones may be lost with the power; faster";
    }
}

table! {
    /// What concerns the host and not a single task.
    pub(in crate::config) struct HostTable {
        /// The folder of the plugins.
        "plugins" => plugins: PathText = default("plugins"), example "/srv/sandclock/plugins";
        /// The folder of the ledger and the compile cache. One host at a time may use it.
        "state" => state: PathText = default("state"), example "/var/lib/sandclock";
        /// The time zone of schedules without one of their own.
        "timezone" => timezone: Zone = default("UTC"), example "Europe/Berlin";
        /// How many runs go on at once, over all tasks.
        "max-concurrent-runs" => max_concurrent_runs: Whole<1, 10_000> = default(64), example 16;
        /// How many runs wait for their turn, over all tasks. A run that finds the queue full is skipped.
        "max-queued-runs" => max_queued_runs: Whole<0, 1_000_000> = default(1000), example 200;
        /// Whether this file and the plugins folder are watched, so that a change counts at once. If not, it counts after
        /// `sandclock reload` or SIGHUP.
        "watch" => watch: bool = default(true), example false;
        /// Where the API, the dashboard and the metrics are served. Beyond this machine only with TLS and a token: see `api`.
        "listen" => listen: ListenAddress = default("127.0.0.1:7390"), example "127.0.0.1:8080";
        /// Who gets into the API, and how.
        "api" => api: ApiTable = table;
        /// How long runs may go on after the host was asked to stop. Those still going then are interrupted.
        "grace-period" => grace_period: Time<0> = default("30s"), example "2m";
        /// Threads that run guests.
        "workers" => workers: Whole<1, 1024> = absent("one for each core"), example 4;
        /// Whether guests may use WASI 0.3.
        "wasi-03" => wasi_03: bool = default(true), example false;
        /// A file of root certificates in PEM, which guests' HTTPS requests trust beside those of the system. (The
        /// environment variables `SSL_CERT_FILE` and `SSL_CERT_DIR` of the host name others in place of the system's.)
        "tls-roots" => tls_roots: PathText = absent("those of the system alone"), example "/etc/sandclock/roots.pem";
        /// What the compilation of one plugin may use.
        "compile" => compile: CompileTable = table;
        /// How the ledger is written, and how large it may be.
        "ledger" => ledger: LedgerTable = table;
        /// The host's log, in files of bounded size.
        "log" => log: LogTable = table;
        /// What `/metrics` tells.
        "metrics" => metrics: MetricsTable = table;
        /// Traces of runs and attempts, for a collector that speaks OpenTelemetry's protocol.
        "traces" => traces: TracesTable = table;
        /// A proxy for what the host itself sends by HTTP.
        "proxy" => proxy: ProxyTable = table;
    }
}

table! {
    /// What the compilation of one plugin may use. A plugin that needs more is refused, and its tasks with it.
    pub(in crate::config) struct CompileTable {
        /// Time. JavaScript and Python plugins take 20 to 30 seconds, others less than five.
        "timeout" => timeout: Time<1> = default("1m"), example "3m";
        /// Memory.
        "memory" => memory: Bytes<{ 64 << 20 }> = default("2GiB"), example "4GiB";
        /// Size of the plugin's file.
        "max-size" => max_size: Bytes<1> = default("32MiB"), example "64MiB";
        /// Disk for what is kept of all plugins together: their compiled code, and copies of their files. What is above
        /// it is removed, least recently used first. What a task needs stays, however much it is.
        "kept" => kept: Bytes<0> = default("2GiB"), example "500MiB";
        /// How many plugins are compiled at once.
        "parallel" => parallel: Whole<1, 256> = default(1), example 2;
    }
}

table! {
    /// How the ledger is written, and how large it may be.
    pub(in crate::config) struct LedgerTable {
        /// How safely.
        "durability" => durability: Durability = default("full"), example "normal";
        /// How large it may be, over all tasks. Beyond that the oldest runs are removed, whatever their task keeps.
        "max-size" => max_size: Bytes<{ 1 << 20 }> = default("4GiB"), example "20GiB";
    }
}

impl HostTable {
    pub(in crate::config) fn build(&self, root: &Path, around: &Surroundings, problems: &mut Problems) -> HostSettings {
        let path = |field: &Field<PathText>, default: &str| {
            root.join(field.value().map_or(PathBuf::from(default), |path| path.0))
        };
        let ledger = self.ledger.value().unwrap_or_default();
        HostSettings {
            plugins: path(&self.plugins, "plugins"),
            state: path(&self.state, "state"),
            timezone: self.timezone.value().map_or(TimeZone::UTC, |zone| zone.0),
            max_concurrent_runs: self.max_concurrent_runs.value().map_or(MAX_CONCURRENT_RUNS, |n| n.non_zero()),
            max_queued_runs: self.max_queued_runs.value().map_or(1000, |number| number.u32()),
            watch: self.watch.value().unwrap_or(true),
            listen: self.listen.value().map_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 7390)), |address| address.0),
            api: self.api.value().unwrap_or_default().build(&self.listen, root, problems),
            grace_period: self.grace_period.value().map_or(Duration::from_secs(30), |time| time.0),
            workers: self.workers.value().map_or(around.cores, |number| number.non_zero()),
            wasi_03: self.wasi_03.value().unwrap_or(true),
            tls_roots: self.tls_roots.written().and_then(|file| TlsRootsFile::read(file, root, problems)),
            compile: self.compile.value().unwrap_or_default().build(),
            durability: ledger.durability.value().unwrap_or_default(),
            ledger_size: ledger.max_size.value().map_or(4 << 30, |bytes| bytes.0),
        }
    }
}

const MAX_CONCURRENT_RUNS: NonZeroU32 = NonZeroU32::new(64).expect("64 is not zero");

impl CompileTable {
    fn build(&self) -> CompileSettings {
        CompileSettings {
            timeout: self.timeout.value().map_or(Duration::from_secs(60), |time| time.0),
            memory: self.memory.value().map_or(2 << 30, |bytes| bytes.0),
            max_size: self.max_size.value().map_or(32 << 20, |bytes| bytes.0),
            kept: self.kept.value().map_or(2 << 30, |bytes| bytes.0),
            parallel: self.parallel.value().map_or(NonZeroU32::MIN, |number| number.non_zero()),
        }
    }
}
