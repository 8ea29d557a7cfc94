//! Sends one admitted request, over a connection that its task has kept or over a new one, and awaits the response's
//! head. Each step is timed.

use std::sync::Arc;
use std::time::Duration;

use http::header::HOST;
use http::{HeaderMap, HeaderValue, Request, Response, Uri};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use wasmtime_wasi_http::{RequestOptions, WasiBody};

use crate::model::limits::{HttpLimit, HttpLimits};
use crate::model::quantity;
use crate::sandbox::bounds;
use crate::sandbox::http::audit::{Audit, Origin};
use crate::sandbox::http::body::{BodyError, RequestBody, ResponseBody};
use crate::sandbox::http::connection::{Connection, Unanswered};
use crate::sandbox::http::lease::{Lease, Work};
use crate::sandbox::http::policy::{Admitted, Refusal};
use crate::sandbox::http::pool::Key;
use crate::sandbox::http::{Answer, Egress, dial};

/// The smallest buffer that the HTTP library takes, in bytes.
const SMALLEST_BUFFER: usize = 8 << 10;

/// How long each step of a request may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    pub(crate) connect: Duration,
    pub(crate) tls: Duration,
    pub(crate) first_byte: Duration,
    pub(crate) between_bytes: Duration,
    /// All of them together.
    pub(crate) total: Duration,
}

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    #[error(transparent)]
    Refused(Refusal),
    #[error("the attempt has ended")]
    AttemptEnded,
    #[error("too many requests are in flight")]
    TooManyInFlight,
    #[error(
        "too many requests are in flight, and those that wait hold as much as they may ({:#}): send fewer at once",
        quantity::bytes(bounds::HTTP_WAITING.into())
    )]
    TooManyWaiting,
    #[error(
        "no room to look the name up in time: its task has {} lookups going on, or all tasks together {}; where names \
         cannot be found at all, the system's name server may not answer",
        bounds::HTTP_LOOKUPS_OF_ONE_TASK,
        bounds::HTTP_LOOKUPS
    )]
    TooManyLookups,
    #[error("the name was not found in time")]
    LookupTimeout,
    #[error("cannot resolve the name")]
    Resolve(#[source] std::io::Error),
    #[error("cannot connect")]
    Connect(#[source] std::io::Error),
    #[error("no TLS handshake in time")]
    TlsTimeout,
    #[error("no connection in time")]
    ConnectTimeout,
    #[error("TLS failed")]
    Tls(#[source] std::io::Error),
    #[error("TLS cannot be set up")]
    TlsSetup(#[source] rustls::Error),
    #[error("the connection ended before the request was sent")]
    Unsent,
    #[error("the connection broke")]
    Protocol(#[source] hyper::Error),
    #[error("no response in time")]
    FirstByteTimeout,
    #[error("the server went silent")]
    Silence,
    #[error("the request was not over in time")]
    OutOfTime,
    #[error("the request's headers are larger than limits.http-headers allows ({limit} bytes)")]
    HeadersTooLarge { limit: u64 },
    #[error("the request has more than {} headers", bounds::HTTP_REQUEST_HEADERS)]
    TooManyHeaders,
    #[error(
        "the response's head is larger than limits.http-headers allows ({limit} bytes), or has more than {} headers",
        bounds::HTTP_RESPONSE_HEADERS_READ
    )]
    HeadTooLarge { limit: u64 },
    #[error("the response has more than {} headers", bounds::HTTP_RESPONSE_HEADERS)]
    TooManyResponseHeaders,
    #[error("the guest broke the request's body off: {0}")]
    BrokenOff(String),
    #[error("the request's body is larger than limits.http-body allows ({limit} bytes)")]
    RequestTooLarge { limit: u64 },
    #[error("the response's body is larger than limits.http-body allows ({limit} bytes)")]
    ResponseTooLarge { limit: u64 },
    #[error("the request cannot be written down: {0}")]
    Invalid(String),
}

impl SendError {
    /// The limit that the request came to, if it did.
    pub(crate) fn limit(&self) -> Option<HttpLimit> {
        match self {
            SendError::TooManyInFlight => Some(HttpLimit::Concurrent),
            SendError::TooManyLookups | SendError::LookupTimeout | SendError::ConnectTimeout => {
                Some(HttpLimit::Connect)
            }
            SendError::TlsTimeout => Some(HttpLimit::Tls),
            SendError::FirstByteTimeout => Some(HttpLimit::FirstByte),
            SendError::Silence => Some(HttpLimit::BetweenBytes),
            SendError::OutOfTime => Some(HttpLimit::Total),
            SendError::HeadersTooLarge { .. } | SendError::HeadTooLarge { .. } => Some(HttpLimit::Headers),
            SendError::RequestTooLarge { .. } | SendError::ResponseTooLarge { .. } => Some(HttpLimit::Body),
            SendError::Refused(_)
            | SendError::AttemptEnded
            | SendError::TooManyWaiting
            | SendError::Resolve(_)
            | SendError::Connect(_)
            | SendError::Tls(_)
            | SendError::TlsSetup(_)
            | SendError::Unsent
            | SendError::Protocol(_)
            | SendError::TooManyHeaders
            | SendError::TooManyResponseHeaders
            | SendError::BrokenOff(_)
            | SendError::Invalid(_) => None,
        }
    }

    /// The message with all its causes.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        text
    }
}

impl Timeouts {
    /// What a guest asked for, as far as that is shorter than its limits.
    pub(crate) fn of(options: RequestOptions, limits: &HttpLimits) -> Self {
        let shorter = |asked: Option<Duration>, ours: Duration| asked.map_or(ours, |asked| asked.min(ours));
        Self {
            connect: shorter(options.connect_timeout, limits.connect),
            tls: shorter(options.connect_timeout, limits.tls),
            first_byte: shorter(options.first_byte_timeout, limits.first_byte),
            between_bytes: shorter(options.between_bytes_timeout, limits.between_bytes),
            total: limits.total,
        }
    }

    /// What a guest asked for, if that was less than this limit allows.
    pub(crate) fn less_than_allowed(&self, limit: HttpLimit, limits: &HttpLimits) -> Option<Duration> {
        let (asked, allowed) = match limit {
            // To wait for one's turn is a part of connecting.
            HttpLimit::Connect | HttpLimit::Concurrent => (self.connect, limits.connect),
            HttpLimit::Tls => (self.tls, limits.tls),
            HttpLimit::FirstByte => (self.first_byte, limits.first_byte),
            HttpLimit::BetweenBytes => (self.between_bytes, limits.between_bytes),
            HttpLimit::Total => (self.total, limits.total),
            HttpLimit::Body | HttpLimit::Headers => return None,
        };
        (asked < allowed).then_some(asked)
    }
}

/// Checks the size of a request, as far as it is known before it is sent.
pub(super) fn check_size(request: &Request<WasiBody>, limits: &HttpLimits) -> Result<(), SendError> {
    if header_bytes(request.headers()) > limits.headers {
        return Err(SendError::HeadersTooLarge { limit: limits.headers });
    }
    if request.headers().len() > bounds::HTTP_REQUEST_HEADERS {
        return Err(SendError::TooManyHeaders);
    }
    if request.body().size_hint().lower() > limits.body {
        return Err(SendError::RequestTooLarge { limit: limits.body });
    }
    Ok(())
}

/// Bytes of the names and values of all headers.
pub(super) fn header_bytes(headers: &HeaderMap) -> u64 {
    headers.iter().map(|(name, value)| (name.as_str().len() + value.len()) as u64).sum()
}

/// Bytes that a request takes while it waits, of those that a guest can have many of: fields as their map keeps them, the
/// URL here and in its account, and the body.
pub(super) fn held_bytes(request: &Request<WasiBody>) -> u32 {
    let uri = request.uri();
    let uri =
        uri.path().len() + uri.query().map_or(0, str::len) + uri.authority().map_or(0, |host| host.as_str().len());
    // One piece is in the body, and one on its way there. A length in the headers is only what the guest says.
    let pieces = if request.body().is_end_stream() { 0 } else { 2 * bounds::HTTP_CHUNK as u64 };
    let body = request.body().size_hint().upper().map_or(pieces, |length| length.min(pieces));
    let headers = 3 * header_bytes(request.headers()) + 100 * request.headers().len() as u64;
    u32::try_from(headers + 2 * uri as u64 + body).unwrap_or(u32::MAX)
}

/// Sends an admitted request.
pub(super) async fn send(
    egress: &Egress,
    admitted: &Admitted,
    request: Request<WasiBody>,
    timeouts: Timeouts,
    until: Instant,
    audit: &Arc<Audit>,
    permit: OwnedSemaphorePermit,
) -> Result<Answer, SendError> {
    let limit = egress.limits.body;
    let request =
        rewrite(admitted, request)?.map(|inner| RequestBody { inner, limit, left: limit, audit: Arc::clone(audit) });
    let head_limit = usize::try_from(egress.limits.headers).unwrap_or(usize::MAX).max(SMALLEST_BUFFER);
    let key = Key {
        task: egress.policy.task().name.clone(),
        scheme: admitted.target.scheme(),
        host: admitted.target.host().clone(),
        port: admitted.target.port(),
        head_limit,
    };
    let (response, connection) = match again(egress, admitted, &key, request, timeouts, audit).await {
        Ok(answered) => answered,
        Err(Setback::Failed(error)) => return Err(error),
        Err(Setback::Anew(request)) => {
            let mut connection = dial::open(egress, admitted, timeouts, head_limit, audit).await?;
            let answered = connection.exchange(*request, timeouts.first_byte).await;
            (answered.map_err(|unanswered| unanswered.error(&egress.limits))?, connection)
        }
    };
    audit.answered(response.status());
    if response.headers().len() > bounds::HTTP_RESPONSE_HEADERS {
        return Err(SendError::TooManyResponseHeaders);
    }
    let lease = Lease::new(connection, Arc::clone(&egress.network), key, until, Arc::clone(audit), permit);
    egress.accounts.lease(&lease);
    if response.body().is_end_stream() {
        lease.read_to_the_end();
    }
    let work = Work(Arc::clone(&lease));
    let response = response.map(|inner| {
        let body = ResponseBody {
            inner,
            limit,
            left: limit,
            silence: timeouts.between_bytes,
            patience: Box::pin(tokio::time::sleep(timeouts.between_bytes)),
            over: Box::pin(tokio::time::sleep_until(until)),
            clock: egress.clock,
            audit: Arc::clone(audit),
            lease,
        };
        body.boxed_unsync()
    });
    Ok(Answer { response, work })
}

/// Why a request was not answered over a connection that had been kept.
enum Setback {
    /// There was none, or it was of no use: the request is to be sent over a new one.
    Anew(Box<Request<RequestBody>>),
    /// The request cannot be sent again.
    Failed(SendError),
}

/// Sends a request over a connection that the task has kept, if there is one.
///
/// Its server may be closing it at this very moment. The request is then sent anew if not a byte of it was written, or
/// if to receive it twice changes nothing.
async fn again(
    egress: &Egress,
    admitted: &Admitted,
    key: &Key,
    request: Request<RequestBody>,
    timeouts: Timeouts,
    audit: &Audit,
) -> Result<(Response<Incoming>, Connection), Setback> {
    let may_use = |peer| admitted.check_address(peer).is_ok();
    let Some(mut connection) = egress.network.pool.take(key, may_use) else {
        return Err(Setback::Anew(Box::new(request)));
    };
    audit.connected(connection.peer(), Origin::Pool);
    let copy = copy_if_harmless(&request);
    match (connection.exchange(request, timeouts.first_byte).await, copy) {
        (Ok(response), _) => Ok((response, connection)),
        (Err(Unanswered::Unsent(request)), _) => Err(Setback::Anew(request)),
        (Err(Unanswered::Broken(error)), Some(copy)) if is_end(&error) => Err(Setback::Anew(Box::new(copy))),
        (Err(unanswered), _) => Err(Setback::Failed(unanswered.error(&egress.limits))),
    }
}

/// A copy of a request that asks for nothing to be changed, and has no body.
fn copy_if_harmless(request: &Request<RequestBody>) -> Option<Request<RequestBody>> {
    if !request.method().is_safe() || !request.body().is_end_stream() {
        return None;
    }
    let mut copy = Request::new(request.body().empty());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    copy.headers_mut().clone_from(request.headers());
    Some(copy)
}

/// Whether a connection ended before there was a response.
fn is_end(error: &hyper::Error) -> bool {
    use std::error::Error as _;
    error.is_incomplete_message() || error.source().is_some_and(|cause| cause.is::<std::io::Error>())
}

impl Unanswered {
    /// As an error of a request with these limits.
    fn error(self, limits: &HttpLimits) -> SendError {
        match self {
            Unanswered::Broken(error) => match body_error(&error) {
                Some(BodyError::OverLimit) => SendError::RequestTooLarge { limit: limits.body },
                Some(BodyError::BrokenOff(why)) => SendError::BrokenOff(why.to_string()),
                None if error.is_parse_too_large() => SendError::HeadTooLarge { limit: limits.headers },
                None => SendError::Protocol(error),
            },
            Unanswered::TooLate => SendError::FirstByteTimeout,
            Unanswered::Unsent(_) => SendError::Unsent,
        }
    }
}

/// Writes the request line and the `Host` header from the target that was checked, and the headers that are bound to
/// its grants, whatever the guest had there.
fn rewrite(admitted: &Admitted, mut request: Request<WasiBody>) -> Result<Request<WasiBody>, SendError> {
    let invalid = |error: http::Error| SendError::Invalid(error.to_string());
    let uri = admitted.target.path_and_query().parse::<Uri>().map_err(|error| invalid(error.into()))?;
    let host = HeaderValue::from_str(&admitted.target.authority()).map_err(|error| invalid(error.into()))?;
    *request.uri_mut() = uri;
    request.headers_mut().insert(HOST, host);
    for (name, value) in &admitted.headers {
        request.headers_mut().insert(name, value.clone());
    }
    Ok(request)
}

/// Why sending failed, if it was because the request's body did.
fn body_error(error: &hyper::Error) -> Option<&BodyError> {
    use std::error::Error as _;
    error.source()?.downcast_ref()
}
