//! What a request carries, read into types of its own: what cannot be read is a problem and not a plain text.

use std::sync::Arc;
use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::problem::{Kind, Problem};
use super::server::Peer;
use super::service::{MOST_BODIES, Service};
use crate::model::id::{RunId, TaskName};
use crate::model::payload::Blob;
use crate::model::trace::TraceContext;

/// The largest body of a request: a payload, all others are small.
pub(super) const MOST_BODY: usize = 16 << 20;
/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);
/// The longest media type.
const MOST_CONTENT_TYPE: usize = 255;

/// The task that the address names.
#[derive(IntoParams)]
#[into_params(names("task"), parameter_in = Path)]
pub(super) struct OfTask(
    /// The task
    #[param(value_type = String, pattern = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    pub(super) TaskName,
);

/// The run that the address names.
#[derive(IntoParams)]
#[into_params(names("run"), parameter_in = Path)]
pub(super) struct OfRun(
    /// The run
    #[param(value_type = String, pattern = "^[0-7][0-9A-HJKMNP-TV-Z]{12}$")]
    pub(super) RunId,
);

/// What stands behind the question mark.
pub(super) struct Asks<T>(pub(super) T);

/// The body.
pub(super) struct Body(pub(super) Bytes);

/// The body as what a run works on, if there is one: an empty body that is described is another thing than none.
pub(super) struct Payload(pub(super) Option<Arc<Blob>>);

/// The trace that a request is a part of (`traceparent`, W3C Trace Context). One that cannot be read is none, as the
/// recommendation has it.
pub(super) fn trace_of(headers: &HeaderMap) -> Option<TraceContext> {
    headers.get("traceparent")?.to_str().ok()?.parse().ok()
}

/// Who asks.
pub(super) struct From(pub(super) Arc<Peer>);

impl<S: Send + Sync> FromRequestParts<S> for OfTask {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(name) = Path::<String>::from_request_parts(parts, state).await?;
        name.parse().map(Self).map_err(Problem::malformed)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for OfRun {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(id) = Path::<String>::from_request_parts(parts, state).await?;
        id.parse().map(Self).map_err(Problem::malformed)
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asks<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(query) = Query::<T>::from_request_parts(parts, state).await?;
        Ok(Self(query))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for From {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let peer = parts.extensions.get::<Arc<Peer>>().cloned();
        peer.map(Self).ok_or_else(|| Problem::malformed("nobody knows where this request came from"))
    }
}

impl FromRequest<Service> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, service: &Service) -> Result<Self, Problem> {
        let too_large = || Kind::TOO_LARGE.with(format!("a body has at most {MOST_BODY} bytes"));
        let said = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let most = said.unwrap_or(if axum::body::HttpBody::is_end_stream(request.body()) { 0 } else { MOST_BODY });
        if most > MOST_BODY {
            return Err(too_large());
        }
        // Whoever comes when so many bytes are on their way is sent off, rather than let them take the memory.
        let room = service.bodies.try_acquire_many(most.min(MOST_BODIES) as u32).map_err(|_| Problem::busy())?;
        let body = match tokio::time::timeout(BODY_TIME, to_bytes(request.into_body(), most)).await {
            Ok(Ok(body)) => body,
            Ok(Err(_)) if said.is_none() => return Err(too_large()),
            Ok(Err(error)) => return Err(Problem::malformed(error)),
            Err(_) => return Err(Kind::TOO_SLOW.with(format!("the body took longer than {} s", BODY_TIME.as_secs()))),
        };
        drop(room);
        Ok(Self(body))
    }
}

impl FromRequest<Service> for Payload {
    type Rejection = Problem;

    async fn from_request(request: Request, service: &Service) -> Result<Self, Problem> {
        let described = request.headers().get(header::CONTENT_TYPE).map(|value| value.to_str().map(str::to_owned));
        let described = described.transpose().map_err(Problem::malformed)?;
        if described.as_ref().is_some_and(|described| described.len() > MOST_CONTENT_TYPE) {
            return Err(Problem::malformed(format!("a media type has at most {MOST_CONTENT_TYPE} characters")));
        }
        let Body(body) = Body::from_request(request, service).await?;
        if described.is_none() && body.is_empty() {
            return Ok(Self(None));
        }
        let content_type = described.unwrap_or_else(|| Blob::BYTES.to_owned());
        Ok(Self(Some(Arc::new(Blob { content_type, bytes: body.into() }))))
    }
}
