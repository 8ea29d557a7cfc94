//! The series of the host itself.

use std::time::Duration;

use jiff::Timestamp;

use super::cell::{Number, Times};

/// How late slots are decided. A timer of the kernel fires within some tens of microseconds.
const LATENESS: &[u64] = &[100, 500, 1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000, 30_000_000];

/// How long the ledger takes: a commit waits for the disk.
const LATENCY: &[u64] =
    &[100, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000];

/// Who hears of events, and may lag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observer {
    /// The host's log.
    Log,
    /// Metrics and traces.
    Metrics,
}

impl Observer {
    pub(super) const ALL: [Observer; 2] = [Observer::Log, Observer::Metrics];

    pub(super) fn name(self) -> &'static str {
        match self {
            Observer::Log => "log",
            Observer::Metrics => "metrics",
        }
    }
}

/// What a collector gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::observe) enum Signal {
    /// Spans of runs and attempts.
    Spans,
    /// What attempts log.
    LogRecords,
}

impl Signal {
    pub(super) const ALL: [Signal; 2] = [Signal::Spans, Signal::LogRecords];

    pub(in crate::observe) fn words(self) -> &'static str {
        match self {
            Signal::Spans => "spans",
            Signal::LogRecords => "log records",
        }
    }
}

/// Why something is not with the collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::observe) enum Lost {
    /// The queue was full.
    QueueFull,
    /// The collector could not be reached, or did not take them.
    Refused,
}

impl Lost {
    pub(super) const ALL: [Lost; 2] = [Lost::QueueFull, Lost::Refused];

    pub(super) fn name(self) -> &'static str {
        match self {
            Lost::QueueFull => "queue-full",
            Lost::Refused => "refused",
        }
    }
}

/// How the host is at this moment: what it is asked at each scrape.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HostNow {
    /// Attempts that go on.
    pub running: usize,
    /// Runs that wait for their turn, their plugin or their next attempt.
    pub waiting: usize,
    /// How long ago the firing loop last turned.
    pub since_last_turn: Duration,
    /// Whether the ledger takes entries.
    pub ledger_writable: bool,
    /// Whether the ledger is damaged.
    pub ledger_damaged: bool,
    /// Since when the configuration is in force.
    pub configured_at: Timestamp,
    /// Whether another one was refused since.
    pub config_refused: bool,
}

/// How long the ledger took to make entries durable. Written by the daemon, read by metrics.
#[derive(Debug)]
pub struct LedgerLatency(pub(super) Times);

impl Default for LedgerLatency {
    fn default() -> Self {
        Self(Times::new(LATENCY))
    }
}

impl LedgerLatency {
    /// Some entries took so long.
    pub fn took(&self, time: Duration) {
        self.0.took(time);
    }
}

#[derive(Debug)]
pub(super) struct HostSeries {
    pub(super) lateness: Times,
    pub(super) ledger_failures: Number,
    pub(super) reloads: Number,
    pub(super) refusals: Number,
    pub(super) plugins: [Number; 3],
    dropped: [Number; Observer::ALL.len()],
    exported: [Number; Signal::ALL.len()],
    lost: [[Number; Lost::ALL.len()]; Signal::ALL.len()],
}

impl Default for HostSeries {
    fn default() -> Self {
        Self {
            lateness: Times::new(LATENESS),
            ledger_failures: Number::default(),
            reloads: Number::default(),
            refusals: Number::default(),
            plugins: Default::default(),
            dropped: Default::default(),
            exported: Default::default(),
            lost: Default::default(),
        }
    }
}

impl HostSeries {
    pub(super) fn dropped(&self, observer: Observer) -> &Number {
        &self.dropped[observer as usize]
    }

    pub(super) fn exported(&self, what: Signal) -> &Number {
        &self.exported[what as usize]
    }

    pub(super) fn lost(&self, what: Signal, why: Lost) -> &Number {
        &self.lost[what as usize][why as usize]
    }
}
