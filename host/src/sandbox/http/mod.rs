//! HTTP for guests: one policy and one client behind three doors (`wasi:http` 0.2 and 0.3, `sandclock:task/http`).
//!
//! Every request passes [`Egress::send`]: counted, checked against the grants, sent to a checked address, timed, capped,
//! and entered into the log. Redirects are not followed: where they lead to has to be asked for anew.

mod address;
mod audit;
mod body;
mod client;
mod policy;
mod task_door;
mod tls;
mod wasi_door;

use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;
use wasmtime_wasi_http::{RequestOptions, WasiBody};

use crate::clock::Clock;
use crate::model::grants::HttpTarget;
use crate::model::limits::{HttpLimits, HttpUsage};
use crate::model::log::Level;
use crate::model::task::Task;
use crate::sandbox::http::audit::Audit;
use crate::sandbox::http::policy::{Policy, Refusal};
use crate::sandbox::journal::Journal;

pub use policy::{Passed, passed};

pub(crate) use client::{SendError, Timeouts};
pub(crate) use tls::Tls;
pub(crate) use wasi_door::WasiDoor;

/// The HTTP of one attempt.
#[derive(Debug)]
pub(crate) struct Egress {
    policy: Policy,
    limits: HttpLimits,
    journal: Journal,
    clock: Clock,
    tls: Arc<Tls>,
    in_flight: Arc<Semaphore>,
    most_in_flight: AtomicU32,
    audits: Mutex<Vec<Arc<Audit>>>,
}

/// A response whose head has arrived.
pub(crate) struct Answer {
    pub(crate) response: http::Response<WasiBody>,
    /// Moves the bytes of both bodies; has to be polled while they are in use.
    pub(crate) connection: Connection,
}

/// The work of a connection.
pub(crate) type Connection = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Egress {
    /// The HTTP of an attempt of this task.
    pub(crate) fn new(task: Arc<Task>, journal: Journal, clock: Clock, tls: Arc<Tls>) -> Self {
        Self {
            limits: task.limits.http,
            in_flight: Arc::new(Semaphore::new(task.limits.http.concurrent as usize)),
            most_in_flight: AtomicU32::new(0),
            policy: Policy::new(task),
            journal,
            clock,
            tls,
            audits: Mutex::new(Vec::new()),
        }
    }

    /// How long the steps of a request may take that was asked for with these options.
    pub(crate) fn timeouts(&self, options: RequestOptions) -> Timeouts {
        Timeouts::of(options, &self.limits)
    }

    /// Sends a request, if the policy allows it.
    pub(crate) async fn send(&self, request: http::Request<WasiBody>, timeouts: Timeouts) -> Result<Answer, SendError> {
        let permit = tokio::time::timeout(timeouts.connect, Arc::clone(&self.in_flight).acquire_owned());
        let admitted = self.policy.admit(request.method(), request.uri());
        let admitted = admitted.map_err(|refusal| self.refuse(refusal, None))?;
        let audit = Arc::new(self.audit(&admitted.target));
        self.audits.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&audit));
        let until = self.clock.monotonic() + self.limits.total;
        let sent = async {
            let permit = permit.await.ok().and_then(Result::ok).ok_or(SendError::TooManyInFlight)?;
            let in_flight = self.limits.concurrent.saturating_sub(self.in_flight.available_permits() as u32);
            self.most_in_flight.fetch_max(in_flight, Ordering::Relaxed);
            client::send(self, &admitted, request, timeouts, until, &audit, permit).await
        };
        let sent = tokio::time::timeout_at(until, sent).await.unwrap_or(Err(SendError::OutOfTime));
        sent.map_err(|error| match error {
            SendError::Refused(refusal) => self.refuse(refusal, Some(&audit)),
            error => {
                audit.failed(&error);
                error
            }
        })
    }

    /// Enters what is still in flight into the log, and sums up. To be called when the guest is gone.
    pub(crate) fn finish(&self) -> HttpUsage {
        let mut largest_body = 0;
        for audit in self.audits.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            audit.cut_off();
            largest_body = largest_body.max(audit.largest_body());
        }
        HttpUsage {
            requests: self.policy.begun(),
            concurrent: self.most_in_flight.load(Ordering::Relaxed),
            largest_body,
        }
    }

    /// Enters a refusal into the log, in the account of the request if there is one.
    fn refuse(&self, refusal: Refusal, audit: Option<&Audit>) -> SendError {
        if let Some(lesson) = self.policy.lesson(&refusal) {
            match (audit, &refusal) {
                (Some(audit), _) => audit.refused(lesson),
                (None, Refusal::NotGranted(target)) => self.audit(target).refused(lesson),
                (None, _) => self.journal.host(Level::Warn, lesson, Vec::new()),
            }
        }
        SendError::Refused(refusal)
    }

    /// A new account of a request.
    fn audit(&self, target: &HttpTarget) -> Audit {
        Audit::begin(target, self.journal.clone(), self.clock)
    }
}
