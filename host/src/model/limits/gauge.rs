//! The limits whose use is measured in every attempt, whether or not it came near them.

use super::{Limit, Limits, Unit, Usage};

/// A limit whose use is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gauge {
    /// [`Limits::timeout`].
    Timeout,
    /// [`Limits::fuel`].
    Fuel,
    /// [`Limits::memory`].
    Memory,
    /// [`Limits::table_elements`].
    TableElements,
    /// [`Limits::output`].
    Output,
    /// [`Limits::log`].
    Log,
    /// [`Limits::log_lines`].
    LogLines,
    /// [`HttpLimits::requests`](super::HttpLimits::requests).
    HttpRequests,
    /// [`HttpLimits::concurrent`](super::HttpLimits::concurrent).
    HttpConcurrent,
    /// [`HttpLimits::body`](super::HttpLimits::body).
    HttpBody,
    /// [`Limits::kv_writes`].
    KvWrites,
}

impl Gauge {
    /// All of them, in the order of the documentation.
    pub const ALL: [Gauge; 11] = [
        Gauge::Timeout,
        Gauge::Fuel,
        Gauge::Memory,
        Gauge::TableElements,
        Gauge::Output,
        Gauge::Log,
        Gauge::LogLines,
        Gauge::HttpRequests,
        Gauge::HttpConcurrent,
        Gauge::HttpBody,
        Gauge::KvWrites,
    ];

    /// The key of the limit in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Gauge::Timeout => Limit::Timeout.name(),
            Gauge::Fuel => Limit::Fuel.name(),
            Gauge::Memory => Limit::Memory.name(),
            Gauge::TableElements => Limit::TableElements.name(),
            Gauge::Output => Limit::Output.name(),
            Gauge::Log => "log",
            Gauge::LogLines => "log-lines",
            Gauge::HttpRequests => "http-requests",
            Gauge::HttpConcurrent => "http-concurrent",
            Gauge::HttpBody => "http-body",
            Gauge::KvWrites => "kv-writes",
        }
    }

    /// What the limit counts.
    pub fn unit(self) -> Unit {
        match self {
            Gauge::Timeout => Unit::Milliseconds,
            Gauge::Memory | Gauge::Output | Gauge::Log | Gauge::HttpBody => Unit::Bytes,
            Gauge::Fuel
            | Gauge::TableElements
            | Gauge::LogLines
            | Gauge::HttpRequests
            | Gauge::HttpConcurrent
            | Gauge::KvWrites => Unit::Count,
        }
    }

    /// The limit under the name by which it ends attempts; none if reaching it ends no attempt.
    pub fn limit(self) -> Option<Limit> {
        match self {
            Gauge::Timeout => Some(Limit::Timeout),
            Gauge::Fuel => Some(Limit::Fuel),
            Gauge::Memory => Some(Limit::Memory),
            Gauge::TableElements => Some(Limit::TableElements),
            Gauge::Output => Some(Limit::Output),
            Gauge::Log
            | Gauge::LogLines
            | Gauge::HttpRequests
            | Gauge::HttpConcurrent
            | Gauge::HttpBody
            | Gauge::KvWrites => None,
        }
    }

    /// What is allowed, in the limit's unit; none where fuel is not metered.
    pub fn allowed(self, limits: &Limits) -> Option<u64> {
        match self {
            Gauge::Timeout => limits.allowed(Limit::Timeout),
            Gauge::Fuel => limits.allowed(Limit::Fuel),
            Gauge::Memory => Some(limits.memory),
            Gauge::TableElements => Some(limits.table_elements),
            Gauge::Output => Some(limits.output),
            Gauge::Log => Some(limits.log),
            Gauge::LogLines => Some(limits.log_lines.into()),
            Gauge::HttpRequests => Some(limits.http.requests.into()),
            Gauge::HttpConcurrent => Some(limits.http.concurrent.into()),
            Gauge::HttpBody => Some(limits.http.body),
            Gauge::KvWrites => Some(limits.kv_writes.into()),
        }
    }

    /// What an attempt used, in the limit's unit, a part of a millisecond as a whole one; none where fuel was not metered.
    pub fn used(self, usage: &Usage) -> Option<u64> {
        match self {
            Gauge::Timeout => Some(u64::try_from(usage.duration.as_micros().div_ceil(1000)).unwrap_or(u64::MAX)),
            Gauge::Fuel => usage.fuel,
            Gauge::Memory => Some(usage.peak_memory),
            Gauge::TableElements => Some(usage.peak_table_elements),
            Gauge::Output => Some(usage.output),
            Gauge::Log => Some(usage.log.bytes),
            Gauge::LogLines => Some(usage.log.lines),
            Gauge::HttpRequests => Some(usage.http.requests.into()),
            Gauge::HttpConcurrent => Some(usage.http.concurrent.into()),
            Gauge::HttpBody => Some(usage.http.largest_body),
            Gauge::KvWrites => Some(usage.kv_writes.into()),
        }
    }
}
