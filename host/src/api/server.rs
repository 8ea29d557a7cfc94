//! Connections: how many there may be, and how long each may take over what.
//!
//! HTTP/1.1 with keep-alive. Whoever is slow to send, or to take what it asked for, is cut off, so that it holds no place
//! that others need; whoever comes when all places are taken is told so and cut off at once.

use std::convert::Infallible;
use std::future::{poll_fn, ready};
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Sleep;
use tokio_rustls::server::TlsStream;

use super::guard::Tls;
use crate::model::cause::Cause;

/// How many connections there may be over TCP.
const MOST_CONNECTIONS: usize = 1024;
/// How many there may be over the control socket.
const MOST_CONTROL_CONNECTIONS: usize = 128;
/// How long a request's head may take to arrive, and how long a connection may lie idle.
const HEAD_TIME: Duration = Duration::from_secs(30);
/// How long a client may take none of what it asked for.
const WRITE_TIME: Duration = Duration::from_secs(30);
/// The most bytes of a request's head, and of what is read at once.
const MOST_HEAD: usize = 16 << 10;
/// The most headers of a request.
const MOST_HEADERS: usize = 64;
/// How long to wait before the next connection is accepted after that failed, for want of descriptors say.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Who is at the other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The user, if it came over the control socket and the kernel says.
    pub uid: Option<u32>,
    /// The address, if it came over the network.
    pub address: Option<IpAddr>,
    /// How it came here.
    pub door: Door,
}

/// How a request came here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Over the control socket: it is the host's user.
    Control,
    /// Over the network.
    Network,
}

impl Door {
    /// Why a run exists that is asked for here.
    pub fn cause(self) -> Cause {
        match self {
            Door::Control => Cause::Manual,
            Door::Network => Cause::Http,
        }
    }

    fn most_connections(self) -> usize {
        match self {
            Door::Control => MOST_CONTROL_CONNECTIONS,
            Door::Network => MOST_CONNECTIONS,
        }
    }
}

/// Where connections come from.
pub(super) trait Listener {
    /// A connection as it comes.
    type Raw: AsyncRead + AsyncWrite + Send + Unpin + 'static;
    /// What is spoken over it.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    fn accept(&self) -> impl Future<Output = io::Result<(Self::Raw, Peer)>> + Send;

    /// Agrees with the other end on how to speak, within a time.
    fn agree(&self, raw: Self::Raw) -> impl Future<Output = io::Result<Self::Stream>> + Send + 'static;

    fn door(&self) -> Door;
}

impl Listener for TcpListener {
    type Raw = TcpStream;
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, Peer)> {
        let (stream, address) = self.accept().await?;
        // Answers are small and whole: to wait for more to send would only make them late.
        stream.set_nodelay(true)?;
        Ok((stream, Peer { uid: None, address: Some(address.ip()), door: Door::Network }))
    }

    fn agree(&self, raw: TcpStream) -> impl Future<Output = io::Result<TcpStream>> + Send + 'static {
        ready(Ok(raw))
    }

    fn door(&self) -> Door {
        Door::Network
    }
}

/// The same over TLS.
pub(super) struct TlsListener(pub(super) TcpListener, pub(super) Arc<Tls>);

impl Listener for TlsListener {
    type Raw = TcpStream;
    type Stream = TlsStream<TcpStream>;

    async fn accept(&self) -> io::Result<(TcpStream, Peer)> {
        Listener::accept(&self.0).await
    }

    fn agree(&self, raw: TcpStream) -> impl Future<Output = io::Result<TlsStream<TcpStream>>> + Send + 'static {
        let tls = self.1.clone();
        async move { tls.accept(raw).await }
    }

    fn door(&self) -> Door {
        Door::Network
    }
}

/// Answers connections for as long as it is polled. They end with the set of tasks that this is a part of.
///
/// The set is one task for its runtime, so whoever answers many of them at once from another thread wakes this one once: of
/// tasks of the runtime's own, each would be a write to the kernel.
pub(super) async fn serve(listener: impl Listener, routes: Router) -> Infallible {
    let places = Arc::new(Semaphore::new(listener.door().most_connections()));
    loop {
        let (mut stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!("a connection could not be accepted: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        match places.clone().try_acquire_owned() {
            Ok(place) => {
                let (routes, peer, agreed) = (routes.clone(), Arc::new(peer), listener.agree(stream));
                tokio::task::spawn_local(async move {
                    // What a client does wrong is its own concern.
                    match agreed.await {
                        Ok(stream) => {
                            if let Err(error) = connection(stream, routes, peer).await {
                                tracing::trace!("a connection ended: {error}");
                            }
                        }
                        Err(error) => tracing::trace!("a connection came to nothing: {error}"),
                    }
                    drop(place);
                });
            }
            Err(_) => {
                // It goes into the buffer of the fresh connection, or not at all: nobody waits for it.
                let full = poll_fn(|context| Poll::Ready(Pin::new(&mut stream).poll_write(context, FULL)));
                let _ = full.await;
                let _ = poll_fn(|context| Poll::Ready(Pin::new(&mut stream).poll_shutdown(context))).await;
            }
        }
    }
}

/// What is said when all places are taken.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nconnection: close\r\n\
retry-after: 1\r\ncontent-length: 180\r\n\r\n\
{\"type\":\"urn:sandclock:problem:busy\",\"title\":\"too many requests at once\",\"status\":503,\
\"detail\":\"there are as many connections as there may be; ask again in a moment\",\"code\":\"busy\"}";

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    routes: Router,
    peer: Arc<Peer>,
) -> hyper::Result<()> {
    let routes = TowerToHyperService::new(routes);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        routes.call(request.map(Body::new))
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_headers(MOST_HEADERS)
        .max_buf_size(MOST_HEAD)
        .serve_connection(TokioIo::new(Impatient { stream, stalled: None }), service)
        .await
}

/// A stream that fails when nothing was taken of what is written to it for too long.
struct Impatient<S> {
    stream: S,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Impatient<S> {
    /// Lets a write that waits wait for only so long.
    fn bounded<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(WRITE_TIME)));
        stalled.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Impatient<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Impatient<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.bounded(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.bounded(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.bounded(context, shut)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.bounded(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// The other end of a connection that is served these routes.
    fn served(buffer: usize) -> tokio::io::DuplexStream {
        let routes = Router::new()
            .route("/", axum::routing::get(|| async { "hello" }))
            .route("/much", axum::routing::get(|| async { vec![b'x'; 1 << 20] }));
        let (ours, theirs) = tokio::io::duplex(buffer);
        let peer = Peer { uid: None, address: None, door: Door::Control };
        tokio::runtime::Handle::current().spawn(connection(theirs, routes, Arc::new(peer)));
        ours
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_sends_nothing_or_too_much_or_takes_nothing_is_cut_off() {
        let mut answer = String::new();
        for (sent, expected) in [
            (String::new(), ""),
            ("GET / HTT".to_owned(), ""),
            (format!("GET / HTTP/1.1\r\nhost: a\r\nlong: {}\r\n\r\n", "x".repeat(MOST_HEAD)), "HTTP/1.1 431"),
            (format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MOST_HEADERS + 1)), "HTTP/1.1 431"),
            ("GET / HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(), "HTTP/1.1 200"),
        ] {
            let mut stream = served(1 << 20);
            stream.write_all(sent.as_bytes()).await.unwrap();
            answer.clear();
            // The end comes because the time is up: it is simulated, and nobody closes this end.
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with(expected) && answer.is_empty() == expected.is_empty(), "{answer}");
        }
        let mut stream = served(1024);
        stream.write_all(b"GET /much HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        tokio::time::sleep(WRITE_TIME * 2).await;
        let mut taken = Vec::new();
        // The stream breaks off in the midst of it.
        let _ = stream.read_to_end(&mut taken).await;
        assert!(taken.len() <= 2048, "{}", taken.len());
    }

    #[test]
    fn what_is_said_when_all_is_full_is_a_problem_document() {
        let text = std::str::from_utf8(FULL).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("content-length: {}", body.len())), "{}", body.len());
        let problem: crate::api::Problem = serde_json::from_str(body).unwrap();
        assert_eq!((problem.status, problem.code.as_str()), (503, "busy"));
    }
}
