//! What one attempt may use. Every limit has a safe default, and none can be left out.

mod gauge;
mod http;
mod limit;
mod usage;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::model::quantity::{self, QuantityError};

pub use gauge::Gauge;
pub use http::{HttpLimit, HttpLimits};
pub use limit::{Limit, Unit};
pub use usage::{HttpUsage, LogUsage, Usage};

/// What one attempt may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Time from the guest's start to its end, host calls and waiting included.
    pub timeout: Duration,
    /// Work.
    pub fuel: Fuel,
    /// Bytes of linear memory, summed over all memories of the attempt.
    pub memory: u64,
    /// Elements, summed over all tables of the attempt.
    pub table_elements: u64,
    /// Core instances in one attempt.
    pub instances: u32,
    /// Handles to resources and other things of the component model that are open at once.
    pub handles: u32,
    /// Entries at once in the host's own table of what it holds for the attempt: streams, requests, timers, files.
    pub resources: u32,
    /// Bytes that one call may carry from the guest to the host, beside the bodies of HTTP requests.
    pub hostcall: u64,
    /// Random bytes in one call.
    pub random: u64,
    /// Bytes of log: lines written by the guest, on stdout, on stderr or through a log interface.
    pub log: u64,
    /// Lines of log.
    pub log_lines: u32,
    /// Bytes of output.
    pub output: u64,
    /// HTTP requests.
    pub http: HttpLimits,
    /// Writes to key-value stores.
    pub kv_writes: u32,
}

impl Limits {
    /// What a limit allows, in its unit; none where fuel is not metered.
    pub fn allowed(&self, limit: Limit) -> Option<u64> {
        Some(match limit {
            Limit::Timeout => u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX),
            Limit::Fuel => match self.fuel {
                Fuel::Metered(units) => units,
                Fuel::Unmetered => return None,
            },
            Limit::Memory => self.memory,
            Limit::TableElements => self.table_elements,
            Limit::Instances => self.instances.into(),
            Limit::Handles => self.handles.into(),
            Limit::Resources => self.resources.into(),
            Limit::Hostcall => self.hostcall,
            Limit::Random => self.random,
            Limit::Output => self.output,
        })
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(60),
            fuel: Fuel::Metered(100_000_000_000),
            memory: 64 << 20,
            table_elements: 100_000,
            instances: 100,
            handles: 1_024,
            resources: 2_048,
            hostcall: 1 << 20,
            random: 64 << 10,
            log: 256 << 10,
            log_lines: 10_000,
            output: 1 << 20,
            http: HttpLimits::default(),
            kv_writes: 1_000,
        }
    }
}

/// How much work a guest may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fuel {
    /// So many units: about one per WebAssembly instruction.
    Metered(u64),
    /// As much as it gets done before its timeout.
    Unmetered,
}

impl Fuel {
    /// How code has to be compiled for this.
    pub fn metering(self) -> Metering {
        match self {
            Fuel::Metered(_) => Metering::Fuel,
            Fuel::Unmetered => Metering::Epoch,
        }
    }
}

impl FromStr for Fuel {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        match text {
            "unmetered" => Ok(Fuel::Unmetered),
            units => quantity::parse_count(units).map(Fuel::Metered),
        }
    }
}

impl fmt::Display for Fuel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fuel::Metered(units) => fmt::Display::fmt(&quantity::count(*units), f),
            Fuel::Unmetered => f.pad("unmetered"),
        }
    }
}

/// What makes a guest's code let others run from time to time, and end. Compiled into the code; having both would make it
/// 1.56 times slower, where one costs 1.33.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metering {
    /// The code counts its own work.
    Fuel,
    /// The code looks at a clock that ticks outside.
    Epoch,
}

impl Metering {
    /// Both ways.
    pub const ALL: [Metering; 2] = [Metering::Fuel, Metering::Epoch];
}
