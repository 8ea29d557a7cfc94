//! `/healthz`: the process answers. `/readyz`: slots are being run, or why not.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use crate::clock::Clock;
use crate::daemon::{Handle, LedgerHealth, Status};

/// The firing loop turns once a second; when it has not for this long, something holds it up.
const STALLED: Duration = Duration::from_secs(5);

pub(super) fn routes(daemon: Handle, clock: Clock) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .with_state((daemon, clock))
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    /// Why it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    running: usize,
    waiting: usize,
}

async fn ready(State((daemon, clock)): State<(Handle, Clock)>) -> (StatusCode, Json<Readiness>) {
    let status = *daemon.status().borrow();
    let reason = trouble(&status, clock.monotonic().saturating_duration_since(status.turned_at));
    let code = if reason.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(Readiness { ready: reason.is_none(), reason, running: status.running, waiting: status.waiting }))
}

/// Why slots are not being run, if they are not.
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
