//! Who observes: consumers of [`Event`](crate::model::event::Event)s.
//!
//! They hear of a thing after it is in the ledger. They may lag; the daemon never waits for them.

pub mod alerts;

mod batches;
mod file;
mod json;
mod line;
mod logs;
mod narrate;

mod metrics;
mod outgoing;
mod traces;

mod observers;

pub use alerts::Settings as AlertSettings;
pub use batches::{Batches, Heard};
pub use file::{LogFile, LogFileSettings};
pub use logs::{FilterError, Format, Settings, init};
pub use metrics::{Deliveries, Form, HostNow, LedgerLatency, Metrics, MetricsSettings, Observer, Scraper, Standing};
pub use narrate::narrate;
pub use observers::{Look, Observers, Sources};
pub use traces::{Logs, TraceSettings};
