//! `/healthz`: the process answers. `/readyz`: slots are being run, or why not.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::service::Service;
use super::shown::Shown;
use crate::daemon::{LedgerHealth, STALLED, Status};

/// Whether slots are being run.
#[derive(Serialize, ToSchema)]
pub(super) struct Readiness {
    /// Whether they are.
    ready: bool,
    /// Why they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// How many attempts go on.
    running: usize,
    /// How many runs wait: for their turn, their plugin or their next attempt.
    waiting: usize,
}

/// Whether the process answers
#[utoipa::path(get, path = "/healthz", tag = "host", responses((status = 200, description = "It does", body = String)))]
pub(super) async fn live() -> &'static str {
    "alive\n"
}

/// Whether slots are being run
///
/// They are not when the firing loop stalls, when the ledger cannot be written, or when guests without fuel run and the
/// clock that makes them yield has stopped.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "host",
    responses(
        (status = 200, description = "They are", body = Readiness),
        (status = 503, description = "They are not, and why", body = Readiness),
    )
)]
pub(super) async fn ready(State(service): State<Service>) -> Shown<Readiness> {
    let status = *service.daemon.status().borrow();
    let reason = reason(&service);
    let code = if reason.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let (running, waiting) = (status.running, status.waiting);
    Shown(code, Readiness { ready: reason.is_none(), reason, running, waiting })
}

/// Why slots are not being run, if they are not.
pub(super) fn reason(service: &Service) -> Option<&'static str> {
    let status = *service.daemon.status().borrow();
    let since_last_turn = service.clock.monotonic().saturating_duration_since(status.turned_at);
    let clock = service.daemon.clock_stopped().then_some("the clock of guests without fuel has stopped");
    trouble(&status, since_last_turn).or(clock)
}

/// What the firing loop tells of it.
fn trouble(status: &Status, since_last_turn: Duration) -> Option<&'static str> {
    if since_last_turn > STALLED {
        return Some("the firing loop has stalled");
    }
    match status.ledger {
        LedgerHealth::Writable => None,
        LedgerHealth::Failing => Some("the ledger cannot be written"),
        LedgerHealth::Damaged => Some("the ledger is damaged"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[tokio::test(start_paused = true)]
    async fn readiness_names_the_trouble() {
        let status = |ledger| Status { turned_at: Clock::system().monotonic(), running: 0, waiting: 0, ledger };
        let second = Duration::from_secs(1);
        assert_eq!(trouble(&status(LedgerHealth::Writable), second), None);
        assert!(trouble(&status(LedgerHealth::Failing), second).is_some_and(|why| why.contains("ledger")));
        assert!(trouble(&status(LedgerHealth::Damaged), second).is_some_and(|why| why.contains("damaged")));
        assert!(trouble(&status(LedgerHealth::Writable), 6 * second).is_some_and(|why| why.contains("stalled")));
    }
}
