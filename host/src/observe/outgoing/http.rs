//! One request: sent, and its answer read as far as it is of interest.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use url::{Position, Url};

use super::dial::{Dialled, dial};
use super::tls::TlsError;
use super::{Way, proxied};
use crate::model::text::{cut, inert};

/// In which time a request has to be over.
const PATIENCE: Duration = Duration::from_secs(20);
/// How much of a refusal is read, in bytes, and how much of it is told, in characters.
const READ: usize = 4 << 10;
const TOLD: usize = 200;
/// The largest head of a response, in bytes.
pub(super) const HEAD: usize = 16 << 10;
/// Who asks.
pub(super) const AGENT: &str = concat!("sandclock/", env!("CARGO_PKG_VERSION"));

/// A request.
pub(in crate::observe) struct Post {
    pub(in crate::observe) url: Url,
    pub(in crate::observe) content_type: &'static str,
    /// Further headers.
    pub(in crate::observe) headers: HeaderMap,
    pub(in crate::observe) body: Bytes,
    /// The longest answer that is of interest, in bytes; of 0 none is read.
    pub(in crate::observe) most_answer: usize,
}

/// Why a request did not do.
#[derive(Debug, thiserror::Error)]
pub(in crate::observe) enum SendError {
    #[error("no answer within {} s", PATIENCE.as_secs())]
    Late,
    #[error("cannot resolve the name")]
    Resolve(#[source] std::io::Error),
    #[error("cannot connect")]
    Connect(#[source] std::io::Error),
    #[error("cannot connect to the proxy")]
    Proxy(#[source] std::io::Error),
    #[error("the proxy wants to know who asks, or does not believe it: see `host.proxy.user`")]
    Unknown,
    #[error("the proxy opens no tunnel: its answer is {0}")]
    NoTunnel(StatusCode),
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
    #[error("the answer cannot be read: {0}")]
    Answer(String),
}

impl From<http::Error> for SendError {
    fn from(error: http::Error) -> Self {
        SendError::Invalid(error.to_string())
    }
}

/// Sends a request; done when the other end says that it has taken it. Returns what it answered.
pub(in crate::observe) async fn send(post: &Post, way: &Way) -> Result<Bytes, SendError> {
    tokio::time::timeout(PATIENCE, exchange(post, way)).await.unwrap_or(Err(SendError::Late))
}

async fn exchange(post: &Post, way: &Way) -> Result<Bytes, SendError> {
    let Dialled { stream, handed_to } = dial(&post.url, way).await?;
    let mut request = request(post, if handed_to.is_some() { Form::Whole } else { Form::Path })?;
    if let Some(authorization) = handed_to.and_then(proxied::authorization) {
        request.headers_mut().insert(PROXY_AUTHORIZATION, authorization);
    }
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    let most = post.most_answer;
    beside(connection, async move {
        let response = sender.send_request(request).await?;
        let status = response.status();
        if status.is_success() {
            return if most == 0 { Ok(Bytes::new()) } else { whole(response.into_body(), most).await };
        }
        match (status, handed_to) {
            (status, _) if status.is_redirection() => Err(SendError::Redirect(status)),
            (StatusCode::PROXY_AUTHENTICATION_REQUIRED, Some(_)) => Err(SendError::Unknown),
            _ => Err(SendError::Refused { status, text: excerpt(response.into_body()).await }),
        }
    })
    .await
}

/// Does something on a connection, which is driven beside it. The connection's end is not that of the work: what there is to
/// read may have come with it.
pub(super) async fn beside<T>(
    connection: impl Future<Output = Result<(), hyper::Error>>,
    work: impl Future<Output = Result<T, SendError>>,
) -> Result<T, SendError> {
    let driven = async {
        let _ = connection.await;
        std::future::pending().await
    };
    tokio::select! {
        worked = work => worked,
        () = driven => unreachable!("the driver does not come to an end"),
    }
}

/// What the first line of a request names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The path, to the host itself.
    Path,
    /// The whole address, to a proxy.
    Whole,
}

fn request(post: &Post, form: Form) -> Result<Request<Full<Bytes>>, SendError> {
    let target = match form {
        Form::Path => &post.url[Position::BeforePath..Position::AfterQuery],
        Form::Whole => &post.url[..Position::AfterQuery],
    };
    let mut request = Request::post(if target.is_empty() { "/" } else { target }).body(Full::new(post.body.clone()))?;
    let authority = &post.url[Position::BeforeHost..Position::BeforePath];
    let authority = HeaderValue::from_str(authority).map_err(http::Error::from)?;
    let headers = request.headers_mut();
    headers.extend(post.headers.clone());
    headers.insert(HOST, authority);
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(post.content_type));
    Ok(request)
}

async fn whole(body: Incoming, most: usize) -> Result<Bytes, SendError> {
    let read = Limited::new(body, most).collect().await;
    Ok(read.map_err(|error| SendError::Answer(error.to_string()))?.to_bytes())
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
