//! A small HTTP client for what the operator configured: each request has a connection of its own, a time in which it has
//! to be over, and a bound on what is read. Redirects are not followed.
//!
//! Unlike guests' requests these may go anywhere, since the operator names the address.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use url::{Host, Position, Url};

use super::message::cut;
use super::tls::{Tls, TlsError};
use crate::model::text::inert;

/// In which time a request has to be over.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long one address may take to answer.
const CONNECT: Duration = Duration::from_secs(8);
/// How much of a refusal is read, in bytes, and how much of it is told, in characters.
const READ: usize = 4 << 10;
const TOLD: usize = 200;
/// The largest head of a response, in bytes.
const HEAD: usize = 16 << 10;

/// A request.
pub(super) struct Post {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) content_type: &'static str,
    pub(super) authorization: Option<String>,
    /// The same over all attempts to send the same thing.
    pub(super) idempotency_key: Option<String>,
    pub(super) body: Bytes,
}

/// Why a request did not do.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    #[error("no answer within {} s", PATIENCE.as_secs())]
    Late,
    #[error("cannot resolve the name")]
    Resolve(#[source] std::io::Error),
    #[error("cannot connect")]
    Connect(#[source] std::io::Error),
    #[error(transparent)]
    Setup(#[from] TlsError),
    #[error("TLS failed")]
    Tls(#[source] std::io::Error),
    #[error("the connection broke")]
    Protocol(#[from] hyper::Error),
    #[error("the request cannot be written down: {0}")]
    Invalid(String),
    #[error("the answer is a redirect ({0}), which is not followed: write down where it leads")]
    Redirect(StatusCode),
    #[error("the answer is {status}: {text}")]
    Refused { status: StatusCode, text: String },
}

/// Sends a request; done when the other end says that it has taken it.
pub(super) async fn send(post: &Post, tls: &Tls) -> Result<(), SendError> {
    tokio::time::timeout(PATIENCE, exchange(post, tls)).await.unwrap_or(Err(SendError::Late))
}

async fn exchange(post: &Post, tls: &Tls) -> Result<(), SendError> {
    let host = post.url.host().ok_or_else(|| SendError::Invalid("the address has no host".to_owned()))?;
    let port = post.url.port_or_known_default().unwrap_or(443);
    let stream = connect(&host, port).await?;
    if post.url.scheme() == "https" {
        let name = match &host {
            Host::Domain(name) => {
                ServerName::try_from((*name).to_owned()).map_err(|error| SendError::Invalid(error.to_string()))?
            }
            Host::Ipv4(address) => ServerName::from(IpAddr::V4(*address)),
            Host::Ipv6(address) => ServerName::from(IpAddr::V6(*address)),
        };
        let stream = tls.connector()?.connect(name, stream).await.map_err(SendError::Tls)?;
        over(stream, post).await
    } else {
        over(stream, post).await
    }
}

async fn connect(host: &Host<&str>, port: u16) -> Result<TcpStream, SendError> {
    let found: Vec<SocketAddr> = match host {
        Host::Ipv4(address) => vec![(*address, port).into()],
        Host::Ipv6(address) => vec![(*address, port).into()],
        Host::Domain(name) => tokio::net::lookup_host((*name, port)).await.map_err(SendError::Resolve)?.collect(),
    };
    let mut outcome = SendError::Resolve(std::io::Error::other("the name has no address"));
    for address in found {
        match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => outcome = SendError::Connect(error),
            Err(_) => outcome = SendError::Late,
        }
    }
    Err(outcome)
}

async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, post: &Post) -> Result<(), SendError> {
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    let request = request(post)?;
    let answered = async move {
        let response = sender.send_request(request).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        if status.is_redirection() {
            return Err(SendError::Redirect(status));
        }
        let text = excerpt(response.into_body()).await;
        Err(SendError::Refused { status, text })
    };
    // The connection is driven beside what happens on it. Its end is not the answer: that may have come with it.
    let driven = async {
        let _ = connection.await;
        std::future::pending().await
    };
    tokio::select! {
        answer = answered => answer,
        () = driven => unreachable!("the driver does not come to an end"),
    }
}

fn request(post: &Post) -> Result<Request<Full<Bytes>>, SendError> {
    let invalid = |error: http::Error| SendError::Invalid(error.to_string());
    let target = &post.url[Position::BeforePath..Position::AfterQuery];
    let authority = &post.url[Position::BeforeHost..Position::BeforePath];
    let mut request = Request::builder()
        .method(post.method.clone())
        .uri(if target.is_empty() { "/" } else { target })
        .header(HOST, authority)
        .header(USER_AGENT, concat!("sandclock/", env!("CARGO_PKG_VERSION")))
        .header(CONTENT_TYPE, post.content_type);
    if let Some(key) = &post.idempotency_key {
        request = request.header("idempotency-key", key);
    }
    if let Some(authorization) = &post.authorization {
        let mut value = HeaderValue::from_str(authorization).map_err(|error| invalid(error.into()))?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    request.body(Full::new(post.body.clone())).map_err(invalid)
}

/// The beginning of a refusal, on one line.
async fn excerpt(mut body: Incoming) -> String {
    let mut read = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        if let Some(data) = frame.data_ref() {
            read.extend_from_slice(&data[..data.len().min(READ - read.len())]);
        }
        if read.len() >= READ {
            break;
        }
    }
    cut(&inert(String::from_utf8_lossy(&read).trim()).to_string(), TOLD)
}
