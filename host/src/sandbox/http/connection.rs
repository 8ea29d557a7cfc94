//! A connection to a server: open, and then in use by one request at a time.
//!
//! Nothing polls a connection that nobody uses. Whether its server has closed it meanwhile shows when it is asked for
//! the next request.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::sandbox::bounds;
use crate::sandbox::http::body::RequestBody;

/// A connection, over TLS or not, to an address that has been checked.
pub(super) struct Connection {
    sender: http1::SendRequest<RequestBody>,
    /// What moves its bytes. None once it has ended, and the connection with it.
    driver: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    peer: IpAddr,
    opened: Instant,
}

/// Why there is no response.
pub(super) enum Unanswered {
    /// Not a byte of the request was written.
    Unsent(Box<Request<RequestBody>>),
    /// It may have been written.
    Broken(hyper::Error),
    /// Nothing came in time.
    TooLate,
}

impl Connection {
    /// A connection over a stream that is open.
    pub(super) async fn over(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: IpAddr,
        opened: Instant,
        head_limit: usize,
    ) -> Result<Self, hyper::Error> {
        let mut builder = http1::Builder::new();
        builder.max_buf_size(head_limit).max_headers(bounds::HTTP_RESPONSE_HEADERS_READ);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
        // What goes wrong with a connection shows in the response or the body that it carries.
        let driver = Box::pin(async move { drop(connection.await) });
        Ok(Self { sender, driver: Some(driver), peer, opened })
    }

    /// The address at its other end.
    pub(super) fn peer(&self) -> IpAddr {
        self.peer
    }

    /// When it was opened.
    pub(super) fn opened(&self) -> Instant {
        self.opened
    }

    /// Moves bytes.
    pub(super) fn drive(&mut self, context: &mut Context<'_>) {
        if let Some(driver) = &mut self.driver
            && driver.as_mut().poll(context).is_ready()
        {
            self.driver = None;
        }
    }

    /// Takes note of what has come while nobody looked: the end of the connection, above all.
    pub(super) fn catch_up(&mut self) {
        self.drive(&mut Context::from_waker(Waker::noop()));
    }

    /// Whether it has ended.
    pub(super) fn is_closed(&self) -> bool {
        self.driver.is_none()
    }

    /// Whether it can take a request: the last one and its response are over, both bodies included.
    pub(super) fn is_free(&self) -> bool {
        !self.is_closed() && self.sender.is_ready()
    }

    /// Sends a request, and awaits the response's head.
    pub(super) async fn exchange(
        &mut self,
        request: Request<RequestBody>,
        patience: Duration,
    ) -> Result<Response<Incoming>, Unanswered> {
        let sending = self.sender.try_send_request(request);
        tokio::select! {
            biased;
            response = sending => response.map_err(|mut error| match error.take_message() {
                Some(request) => Unanswered::Unsent(Box::new(request)),
                None => Unanswered::Broken(error.into_error()),
            }),
            () = tokio::time::sleep(patience) => Err(Unanswered::TooLate),
            // The connection's own end is not the end of the matter: the response may have arrived with it.
            never = self.driven() => match never {},
        }
    }

    async fn driven(&mut self) -> Infallible {
        poll_fn(|context| {
            self.drive(context);
            Poll::Pending
        })
        .await
    }
}
