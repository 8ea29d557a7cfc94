//! `/api/v1`: what a person may ask of a running host. Each answer comes when what was asked for is in the ledger.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::control::Peer;
use super::problem::Problem;
use super::reload::reload;
use crate::daemon::backfill::Tally;
use crate::daemon::{BackfillRequest, Handle};
use crate::model::cause::Cause;
use crate::model::id::{RunId, TaskName};
use crate::model::pause::Pause;
use crate::model::payload::Blob;

/// The largest body of a request: a payload, all others are small.
const MOST_BODY: usize = 16 << 20;

pub(super) type Answer = Result<(StatusCode, Json<Value>), Problem>;
/// What the address names, and what the request carries: neither need be readable.
type Named = Result<Path<String>, PathRejection>;
type Body = Result<Bytes, BytesRejection>;

/// These requests, and beside them what else is answered.
pub(super) fn routes(daemon: Handle, others: Router) -> Router {
    Router::new()
        .route("/api/v1/tasks/{task}/pause", post(pause))
        .route("/api/v1/tasks/{task}/resume", post(resume))
        .route("/api/v1/tasks/{task}/runs", post(trigger))
        .route("/api/v1/tasks/{task}/backfill", post(backfill))
        .route("/api/v1/runs/{run}/cancel", post(cancel))
        .route("/api/v1/reload", post(reload))
        .layer(DefaultBodyLimit::max(MOST_BODY))
        .with_state(daemon)
        .merge(others)
        .fallback(async || Problem::no_such_route())
        .method_not_allowed_fallback(async || Problem::no_such_route())
}

async fn pause(State(daemon): State<Handle>, ConnectInfo(peer): ConnectInfo<Peer>, task: Named) -> Answer {
    let Path(task) = task?;
    let pause = daemon.pause(read::<TaskName>(&task)?, peer.name).await??;
    Ok((StatusCode::OK, Json(json!({ "task": task, "paused": pause_json(&pause) }))))
}

async fn resume(State(daemon): State<Handle>, task: Named) -> Answer {
    let Path(task) = task?;
    let pause = daemon.resume(read::<TaskName>(&task)?).await??;
    let before = pause.as_ref().map(pause_json);
    Ok((StatusCode::OK, Json(json!({ "task": task, "paused": null, "was_paused": before }))))
}

async fn trigger(State(daemon): State<Handle>, task: Named, headers: HeaderMap, body: Body) -> Answer {
    let (Path(task), body) = (task?, body?);
    let brought = headers.contains_key(header::CONTENT_TYPE) || !body.is_empty();
    let content_type = headers.get(header::CONTENT_TYPE).map_or(Ok(Blob::BYTES), |value| value.to_str());
    let content_type = content_type.map_err(Problem::malformed)?.to_owned();
    let payload = brought.then(|| Arc::new(Blob { content_type, bytes: body.to_vec() }));
    let run = daemon.trigger(read::<TaskName>(&task)?, Cause::Manual, payload).await??;
    Ok((StatusCode::CREATED, Json(json!({ "task": task, "run": run.to_string() }))))
}

async fn cancel(State(daemon): State<Handle>, run: Named) -> Answer {
    let Path(run) = run?;
    match daemon.cancel(read::<RunId>(&run)?).await? {
        true => Ok((StatusCode::ACCEPTED, Json(json!({ "run": run })))),
        false => Err(Problem::no_such_run(run)),
    }
}

/// What a backfill is asked for with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Backfill {
    from: String,
    to: String,
    #[serde(default = "one")]
    max_parallel: NonZeroU32,
}

fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

async fn backfill(State(daemon): State<Handle>, task: Named, body: Body) -> Answer {
    let (Path(task), body) = (task?, body?);
    let Backfill { from, to, max_parallel } = serde_json::from_slice(&body).map_err(Problem::malformed)?;
    let (from, to) = (read::<Timestamp>(&from)?, read::<Timestamp>(&to)?);
    let request = BackfillRequest { task: read(&task)?, from, to, max_parallel };
    let Tally { new, reopened, succeeded, unfinished, undecided, removed, foreign } = daemon.backfill(request).await?;
    let slots = json!({
        "new": new,
        "reopened": reopened,
        "succeeded": succeeded,
        "unfinished": unfinished,
        "undecided": undecided,
        "removed": removed,
        "of_another_schedule": foreign,
    });
    Ok((StatusCode::ACCEPTED, Json(json!({ "task": task, "queued": new + reopened, "slots": slots }))))
}

fn pause_json(pause: &Pause) -> Value {
    json!({ "since": pause.since.to_string(), "by": pause.by })
}

/// A part of a request in its own type.
fn read<T: FromStr<Err: ToString>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(Problem::malformed)
}
