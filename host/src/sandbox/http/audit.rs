//! One log line for each request: what was asked of whom, what came back, how much and how long.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use crate::clock::Clock;
use crate::model::grants::HttpTarget;
use crate::model::log::Level;
use crate::model::quantity;
use crate::model::task::Task;
use crate::sandbox::http::{SendError, Timeouts};
use crate::sandbox::journal::Journal;
use crate::sandbox::lesson;

/// Where a connection comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It was opened for this request.
    Opened,
    /// An earlier request of the task had opened it.
    Pool,
}

/// The account of one request. It is written once, by whichever end comes first.
#[derive(Debug)]
pub(crate) struct Audit {
    journal: Journal,
    clock: Clock,
    task: Arc<Task>,
    asked: Timeouts,
    began: Instant,
    method: String,
    host: String,
    request: String,
    connection: Mutex<Option<(IpAddr, Origin)>>,
    status: AtomicU16,
    sent: AtomicU64,
    received: AtomicU64,
    written: AtomicBool,
}

impl Audit {
    /// Opens the account of a request of this task that is about to be sent, and may take so long.
    pub(crate) fn begin(target: &HttpTarget, asked: Timeouts, task: Arc<Task>, journal: Journal, clock: Clock) -> Self {
        Self {
            method: journal.shortened(target.method().to_string()),
            host: journal.shortened(target.authority()),
            request: journal.shortened_before(target.to_string(), target.query()),
            journal,
            clock,
            task,
            asked,
            began: clock.monotonic(),
            connection: Mutex::default(),
            status: AtomicU16::new(0),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            written: AtomicBool::new(false),
        }
    }

    /// There is a connection to this address.
    pub(crate) fn connected(&self, peer: IpAddr, origin: Origin) {
        *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = Some((peer, origin));
    }

    /// The response's head has arrived.
    pub(crate) fn answered(&self, status: http::StatusCode) {
        self.status.store(status.as_u16(), Ordering::Relaxed);
    }

    /// Bytes of the request's body went out.
    pub(crate) fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes of the response's body came in.
    pub(crate) fn received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes of the larger of both bodies.
    pub(crate) fn largest_body(&self) -> u64 {
        self.sent.load(Ordering::Relaxed).max(self.received.load(Ordering::Relaxed))
    }

    /// The response has been read.
    pub(crate) fn done(&self) {
        self.write(Level::Info, None);
    }

    /// The guest has put the response away: perhaps it has seen enough.
    pub(crate) fn put_away(&self) {
        self.write(Level::Info, Some("not read to its end".to_owned()));
    }

    /// The guest gave the request up, unless there is a response.
    pub(crate) fn given_up(&self) {
        if self.status().is_none() {
            self.write(Level::Warn, Some("nobody waited for the response any more".to_owned()));
        }
    }

    /// The request failed.
    pub(crate) fn failed(&self, error: &SendError) {
        let mut why = self.journal.shortened(error.chain());
        if let Some(limit) = error.limit() {
            let lesson = match self.asked.less_than_allowed(limit, &self.task.limits.http) {
                Some(asked) => format!("the guest itself asked for no more than {:#}", quantity::duration(asked)),
                None => lesson::http_limit(&self.task, limit),
            };
            why.push_str("; ");
            why.push_str(&lesson);
        }
        self.write(Level::Warn, Some(why));
    }

    /// The request was not sent, for a reason that is told in full.
    pub(crate) fn refused(&self, why: String) {
        self.enter(Level::Warn, why);
    }

    /// The attempt ended first.
    pub(crate) fn cut_off(&self) {
        self.write(Level::Warn, Some("the attempt ended first".to_owned()));
    }

    fn write(&self, level: Level, error: Option<String>) {
        let mut message = self.request.clone();
        for part in [self.status(), error].into_iter().flatten() {
            message.push_str(": ");
            message.push_str(&part);
        }
        self.enter(level, message);
    }

    fn enter(&self, level: Level, message: String) {
        if self.written.swap(true, Ordering::Relaxed) {
            return;
        }
        let number = |counter: &AtomicU64| counter.load(Ordering::Relaxed).to_string();
        let mut fields = vec![
            ("method".to_owned(), self.method.clone()),
            ("host".to_owned(), self.host.clone()),
            ("sent".to_owned(), number(&self.sent)),
            ("received".to_owned(), number(&self.received)),
            ("ms".to_owned(), self.clock.monotonic().duration_since(self.began).as_millis().to_string()),
        ];
        if let Some((peer, origin)) = *self.connection.lock().unwrap_or_else(PoisonError::into_inner) {
            fields.push(("peer".to_owned(), peer.to_string()));
            fields.push(("reused".to_owned(), (origin == Origin::Pool).to_string()));
        }
        fields.extend(self.status().map(|status| ("status".to_owned(), status)));
        self.journal.host(level, message, fields);
    }

    /// The first digit of the response's status; none if there was no response.
    pub(crate) fn status_class(&self) -> Option<usize> {
        let status = self.status.load(Ordering::Relaxed);
        (status != 0).then(|| usize::from(status / 100))
    }

    /// The response's status; none before its head has arrived.
    fn status(&self) -> Option<String> {
        let status = self.status.load(Ordering::Relaxed);
        (status != 0).then(|| status.to_string())
    }
}
