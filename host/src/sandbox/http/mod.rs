//! HTTP for guests: one policy and one client behind three doors (`wasi:http` 0.2 and 0.3, `sandclock:task/http`).
//!
//! Every request passes [`Egress::send`]: counted, checked against the grants, sent to a checked address, timed, capped,
//! and entered into the log. What is too malformed to come there is counted and entered by [`Egress::malformed`].
//! Redirects are not followed: where they lead to has to be asked for anew.

mod accounts;
mod address;
mod audit;
mod body;
mod client;
mod connection;
mod dial;
mod lease;
mod lookup;
mod policy;
mod pool;
mod shelf;
mod task_door;
mod tls;
pub(super) mod wasi_door;

use std::convert::Infallible;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use http::{HeaderName, HeaderValue};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime_wasi_http::{RequestOptions, WasiBody};

use crate::clock::Clock;
use crate::model::grants::HttpTarget;
use crate::model::limits::{HttpLimits, HttpUsage};
use crate::model::log::Level;
use crate::model::run::Run;
use crate::model::task::Task;
use crate::model::trace::{TraceIds, outgoing};
use crate::sandbox::bounds;
use crate::sandbox::http::accounts::{Accounts, Tally};
use crate::sandbox::http::audit::Audit;
use crate::sandbox::http::lookup::Lookups;
use crate::sandbox::http::policy::{Policy, Refusal};
use crate::sandbox::http::pool::Pool;
use crate::sandbox::http::tls::Tls;
use crate::sandbox::journal::Journal;

pub use policy::{Passed, passed};
pub use tls::{TlsRoots, TlsRootsError, tls_connector};

pub(crate) use client::{SendError, Timeouts};
pub(crate) use lease::Work;
pub(crate) use wasi_door::WasiDoor;

/// The header by which a request tells of its trace.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What the requests of all attempts have in common.
pub(crate) struct Network {
    tls: Tls,
    pool: Pool,
    lookups: Lookups,
    traces: Option<TraceIds>,
}

impl Network {
    /// No connection is open yet.
    pub(crate) fn new(roots: TlsRoots, clock: Clock) -> Self {
        Self { tls: Tls::new(roots), pool: Pool::new(clock), lookups: Lookups::by_the_system(), traces: None }
    }

    /// The same for attempts of which traces are kept under these ids.
    pub(crate) fn traced(self, traces: Option<TraceIds>) -> Self {
        Self { traces, ..self }
    }

    /// The same where names are looked up otherwise.
    #[cfg(test)]
    pub(crate) fn resolving(self, resolver: Arc<lookup::Resolver>) -> Self {
        Self { lookups: Lookups::by(resolver), ..self }
    }

    /// What the requests of an attempt say of the trace that it is a part of.
    pub(crate) fn traceparent(&self, run: &Run, attempt: u32) -> Option<HeaderValue> {
        let context = outgoing(self.traces.as_ref(), run, attempt)?;
        HeaderValue::try_from(context.to_string()).ok()
    }

    /// Closes idle connections when their time is over.
    pub(crate) async fn tend(&self) -> Infallible {
        self.pool.tend().await
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("tls", &self.tls).finish_non_exhaustive()
    }
}

/// The HTTP of one attempt.
#[derive(Debug)]
pub(crate) struct Egress {
    policy: Policy,
    limits: HttpLimits,
    journal: Journal,
    clock: Clock,
    network: Arc<Network>,
    /// Places for requests, made with the first of them: most attempts make none.
    in_flight: OnceLock<Arc<Semaphore>>,
    /// Bytes that requests may still hold which wait for one of those places.
    waiting: Semaphore,
    most_in_flight: AtomicU32,
    /// Goes with each request that has none of its own.
    traceparent: Option<HeaderValue>,
    accounts: Accounts,
}

/// A response whose head has arrived.
pub(crate) struct Answer {
    pub(crate) response: http::Response<WasiBody>,
    /// Moves the bytes of both bodies.
    pub(crate) work: Work,
}

impl Egress {
    /// The HTTP of an attempt of this task.
    pub(crate) fn new(task: Arc<Task>, journal: Journal, clock: Clock, network: Arc<Network>) -> Self {
        Self {
            traceparent: None,
            limits: task.limits.http,
            in_flight: OnceLock::new(),
            waiting: Semaphore::new(bounds::HTTP_WAITING as usize),
            most_in_flight: AtomicU32::new(0),
            policy: Policy::new(task),
            journal,
            clock,
            network,
            accounts: Accounts::default(),
        }
    }

    /// The same for the attempt of a run that may be a part of a trace.
    pub(crate) fn of_attempt(self, run: &Run, attempt: u32) -> Self {
        Self { traceparent: self.network.traceparent(run, attempt), ..self }
    }

    /// How long the steps of a request may take that was asked for with these options.
    pub(crate) fn timeouts(&self, options: RequestOptions) -> Timeouts {
        Timeouts::of(options, &self.limits)
    }

    /// Sends a request, if the policy allows it.
    pub(crate) async fn send(
        &self,
        mut request: http::Request<WasiBody>,
        timeouts: Timeouts,
    ) -> Result<Answer, SendError> {
        let admitted = self.policy.admit(request.method(), request.uri());
        let admitted = admitted.map_err(|refusal| self.refuse(refusal, timeouts, None))?;
        let audit = Arc::new(self.audit(&admitted.target, timeouts));
        if !self.accounts.open(&audit) {
            return Err(SendError::AttemptEnded);
        }
        let _awaited = Awaited(&audit);
        client::check_size(&request, &self.limits).inspect_err(|error| audit.failed(error))?;
        if let Some(traceparent) = &self.traceparent {
            request.headers_mut().entry(TRACEPARENT).or_insert_with(|| traceparent.clone());
        }
        let until = self.clock.monotonic() + timeouts.total;
        let place = self.place(client::held_bytes(&request), timeouts);
        let sent = async {
            let permit = place.await?;
            let in_flight = self.limits.concurrent.saturating_sub(self.places().available_permits() as u32);
            self.most_in_flight.fetch_max(in_flight, Ordering::Relaxed);
            client::send(self, &admitted, request, timeouts, until, &audit, permit).await
        };
        let sent = tokio::time::timeout_at(until, sent).await.unwrap_or(Err(SendError::OutOfTime));
        sent.map_err(|error| match error {
            SendError::Refused(refusal) => self.refuse(refusal, timeouts, Some(&audit)),
            error => {
                audit.failed(&error);
                error
            }
        })
    }

    /// Counts a request that is too malformed to be sent, and enters it into the log.
    pub(crate) fn malformed(&self, why: String) -> SendError {
        self.refuse(self.policy.malformed(why), self.timeouts(RequestOptions::default()), None)
    }

    fn places(&self) -> &Arc<Semaphore> {
        self.in_flight.get_or_init(|| Arc::new(Semaphore::new(self.limits.concurrent as usize)))
    }

    /// A place among the requests in flight for one that holds so many bytes: at once, or as soon as there is one.
    async fn place(&self, bytes: u32, timeouts: Timeouts) -> Result<OwnedSemaphorePermit, SendError> {
        if let Ok(permit) = Arc::clone(self.places()).try_acquire_owned() {
            return Ok(permit);
        }
        // One alone may wait, however large.
        let room = self.waiting.try_acquire_many(bytes.min(bounds::HTTP_WAITING));
        let _room = room.map_err(|_| SendError::TooManyWaiting)?;
        let place = tokio::time::timeout(timeouts.connect, Arc::clone(self.places()).acquire_owned());
        place.await.ok().and_then(Result::ok).ok_or(SendError::TooManyInFlight)
    }

    /// Ends all requests when it is dropped. That has to be before the guest is, and what it holds: what a request loses by
    /// that, its guest did not give up, and a body that is cut off must not look like one that came to its end.
    pub(crate) fn ends(&self) -> Ends<'_> {
        Ends(&self.accounts)
    }

    /// What the requests that have ended came to.
    pub(crate) fn usage(&self) -> HttpUsage {
        let Tally { largest_body, statuses } = self.accounts.tally();
        HttpUsage {
            requests: self.policy.begun(),
            concurrent: self.most_in_flight.load(Ordering::Relaxed),
            largest_body,
            statuses,
        }
    }

    /// Enters a refusal into the log, in the account of the request if there is one.
    fn refuse(&self, refusal: Refusal, timeouts: Timeouts, audit: Option<&Audit>) -> SendError {
        let shown = match &refusal {
            Refusal::NotGranted(target) => self.journal.shortened_before(refusal.to_string(), target.query()),
            _ => self.journal.shortened(refusal.to_string()),
        };
        if let Some(lesson) = self.policy.lesson(&refusal, &shown) {
            match (audit, &refusal) {
                (Some(audit), _) => audit.refused(lesson),
                (None, Refusal::NotGranted(target)) => self.audit(target, timeouts).refused(lesson),
                (None, _) => self.journal.host(Level::Warn, lesson, Vec::new()),
            }
        }
        SendError::Refused(refusal)
    }

    /// A new account of a request.
    fn audit(&self, target: &HttpTarget, timeouts: Timeouts) -> Audit {
        Audit::begin(target, timeouts, Arc::clone(self.policy.task()), self.journal.clone(), self.clock)
    }
}

/// The requests of an attempt: they end when this is dropped.
pub(crate) struct Ends<'a>(&'a Accounts);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// A request for whose response somebody waits: until this is dropped.
struct Awaited<'a>(&'a Audit);

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        self.0.given_up();
    }
}
