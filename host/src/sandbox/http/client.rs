//! Sends one admitted request: resolve, check, connect, encrypt, send, await the response's head. Each step is timed.
//!
//! A connection serves one request, so that nothing is shared between attempts.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::maybe_done;
use http::header::HOST;
use http::{HeaderValue, Request, Uri};
use http_body_util::BodyExt as _;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use url::Host;
use wasmtime_wasi_http::{RequestOptions, WasiBody};

use crate::model::grants::HttpScheme;
use crate::model::limits::HttpLimits;
use crate::sandbox::bounds;
use crate::sandbox::http::audit::Audit;
use crate::sandbox::http::body::{RequestBody, ResponseBody};
use crate::sandbox::http::policy::{Admitted, Refusal};
use crate::sandbox::http::{Answer, Connection, Egress, Tls};

/// The smallest buffer that the HTTP library takes, in bytes.
const SMALLEST_BUFFER: usize = 8 << 10;

/// How long each step of a request may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    pub(crate) connect: Duration,
    pub(crate) tls: Duration,
    pub(crate) first_byte: Duration,
    pub(crate) between_bytes: Duration,
}

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    #[error(transparent)]
    Refused(Refusal),
    #[error("too many requests are in flight")]
    TooManyInFlight,
    #[error("cannot resolve the name")]
    Resolve(#[source] std::io::Error),
    #[error("cannot connect")]
    Connect(#[source] std::io::Error),
    #[error("no connection in time")]
    ConnectTimeout,
    #[error("TLS failed")]
    Tls(#[source] std::io::Error),
    #[error("TLS cannot be set up")]
    TlsSetup(#[source] rustls::Error),
    #[error("the connection broke")]
    Protocol(#[source] hyper::Error),
    #[error("no response in time")]
    FirstByteTimeout,
    #[error("the server went silent")]
    Silence,
    #[error("the request took longer than limits.http-total allows")]
    OutOfTime,
    #[error("the request's body is larger than limits.http-body allows ({limit} bytes)")]
    RequestTooLarge { limit: u64 },
    #[error("the response's body is larger than limits.http-body allows ({limit} bytes)")]
    ResponseTooLarge { limit: u64 },
    #[error("the request cannot be written down: {0}")]
    Invalid(String),
}

impl SendError {
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
        }
    }
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
    let stream = tokio::time::timeout(timeouts.connect, connect(admitted, timeouts.connect)).await;
    let (stream, peer) = stream.unwrap_or(Err(SendError::ConnectTimeout))?;
    audit.connected(peer);
    let request =
        rewrite(admitted, request)?.map(|inner| RequestBody { inner, limit, left: limit, audit: Arc::clone(audit) });
    let (response, connection) = match admitted.target.scheme() {
        HttpScheme::Http => exchange(stream, request, timeouts, egress.limits.headers).await?,
        HttpScheme::Https => {
            let encrypted = tokio::time::timeout(timeouts.tls, encrypt(admitted, stream, &egress.tls));
            exchange(
                encrypted.await.unwrap_or(Err(SendError::ConnectTimeout))?,
                request,
                timeouts,
                egress.limits.headers,
            )
            .await?
        }
    };
    audit.answered(response.status());
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
            _permit: permit,
        };
        body.boxed_unsync()
    });
    Ok(Answer { response, connection })
}

/// Connects to the first of the host's addresses that answers, among those that the policy lets pass.
/// Connects to the first address of the target that may be reached and answers.
async fn connect(admitted: &Admitted, patience: Duration) -> Result<(TcpStream, IpAddr), SendError> {
    let port = admitted.target.port();
    let found: Vec<SocketAddr> = match admitted.target.host() {
        Host::Ipv4(address) => vec![(IpAddr::V4(*address), port).into()],
        Host::Ipv6(address) => vec![(IpAddr::V6(*address), port).into()],
        Host::Domain(name) => {
            tokio::net::lookup_host((name.as_str(), port)).await.map_err(SendError::Resolve)?.collect()
        }
    };
    // One address that swallows everything must not take the time of the others.
    let share = patience / u32::try_from(found.len().max(1)).unwrap_or(u32::MAX);
    let mut outcome = SendError::Resolve(std::io::Error::other("the name has no address"));
    for address in found {
        if let Err(refusal) = admitted.check_address(address.ip()) {
            outcome = SendError::Refused(refusal);
            continue;
        }
        match tokio::time::timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true).map_err(SendError::Connect)?;
                return Ok((stream, address.ip()));
            }
            Ok(Err(error)) => outcome = SendError::Connect(error),
            Err(_) => outcome = SendError::ConnectTimeout,
        }
    }
    Err(outcome)
}

async fn encrypt(
    admitted: &Admitted,
    stream: TcpStream,
    tls: &Tls,
) -> Result<impl AsyncRead + AsyncWrite + Unpin + Send + use<>, SendError> {
    let name = match admitted.target.host() {
        Host::Domain(name) => {
            ServerName::try_from(name.clone()).map_err(|error| SendError::Invalid(error.to_string()))?
        }
        Host::Ipv4(address) => ServerName::from(IpAddr::V4(*address)),
        Host::Ipv6(address) => ServerName::from(IpAddr::V6(*address)),
    };
    let connector = tls.connector().map_err(SendError::TlsSetup)?;
    connector.connect(name, stream).await.map_err(SendError::Tls)
}

/// Writes the request line and the `Host` header from the target that was checked, whatever the guest had there.
fn rewrite(admitted: &Admitted, mut request: Request<WasiBody>) -> Result<Request<WasiBody>, SendError> {
    let invalid = |error: http::Error| SendError::Invalid(error.to_string());
    let uri = admitted.target.path_and_query().parse::<Uri>().map_err(|error| invalid(error.into()))?;
    let host = HeaderValue::from_str(&admitted.target.authority()).map_err(|error| invalid(error.into()))?;
    *request.uri_mut() = uri;
    request.headers_mut().insert(HOST, host);
    Ok(request)
}

/// Sends the request over a connection of its own, and awaits the response's head.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<RequestBody>,
    timeouts: Timeouts,
    head_limit: u64,
) -> Result<(http::Response<hyper::body::Incoming>, Connection), SendError> {
    let mut builder = http1::Builder::new();
    let head_limit = usize::try_from(head_limit).unwrap_or(usize::MAX).max(SMALLEST_BUFFER);
    builder.max_buf_size(head_limit).max_headers(bounds::HTTP_RESPONSE_HEADERS);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(SendError::Protocol)?;
    let limit = request.body().limit;
    // What goes wrong with a connection shows in the body that it carries.
    let mut connection = Box::pin(maybe_done(connection));
    let response = {
        let mut sending = std::pin::pin!(sender.send_request(request));
        let patience = tokio::time::sleep(timeouts.first_byte);
        tokio::select! {
            biased;
            response = &mut sending => response,
            () = patience => return Err(SendError::FirstByteTimeout),
            // The connection's own end is not the end of the matter: the response may have arrived with it.
            never = connection.as_mut().then(|()| std::future::pending::<Infallible>()) => match never {},
        }
    };
    let response = response.map_err(|error| match body_error(&error) {
        true => SendError::RequestTooLarge { limit },
        false => SendError::Protocol(error),
    })?;
    Ok((response, connection))
}

/// Whether sending failed because the request's body did: at its limit.
fn body_error(error: &hyper::Error) -> bool {
    use std::error::Error as _;
    let cause = error.source().and_then(|cause| cause.downcast_ref::<wasmtime_wasi_http::Error>());
    matches!(cause, Some(wasmtime_wasi_http::Error::HttpRequestBodySize(_)))
}
