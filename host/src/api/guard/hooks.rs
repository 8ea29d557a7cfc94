//! `POST /hooks/…`: a request that is signed with a webhook's secret starts a run of its task.
//!
//! Whoever is not believed learns nothing: not whether there is such a webhook, nor what was wrong. The host's log says it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::caller::Caller;
use super::signature::{self, Identity, Rules};
use crate::api::input::trace_of;
use crate::api::problem::{Kind, Problem};
use crate::api::server::Peer;
use crate::api::service::Service;
use crate::api::shown::{Answer, Shown};
use crate::daemon::{Asked, Handle, TriggerRequest, Triggered};
use crate::model::audit::{Actor, Change};
use crate::model::cause::Cause;
use crate::model::id::{Digest, TaskName};
use crate::model::key::Keyed;
use crate::model::payload::Blob;
use crate::model::taskset::TaskSet;
use crate::model::text::inert;
use crate::model::webhook::{Scheme, Webhook};

/// The route of all webhooks.
pub(in crate::api) const ROUTE: &str = "/hooks/{*hook}";

/// The largest body, in bytes. Anybody may send one, and it is read before anybody is believed.
const MOST_BODY: usize = 4 << 20;
/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);
/// The longest media type; of a longer one nothing is kept.
const MOST_CONTENT_TYPE: usize = 255;

/// A run that a webhook started.
#[derive(Serialize)]
pub(in crate::api) struct HookRun {
    run: String,
    /// Whether this request had come before: no second run was made.
    repeated: bool,
}

/// Takes a request of a webhook.
pub(in crate::api) async fn hook(State(service): State<Service>, caller: Caller, request: Request) -> Answer<HookRun> {
    let (parts, body) = request.into_parts();
    let body = body_of(&service, &parts.headers, body).await?;
    let tasks = service.daemon.tasks().borrow().clone();
    let path = parts.uri.path();
    let (task, identity) = match believe(&tasks, path, &parts.headers, &body, service.clock.now()) {
        Ok(believed) => believed,
        Err(why) => return Err(disbelieved(&service, parts.extensions.get::<Arc<Peer>>(), path, why)),
    };
    let Webhook { path, scheme, .. } =
        webhook_of(&tasks, path).map(|(_, hook)| hook).ok_or_else(Problem::hook_refused)?;
    let change = Change {
        actor: Actor::Webhook(path.to_string()),
        action: format!("POST {path}"),
        ..Change::clone(caller.change())
    };
    let request = TriggerRequest {
        task: task.clone(),
        cause: Cause::Webhook { path: path.clone() },
        keyed: Some(keyed(*scheme, path.as_str(), &identity, &body)?),
        payload: Some(Arc::new(Blob { content_type: content_type(&parts.headers), bytes: body.into() })),
        trace: trace_of(&parts.headers),
    };
    let daemon: Handle = service.daemon.on_behalf(change);
    let Triggered { run, asked } = daemon.request(request).await??;
    let status = if asked == Asked::First { StatusCode::CREATED } else { StatusCode::OK };
    Ok(Shown(status, HookRun { run: run.to_string(), repeated: asked == Asked::Again }))
}

/// The task whose webhook a request is signed for, and what tells the request from others; or why it is not believed. Does
/// the same work whether there is such a webhook or not.
fn believe(
    tasks: &TaskSet,
    path: &str,
    headers: &HeaderMap,
    body: &[u8],
    now: jiff::Timestamp,
) -> Result<(TaskName, Identity), String> {
    let rounds = tasks.values().filter_map(|task| task.webhook.as_ref()).map(|hook| hook.secrets.len()).max();
    let rounds = rounds.unwrap_or(1);
    let Some((task, hook)) = webhook_of(tasks, path) else {
        let scheme = if headers.contains_key(signature::GENERIC) { Scheme::Generic } else { Scheme::GitHub };
        let nobody = Rules { scheme, secrets: &[], tolerance: Duration::ZERO, rounds };
        // The work is the same, and the answer is no either way.
        return match signature::check(nobody, headers, body, now) {
            Ok(_) | Err(_) => Err("there is no such webhook".to_owned()),
        };
    };
    let rules = Rules { scheme: hook.scheme, secrets: &hook.secrets, tolerance: hook.tolerance, rounds };
    match signature::check(rules, headers, body, now) {
        Ok(identity) => Ok((task.clone(), identity)),
        Err(mistrust) => Err(mistrust.to_string()),
    }
}

fn webhook_of<'t>(tasks: &'t TaskSet, path: &str) -> Option<(&'t TaskName, &'t Webhook)> {
    tasks.values().find_map(|task| {
        let hook = task.webhook.as_ref().filter(|hook| hook.path.as_str() == path)?;
        Some((&task.name, &**hook))
    })
}

fn disbelieved(service: &Service, peer: Option<&Arc<Peer>>, path: &str, why: String) -> Problem {
    let address = peer.and_then(|peer| peer.address);
    let failed = address.map_or(Ok(()), |address| service.guard.failed(address));
    match failed {
        Ok(()) => {
            let peer = address.map(|address| address.to_string()).unwrap_or_default();
            let shown = path.get(..128).unwrap_or(path);
            tracing::warn!(peer, "a request to {} is not believed: {why}", inert(shown));
            Problem::hook_refused()
        }
        Err(seconds) => Problem::too_many_requests(seconds),
    }
}

/// The key by which a repetition is known.
fn keyed(scheme: Scheme, path: &str, Identity(identity): &Identity, body: &[u8]) -> Result<Keyed, Problem> {
    // A delivery's number is the sender's own and may hold anything that a header can.
    let known = Sha256::digest(format!("{path}\n{identity}"));
    let known: String = known.iter().map(|byte| format!("{byte:02x}")).collect();
    let key = format!("webhook:{}:{known}", scheme.name()).parse().map_err(Problem::malformed)?;
    Ok(Keyed { key, request: Digest::from_bytes(Sha256::digest(body).into()) })
}

fn content_type(headers: &HeaderMap) -> String {
    let said = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    said.filter(|said| said.len() <= MOST_CONTENT_TYPE).unwrap_or(Blob::BYTES).to_owned()
}

async fn body_of(service: &Service, headers: &HeaderMap, body: axum::body::Body) -> Result<Bytes, Problem> {
    let too_large = || Kind::TOO_LARGE.with(format!("a webhook's body has at most {MOST_BODY} bytes"));
    let said = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let most = said.unwrap_or(MOST_BODY);
    if most > MOST_BODY {
        return Err(too_large());
    }
    let room = service.bodies.try_acquire_many(most as u32).map_err(|_| Problem::busy())?;
    let read = tokio::time::timeout(BODY_TIME, to_bytes(body, most)).await;
    drop(room);
    match read {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_)) if said.is_none() => Err(too_large()),
        Ok(Err(error)) => Err(Problem::malformed(error)),
        Err(_) => Err(Kind::TOO_SLOW.with(format!("the body took longer than {} s", BODY_TIME.as_secs()))),
    }
}
