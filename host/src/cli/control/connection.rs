//! A connection to a host, on which one thing after the other is asked.

use std::future::poll_fn;
use std::io;
use std::path::Path;
use std::pin::{Pin, pin};
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::events::Events;
use super::reach::Distant;
use super::{Asked, refusal, tls, understood};
use crate::api::control::connect;

/// How long a host elsewhere has to take a connection, TLS included.
const CONNECT: Duration = Duration::from_secs(10);

/// A connection to a host.
pub(in crate::cli) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: Driver,
    /// Whom the requests name as the host.
    authority: HeaderValue,
    /// What stands before each path.
    prefix: String,
    authorization: Option<HeaderValue>,
}

/// What moves the bytes. It is polled while something over the connection is waited for, and only then.
pub(super) struct Driver(Option<Pin<Box<dyn Future<Output = hyper::Result<()>>>>>);

impl Driver {
    /// Waits for something that comes over the connection.
    pub(super) async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|context| {
            // How it ended is told to whoever waits for something of it.
            if self.0.as_mut().is_some_and(|connection| connection.as_mut().poll(context).is_ready()) {
                self.0 = None;
            }
            work.as_mut().poll(context)
        })
        .await
    }
}

/// What a connection runs over.
trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

impl Connection {
    /// Connects to the host of a state folder; none if there is none.
    pub(super) async fn here(state: &Path) -> anyhow::Result<Option<Self>> {
        let stream = connect(state).await.context("cannot reach the host over its control socket")?;
        let Some(stream) = stream else { return Ok(None) };
        let authority = HeaderValue::from_static("sandclock");
        Ok(Some(Self::over(Box::new(stream), authority, String::new(), None).await?))
    }

    /// Connects to a host elsewhere.
    pub(super) async fn there(distant: &Distant) -> anyhow::Result<Self> {
        let opened = async {
            let stream = TcpStream::connect((distant.host(), distant.port())).await?;
            stream.set_nodelay(true)?;
            let stream: Box<dyn Stream> = match distant.tls() {
                true => Box::new(tls::connect(distant.host(), distant.roots(), stream).await?),
                false => Box::new(stream),
            };
            anyhow::Ok(stream)
        };
        let Ok(stream) = timeout(CONNECT, opened).await else { bail!(io::Error::from(io::ErrorKind::TimedOut)) };
        let (authority, prefix) = (distant.authority()?, distant.prefix().to_owned());
        Self::over(stream?, authority, prefix, distant.authorization()).await
    }

    async fn over(
        stream: Box<dyn Stream>,
        authority: HeaderValue,
        prefix: String,
        authorization: Option<HeaderValue>,
    ) -> anyhow::Result<Self> {
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        let driver = Driver(Some(Box::pin(connection)));
        Ok(Self { sender, driver, authority, prefix, authorization })
    }

    /// Asks for something and returns the answer.
    pub(in crate::cli) async fn ask(&mut self, asked: Asked) -> anyhow::Result<Value> {
        let patience = asked.patience;
        let exchanged = async {
            let response = self.send(asked).await?;
            let status = response.status();
            let body = self.driver.during(response.into_body().collect()).await?.to_bytes();
            if !status.is_success() {
                return Err(refusal(status, &body));
            }
            understood(&body)
        };
        match timeout(patience, exchanged).await {
            Ok(answer) => answer,
            Err(_) => bail!("the host does not answer"),
        }
    }

    /// Asks for events, and returns them as they come.
    pub(in crate::cli) async fn follow(mut self, asked: Asked) -> anyhow::Result<Events> {
        let patience = asked.patience;
        let response = match timeout(patience, self.send(asked)).await {
            Ok(response) => response?,
            Err(_) => bail!("the host does not answer"),
        };
        let status = response.status();
        if !status.is_success() {
            let body = self.driver.during(response.into_body().collect()).await?.to_bytes();
            return Err(refusal(status, &body));
        }
        Ok(Events::new(self.sender, self.driver, response.into_body()))
    }

    async fn send(&mut self, asked: Asked) -> anyhow::Result<Response<Incoming>> {
        let uri = format!("{}{}", self.prefix, asked.path);
        let mut request = Request::builder().method(asked.method).uri(uri).header(HOST, self.authority.clone());
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        for (name, value) in asked.headers {
            request = request.header(name, value);
        }
        let mut bytes = Bytes::new();
        if let Some(body) = asked.body {
            request = request.header(CONTENT_TYPE, body.content_type);
            bytes = body.bytes.into();
        }
        let request = request.body(Full::new(bytes)).context("this cannot be asked for over HTTP")?;
        let sent = async {
            self.sender.ready().await?;
            self.sender.send_request(request).await
        };
        self.driver.during(sent).await.map_err(|error: hyper::Error| {
            let is_parse = error.is_parse();
            anyhow::Error::new(error).context(match is_parse {
                true => "what answers does not speak HTTP; if it speaks TLS, the address begins with https",
                false => "the connection to the host broke off",
            })
        })
    }
}
