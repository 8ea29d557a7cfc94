//! Sends spans or log records to a collector, by OTLP over HTTP: a batch at a time, and again for a while if it was not
//! taken.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use url::Url;

use super::TraceSettings;
use super::otlp::{
    ExportLogsRequest, ExportResponse, ExportTracesRequest, KeyValue, LogRecord, PartialSuccess, Resource,
    ResourceLogs, ResourceSpans, Scope, ScopeLogs, ScopeSpans, Span,
};
use crate::observe::metrics::{Lost, Metrics, Signal};
use crate::observe::outgoing::{Post, SendError, Way, send};

/// How many go in one request.
const BATCH: usize = 512;
/// How long the first of a batch waits for others.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long to wait before each further try. What comes meanwhile waits in the queue.
const RETRIES: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8)];
/// The largest answer that is read, in bytes.
const MOST_ANSWER: usize = 64 << 10;

/// What a collector gets.
pub(super) trait Item: Sized {
    /// Under which name it is counted.
    const SIGNAL: Signal;
    /// Behind the collector's base.
    const PATH: &str;

    /// The request that carries these.
    fn request(items: Vec<Self>, resource: Resource, scope: Scope) -> Vec<u8>;
}

impl Item for Span {
    const SIGNAL: Signal = Signal::Spans;
    const PATH: &str = "/v1/traces";

    fn request(spans: Vec<Self>, resource: Resource, scope: Scope) -> Vec<u8> {
        let scope_spans = vec![ScopeSpans { scope: Some(scope), spans }];
        let resource_spans = vec![ResourceSpans { resource: Some(resource), scope_spans }];
        ExportTracesRequest { resource_spans }.encode_to_vec()
    }
}

impl Item for LogRecord {
    const SIGNAL: Signal = Signal::LogRecords;
    const PATH: &str = "/v1/logs";

    fn request(log_records: Vec<Self>, resource: Resource, scope: Scope) -> Vec<u8> {
        let scope_logs = vec![ScopeLogs { scope: Some(scope), log_records }];
        let resource_logs = vec![ResourceLogs { resource: Some(resource), scope_logs }];
        ExportLogsRequest { resource_logs }.encode_to_vec()
    }
}

/// Sends them to a collector.
pub(super) struct Exporter<T> {
    settings: TraceSettings,
    way: Way,
    items: mpsc::Receiver<T>,
    metrics: Arc<Metrics>,
    health: Health,
}

/// Whether the last batch was taken: a collector that is away is told of once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    Well,
    Failing,
}

/// A batch was not taken.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error(transparent)]
    Send(#[from] SendError),
    #[error("the answer cannot be read: {0}")]
    Answer(#[from] prost::DecodeError),
}

impl ExportError {
    /// Whether the same request may be taken later, as OTLP has it.
    fn may_pass(&self) -> bool {
        match self {
            ExportError::Send(SendError::Refused { status, .. }) => matches!(status.as_u16(), 429 | 502 | 503 | 504),
            ExportError::Send(SendError::Redirect(_) | SendError::Invalid(_) | SendError::Answer(_)) => false,
            ExportError::Send(_) => true,
            ExportError::Answer(_) => false,
        }
    }
}

impl<T: Item> Exporter<T> {
    pub(super) fn new(settings: TraceSettings, items: mpsc::Receiver<T>, metrics: Arc<Metrics>) -> Self {
        let way = Way::new(settings.roots.clone(), settings.proxy.clone());
        Self { settings, way, items, metrics, health: Health::Well }
    }

    /// Sends what comes until nobody is left who could make any.
    pub(super) async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        while self.items.recv_many(&mut batch, BATCH).await > 0 {
            let full = async {
                while batch.len() < BATCH {
                    let room = BATCH - batch.len();
                    if self.items.recv_many(&mut batch, room).await == 0 {
                        break;
                    }
                }
            };
            // Either way there is something to send.
            let _ = timeout(PATIENCE, full).await;
            let items = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
            self.send(items).await;
        }
    }

    async fn send(&mut self, items: Vec<T>) {
        let count = items.len();
        let body = Bytes::from(self.request(items));
        let mut pauses = RETRIES.iter();
        let taken = loop {
            match self.post(body.clone()).await {
                Err(error) if error.may_pass() => match pauses.next() {
                    Some(pause) => sleep(*pause).await,
                    None => break Err(error),
                },
                answered => break answered,
            }
        };
        let refused = match &taken {
            Ok(PartialSuccess { rejected, .. }) => usize::try_from(*rejected).unwrap_or(0).min(count),
            Err(_) => count,
        };
        self.metrics.exported(T::SIGNAL, count - refused);
        self.metrics.lost(T::SIGNAL, Lost::Refused, refused);
        self.tell(taken, refused);
    }

    /// Says so when they begin to be refused, and when they are taken again.
    fn tell(&mut self, taken: Result<PartialSuccess, ExportError>, refused: usize) {
        let to = place(&self.settings.endpoint);
        let what = T::SIGNAL.words();
        let health = if refused > 0 { Health::Failing } else { Health::Well };
        match (std::mem::replace(&mut self.health, health), taken) {
            (Health::Well, Err(error)) => {
                let why = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
                tracing::warn!("{what} are lost: the collector at {to} does not take them: {error}{why}");
            }
            (Health::Well, Ok(PartialSuccess { error_message, .. })) if refused > 0 => {
                tracing::warn!("{what} are lost: the collector at {to} refused {refused}: {error_message}");
            }
            (Health::Failing, Ok(_)) if refused == 0 => {
                tracing::info!("the collector at {to} takes {what} again");
            }
            _ => {}
        }
    }

    fn request(&self, items: Vec<T>) -> Vec<u8> {
        let version = env!("CARGO_PKG_VERSION");
        let attributes = vec![
            KeyValue::text("service.name", "sandclock"),
            KeyValue::text("service.version", version),
            KeyValue::text("service.instance.id", self.settings.instance.as_str()),
            KeyValue::whole("process.pid", std::process::id()),
        ];
        let scope = Scope { name: "sandclock".to_owned(), version: version.to_owned() };
        T::request(items, Resource { attributes }, scope)
    }

    async fn post(&self, body: Bytes) -> Result<PartialSuccess, ExportError> {
        let TraceSettings { endpoint, headers, .. } = &self.settings;
        let mut url = endpoint.clone();
        url.set_path(&format!("{}{}", endpoint.path().trim_end_matches('/'), T::PATH));
        let headers = headers.iter().map(|header| (header.name().clone(), header.value().clone())).collect();
        let post = Post { url, content_type: "application/x-protobuf", headers, body, most_answer: MOST_ANSWER };
        let answer = send(&post, &self.way).await?;
        Ok(ExportResponse::decode(answer)?.partial_success.unwrap_or_default())
    }
}

/// The host and the port, which are told where a path might say more than is to be read.
fn place(endpoint: &Url) -> &str {
    &endpoint[url::Position::BeforeHost..url::Position::AfterPort]
}
