//! Encoding a scrape, on a thread of its own: a thousand tasks make many megabytes of text, and neither the API nor who
//! writes the series is to wait for it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use bytes::Bytes;
use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::registry::Registry;
use tokio::sync::oneshot;

use super::Metrics;

/// How many scrapes may wait at once. Those that do are answered by one encoding.
const WAITING: usize = 64;

/// In which form a scrape is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// The older text format of Prometheus.
    Prometheus,
}

impl Form {
    /// Its media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Form::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Form::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// A way to ask for a scrape. Cheap to clone; the thread ends with the last of them.
#[derive(Debug, Clone)]
pub struct Scraper(SyncSender<Ask>);

type Ask = (Form, oneshot::Sender<Bytes>);

impl Scraper {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// If it cannot be started.
    pub fn start(metrics: Arc<Metrics>) -> std::io::Result<Self> {
        let (asks, asked) = sync_channel(WAITING);
        thread::Builder::new().name("sandclock-scrape".into()).spawn(move || serve(metrics, &asked))?;
        Ok(Self(asks))
    }

    /// What the series say now; none if too many ask at once.
    pub async fn scrape(&self, form: Form) -> Option<Bytes> {
        let (answer, answered) = oneshot::channel();
        self.0.try_send((form, answer)).ok()?;
        answered.await.ok()
    }
}

fn serve(metrics: Arc<Metrics>, asked: &Receiver<Ask>) {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(metrics));
    while let Ok(first) = asked.recv() {
        // Those who asked until now: whoever asks from here on gets what is true then.
        let waiting: Vec<Ask> = std::iter::once(first).chain(asked.try_iter().take(WAITING)).collect();
        let (mut open_metrics, mut prometheus) = (None, None);
        for (form, answer) in waiting {
            let body = match form {
                Form::OpenMetrics => &mut open_metrics,
                Form::Prometheus => &mut prometheus,
            };
            let body: &Bytes = body.get_or_insert_with(|| encode(&registry, form));
            // Whoever asked may have gone.
            let _ = answer.send(body.clone());
        }
    }
}

/// Everything that is registered, in this form.
pub(super) fn encode(registry: &Registry, form: Form) -> Bytes {
    let mut body = String::new();
    let encoded = match form {
        Form::OpenMetrics => text::encode(&mut body, registry),
        Form::Prometheus => prometheus_text::encode(&mut body, registry),
    };
    // Writing to a string cannot fail.
    debug_assert!(encoded.is_ok());
    body.into()
}
