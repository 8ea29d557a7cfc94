//! What one attempt may use. Every limit has a safe default, and none can be left out.

use std::fmt;
use std::time::Duration;

/// What one attempt may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Time from the guest's start to its end, host calls and waiting included.
    pub timeout: Duration,
    /// Units of fuel: about one per WebAssembly instruction.
    pub fuel: u64,
    /// Bytes of linear memory, summed over all memories of the attempt.
    pub memory: u64,
    /// Elements, summed over all tables of the attempt.
    pub table_elements: u64,
    /// Core instances in one attempt.
    pub instances: u32,
    /// Bytes of log: lines written by the guest, on stdout, on stderr or through a log interface.
    pub log: u64,
    /// Bytes of output.
    pub output: u64,
    /// HTTP requests begun.
    pub http_requests: u32,
    /// Bytes of body of one HTTP request or response.
    pub http_body: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(60),
            fuel: 100_000_000_000,
            memory: 64 << 20,
            table_elements: 100_000,
            instances: 100,
            log: 256 << 10,
            output: 1 << 20,
            http_requests: 100,
            http_body: 8 << 20,
        }
    }
}

/// Which limit stopped a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Limit {
    /// [`Limits::timeout`], counted in milliseconds.
    Timeout,
    /// [`Limits::fuel`].
    Fuel,
    /// [`Limits::memory`].
    Memory,
    /// [`Limits::table_elements`].
    TableElements,
    /// [`Limits::instances`].
    Instances,
    /// [`Limits::output`].
    Output,
}

impl Limit {
    /// Every limit that can end an attempt. (The others refuse or cut off a single act.)
    pub const ALL: [Limit; 6] =
        [Limit::Timeout, Limit::Fuel, Limit::Memory, Limit::TableElements, Limit::Instances, Limit::Output];

    /// The key of the limit in the configuration, and the word for it everywhere else.
    pub fn name(self) -> &'static str {
        match self {
            Limit::Timeout => "timeout",
            Limit::Fuel => "fuel",
            Limit::Memory => "memory",
            Limit::TableElements => "table-elements",
            Limit::Instances => "instances",
            Limit::Output => "output",
        }
    }

    /// What the limit counts.
    pub fn unit(self) -> Unit {
        match self {
            Limit::Timeout => Unit::Milliseconds,
            Limit::Fuel | Limit::TableElements | Limit::Instances => Unit::Count,
            Limit::Memory | Limit::Output => Unit::Bytes,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a limit counts, and so how its figures are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes, shown as `64MiB`.
    Bytes,
    /// A plain number, shown as `10G`.
    Count,
    /// Milliseconds, shown as `1m 30s`.
    Milliseconds,
}

/// What one attempt did use, measured by the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// From the guest's start to its end.
    pub duration: Duration,
    /// Fuel burned.
    pub fuel: u64,
    /// The most linear memory it had at once, in bytes, over all memories.
    pub peak_memory: u64,
    /// Bytes of log kept.
    pub log_bytes: u64,
    /// Bytes of log dropped because the limit was reached.
    pub log_dropped: u64,
    /// HTTP requests begun, refused ones included.
    pub http_requests: u32,
}
