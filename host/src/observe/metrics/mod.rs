//! Metrics: what happened since the host's start, as series for Prometheus.
//!
//! One thread writes the series from events ([`Recorder`]), another one reads and encodes them when it is asked to
//! ([`Scraper`]). Numbers are atomic, so that neither waits for the other, and every series is there from the start.

mod cell;
mod deliveries;
mod families;
mod host;
mod open;
mod process;
mod recorder;
mod scrape;
mod sheet;
mod task;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use crate::clock::Clock;
use crate::model::id::TaskName;
use host::HostSeries;
use task::TaskSeries;

pub use deliveries::Deliveries;
pub use host::{HostNow, LedgerLatency, Observer};
pub use scrape::{Form, Scraper};

pub(super) use deliveries::Delivery;
pub(super) use host::{Lost, Signal};
pub(super) use recorder::Recorder;

/// How many series there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricsSettings {
    /// How many tasks have series of their own.
    pub max_tasks: usize,
}

/// What the ledger knows of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The task.
    pub task: TaskName,
    /// When a run of it last succeeded.
    pub last_success: Option<Timestamp>,
    /// When a run of it last ended.
    pub last_run: Option<Timestamp>,
    /// How many runs failed after the last success.
    pub failures: u64,
    /// Whether it is paused.
    pub paused: bool,
}

/// The series of tasks that have none of their own. No task can be called so.
const OTHERS: &str = "(others)";

/// All series.
pub struct Metrics {
    clock: Clock,
    max_tasks: usize,
    started: Timestamp,
    shown: Mutex<Shown>,
    others: Arc<TaskSeries>,
    host: HostSeries,
    ledger: Arc<LedgerLatency>,
    deliveries: Arc<Deliveries>,
    now: Box<dyn Fn() -> HostNow + Send + Sync>,
}

/// The tasks with series of their own, and how many have none.
#[derive(Debug, Clone, Default)]
struct Shown {
    tasks: Vec<Arc<TaskSeries>>,
    left_out: usize,
}

impl Metrics {
    /// Series that say that nothing has happened yet. `now` says how the host is, at each scrape.
    pub fn new(
        settings: MetricsSettings,
        clock: Clock,
        ledger: Arc<LedgerLatency>,
        now: impl Fn() -> HostNow + Send + Sync + 'static,
    ) -> Arc<Self> {
        let started = clock.now();
        Arc::new(Self {
            clock,
            max_tasks: settings.max_tasks,
            started,
            shown: Mutex::default(),
            others: Arc::new(TaskSeries::new(OTHERS, None, started)),
            host: HostSeries::default(),
            ledger,
            deliveries: Arc::default(),
            now: Box::new(now),
        })
    }

    /// What becomes of alerts' messages, for whoever delivers them.
    pub fn deliveries(&self) -> Arc<Deliveries> {
        Arc::clone(&self.deliveries)
    }

    /// An observer was too slow for so many events.
    pub fn dropped(&self, observer: Observer, events: u64) {
        self.host.dropped(observer).add(events);
    }

    /// The collector took so many.
    pub(super) fn exported(&self, what: Signal, count: usize) {
        self.host.exported(what).add(count as u64);
    }

    /// So many will not be with the collector.
    pub(super) fn lost(&self, what: Signal, why: Lost, count: usize) {
        self.host.lost(what, why).add(count as u64);
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("shown", &self.shown).finish_non_exhaustive()
    }
}
