//! Traces: a span for each run and one for each of its attempts, sent to a collector by OTLP.
//!
//! Spans are made of events, after the fact, so that nothing in the way of a run has to do with them. They wait in a
//! bounded queue; what does not fit is dropped and counted.

mod export;
mod otlp;
mod spans;

use std::sync::Arc;

use tokio::sync::mpsc;

use super::metrics::{Lost, Metrics};
use crate::model::event::Event;
use crate::model::trace::TraceIds;

pub(super) use export::Exporter;

/// Where traces go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceSettings {
    /// The host of the collector: a name, or an address in the form of URLs.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The path of its API for traces.
    pub path: String,
    /// Under which ids runs and attempts are known.
    pub ids: TraceIds,
    /// What tells this host from others.
    pub instance: String,
}

/// How many spans may wait to be sent.
const QUEUE: usize = 8192;

/// Makes spans of events.
pub(super) struct Tracer {
    ids: TraceIds,
    queue: mpsc::Sender<otlp::Span>,
    metrics: Arc<Metrics>,
}

/// What makes spans, and what sends them.
pub(super) fn channel(settings: TraceSettings, metrics: Arc<Metrics>) -> (Tracer, Exporter) {
    let (queue, spans) = mpsc::channel(QUEUE);
    let tracer = Tracer { ids: settings.ids, queue, metrics: Arc::clone(&metrics) };
    (tracer, Exporter::new(settings, spans, metrics))
}

impl Tracer {
    /// Makes a span of what has ended, if it belongs to a trace that is kept.
    pub(super) fn record(&self, event: &Event) {
        if let Some(span) = spans::of(&self.ids, event)
            && self.queue.try_send(span).is_err()
        {
            self.metrics.lost(Lost::QueueFull, 1);
        }
    }
}
