//! A run that somebody asks for: with a key that makes asking twice asking once, and with a wait for its end.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};

use super::guard::OnBehalf;
use super::input::{Asks, From, OfTask, Payload, trace_of};
use super::problem::Problem;
use super::service::Service;
use super::shown::Shown;
use super::view;
use crate::daemon::{Asked, Awaited, End, TriggerRequest, Triggered};
use crate::model::id::{Digest, RunId, TaskName};
use crate::model::key::Keyed;
use crate::model::outcome::{AttemptOutcome, Outcome};
use crate::model::payload::Blob;
use crate::model::quantity::parse_duration;
use crate::model::run::RunState;

/// The longest wait for the end of a run.
const LONGEST_WAIT: Duration = Duration::from_secs(10 * 60);

/// How often the ledger is asked for the end of a run that the daemon is just entering there.
const LOOK: Duration = Duration::from_millis(50);

/// A run that was asked for.
#[derive(Serialize, ToSchema)]
pub(super) struct TriggeredRun {
    /// Its task.
    task: String,
    /// The run.
    #[schema(example = "01KB2M8Q4Z7XN")]
    run: String,
    /// Whether the idempotency key had led to this run before.
    repeated: bool,
    /// How it ended; null if that was not waited for, or is yet to come.
    outcome: Option<view::Outcome>,
    /// How many attempts it had; null as well.
    attempts: Option<u32>,
    /// What it put out, if it succeeded and did.
    output: Option<view::Blob>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TriggerQuery {
    /// How long to wait for the end of the run, ten minutes at the most.
    #[param(example = "30s", pattern = "^([1-9][0-9]{0,4}ms|[1-9][0-9]?s|[1-9]m|10m)$")]
    wait: Option<String>,
}

/// Asks for a run of a task
///
/// Answers when the run is in the ledger; with `wait`, when it is over or the time is up. The run is one like any other:
/// recorded, limited, retried, and subject to the task's `overlap`. With an `Idempotency-Key`, the same request never
/// makes a second run, however often it is made, for 48 hours at least, and whatever becomes of the host meanwhile.
#[utoipa::path(
    post,
    path = "/api/v1/tasks/{task}/runs",
    tag = "tasks",
    params(
        OfTask,
        TriggerQuery,
        (
            "Idempotency-Key" = Option<String>, Header,
            description = "A name of the client's for this request, such as a UUID",
            pattern = "^[!-~]{1,255}$",
        ),
    ),
    request_body(
        content((Option<serde_json::Value> = "application/json"), (Option<String> = "text/plain")),
        description = "What the run works on, of any media type; without a body, what the task's configuration says",
    ),
    responses(
        (status = 200, description = "The run is over, or was there before", body = TriggeredRun),
        (status = 201, description = "The run is in the ledger", body = TriggeredRun),
        (status = 202, description = "The wait is over and the run is not", body = TriggeredRun),
    )
)]
pub(super) async fn trigger(
    State(service): State<Service>,
    OnBehalf(daemon): OnBehalf,
    OfTask(task): OfTask,
    Asks(query): Asks<TriggerQuery>,
    From(peer): From,
    headers: HeaderMap,
    Payload(payload): Payload,
) -> Result<Response, Problem> {
    let wait = query.wait.as_deref().map(wait).transpose()?;
    let deadline = wait.map(|wait| service.clock.monotonic() + wait);
    let keyed = keyed(&headers, payload.as_deref())?;
    let (cause, trace) = (peer.door.cause(), trace_of(&headers));
    let request = TriggerRequest { task: task.clone(), cause, payload, trace, keyed };
    let (Triggered { run, asked }, end) = match deadline {
        None => (daemon.request(request).await??, None),
        Some(deadline) => match daemon.request_and_wait(request, deadline).await?? {
            (triggered, Awaited::Ended(end)) => (triggered, Some(end)),
            (triggered, Awaited::InLedger) => (triggered, from_ledger(&service, triggered.run, deadline).await?),
            (triggered, Awaited::GoesOn) => (triggered, None),
        },
    };
    let status = match (wait, asked, &end) {
        (Some(_), _, None) => StatusCode::ACCEPTED,
        (None, Asked::First, _) => StatusCode::CREATED,
        _ => StatusCode::OK,
    };
    let mut response = Shown(status, TriggeredRun::new(&task, run, asked, end.as_ref())).into_response();
    if let Ok(place) = HeaderValue::try_from(format!("/api/v1/runs/{run}")) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

impl TriggeredRun {
    fn new(task: &TaskName, run: RunId, asked: Asked, end: Option<&End>) -> Self {
        let output = match end.map(|end| &*end.outcome) {
            Some(Outcome::Attempted(AttemptOutcome::Succeeded { output })) => output.as_ref(),
            _ => None,
        };
        Self {
            task: task.to_string(),
            run: run.to_string(),
            repeated: asked == Asked::Again,
            outcome: end.map(|end| (&*end.outcome).into()),
            attempts: end.map(|end| end.attempts),
            output: output.map(view::Blob::from),
        }
    }
}

fn wait(text: &str) -> Result<Duration, Problem> {
    let wait = parse_duration(text).map_err(Problem::malformed)?;
    match wait <= LONGEST_WAIT {
        true => Ok(wait),
        false => Err(Problem::malformed(format!("wait is {} s at the most", LONGEST_WAIT.as_secs()))),
    }
}

/// The key of a request, and what is asked for: the payload and its media type.
fn keyed(headers: &HeaderMap, payload: Option<&Blob>) -> Result<Option<Keyed>, Problem> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    let key = key.to_str().map_err(Problem::malformed)?.parse().map_err(Problem::malformed)?;
    let mut digest = Sha256::new();
    if let Some(Blob { content_type, bytes }) = payload {
        // The length keeps one from being taken for the other.
        digest.update((content_type.len() as u64).to_be_bytes());
        digest.update(content_type);
        digest.update(bytes);
    }
    Ok(Some(Keyed { key, request: Digest::from_bytes(digest.finalize().into()) }))
}

/// The end of a run that the daemon no longer knows; none if it is gone from the ledger, or not there in time.
async fn from_ledger(service: &Service, run: RunId, deadline: Instant) -> Result<Option<End>, Problem> {
    loop {
        let found = service.readers.ask(move |reader| {
            let Some(record) = reader.run(run)? else { return Ok(None) };
            let RunState::Final(outcome) = record.state else { return Ok(Some(None)) };
            let outcome = match outcome {
                Outcome::Attempted(AttemptOutcome::Succeeded { .. }) => {
                    Outcome::Attempted(AttemptOutcome::Succeeded { output: reader.output(run)? })
                }
                other => other,
            };
            Ok(Some(Some(End { outcome: outcome.into(), attempts: record.attempts })))
        });
        match found.await? {
            None => return Ok(None),
            Some(Some(end)) => return Ok(Some(end)),
            Some(None) if service.clock.monotonic() + LOOK >= deadline => return Ok(None),
            // Only while its end is on its way into the ledger, or after a host that was killed.
            Some(None) => tokio::time::sleep(LOOK).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_request_is_known_by_its_payload_and_its_type() {
        let mut headers = HeaderMap::new();
        assert!(keyed(&headers, None).unwrap().is_none());
        headers.insert("idempotency-key", HeaderValue::from_static("one"));
        let digest = |content_type: &str, bytes: &[u8]| {
            let blob = Blob { content_type: content_type.to_owned(), bytes: bytes.to_vec() };
            keyed(&headers, Some(&blob)).unwrap().unwrap().request
        };
        let nothing = keyed(&headers, None).unwrap().unwrap().request;
        assert_eq!(digest("a", b"b"), digest("a", b"b"));
        for (one, other) in [
            (digest("a", b"b"), digest("a", b"c")),
            (digest("a", b"bc"), digest("ab", b"c")),
            (digest("", b""), nothing),
        ] {
            assert_ne!(one, other);
        }
        headers.insert("idempotency-key", HeaderValue::from_static("a b"));
        assert!(keyed(&headers, None).is_err());
    }

    #[test]
    fn a_wait_has_a_limit() {
        assert_eq!(wait("30s").unwrap(), Duration::from_secs(30));
        assert!(wait("11m").is_err() && wait("soon").is_err());
    }
}
