//! Traces: a span for each run and one for each of its attempts, and beside them what attempts log, sent to a collector by
//! OTLP.
//!
//! They are made of events, after the fact, so that nothing in the way of a run has to do with them. They wait in bounded
//! queues; what does not fit is dropped and counted.

mod export;
mod otlp;
mod records;
mod spans;

use std::sync::Arc;

use tokio::sync::mpsc;
use url::Url;

use super::metrics::{Lost, Metrics, Signal};
use crate::model::alert::channel::Roots;
use crate::model::event::Event;
use crate::model::grants::BoundHeader;
use crate::model::proxy::Proxy;
use crate::model::trace::TraceIds;

use export::Exporter;

/// Where traces go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceSettings {
    /// The collector's address, to which those of its signals are added.
    pub endpoint: Url,
    /// What each request has in its head, for the collector to know whose it is.
    pub headers: Vec<BoundHeader>,
    /// Root certificates that are trusted beside the system's.
    pub roots: Vec<Roots>,
    /// The proxy that the way there leads over.
    pub proxy: Option<Proxy>,
    /// Whether it gets what attempts log, too.
    pub logs: Logs,
    /// Under which ids runs and attempts are known.
    pub ids: TraceIds,
    /// What tells this host from others.
    pub instance: String,
}

/// Whether the collector gets what attempts log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logs {
    /// It does.
    Sent,
    /// It does not.
    Kept,
}

/// How many spans, and how many lines of log, may wait to be sent.
const QUEUE: usize = 8192;

/// Makes of events what a collector gets.
pub(super) struct Tracer {
    ids: TraceIds,
    spans: mpsc::Sender<otlp::Span>,
    records: Option<mpsc::Sender<otlp::LogRecord>>,
    metrics: Arc<Metrics>,
}

/// What makes spans and records, and what sends them for as long as the other is there.
pub(super) fn channel(settings: TraceSettings, metrics: Arc<Metrics>) -> (Tracer, impl Future<Output = ()>) {
    let ids = settings.ids;
    let (spans, made) = mpsc::channel(QUEUE);
    let sending = Exporter::new(settings.clone(), made, Arc::clone(&metrics)).run();
    let (records, logged) = mpsc::channel(QUEUE);
    let records = Some(records).filter(|_| settings.logs == Logs::Sent);
    let logging = Exporter::new(settings, logged, Arc::clone(&metrics)).run();
    let tracer = Tracer { ids, spans, records, metrics };
    (tracer, async { _ = futures_util::future::join(sending, logging).await })
}

impl Tracer {
    /// Makes a span of what has ended, if it belongs to a trace that is kept, and records of what it logged.
    pub(super) fn record(&self, event: &Event) {
        if let Some(span) = spans::of(&self.ids, event)
            && self.spans.try_send(span).is_err()
        {
            self.metrics.lost(Signal::Spans, Lost::QueueFull, 1);
        }
        if let Some(records) = &self.records {
            let lost = records::of(&self.ids, event).filter_map(|record| records.try_send(record).err()).count();
            self.metrics.lost(Signal::LogRecords, Lost::QueueFull, lost);
        }
    }
}
