//! Bodies on their way through the host: counted, capped and timed.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Empty};
use tokio::time::Sleep;
use wasmtime_wasi_http::{Error, WasiBody};

use crate::clock::Clock;
use crate::sandbox::http::SendError;
use crate::sandbox::http::audit::Audit;
use crate::sandbox::http::lease::Lease;

/// Why a request's body has no end.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    #[error("it is larger than allowed")]
    OverLimit,
    #[error(transparent)]
    BrokenOff(Error),
}

/// A request's body: fails when the guest has written more than allowed, and tells the request's account why it fails. It
/// may be all that knows: once there is a response, the connection just breaks.
pub(super) struct RequestBody {
    pub(super) inner: WasiBody,
    pub(super) limit: u64,
    pub(super) left: u64,
    pub(super) audit: Arc<Audit>,
}

impl RequestBody {
    /// A body without a byte, on the same account.
    pub(super) fn empty(&self) -> Self {
        let inner = Empty::new().map_err(|never| match never {}).boxed_unsync();
        Self { inner, limit: self.limit, left: self.left, audit: Arc::clone(&self.audit) }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = match std::task::ready!(Pin::new(&mut self.inner).poll_frame(context)) {
            None => return Poll::Ready(None),
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                self.audit.failed(&SendError::BrokenOff(error.to_string()));
                return Poll::Ready(Some(Err(BodyError::BrokenOff(error))));
            }
        };
        if let Some(data) = frame.data_ref() {
            let Some(left) = self.left.checked_sub(data.remaining() as u64) else {
                self.audit.failed(&SendError::RequestTooLarge { limit: self.limit });
                return Poll::Ready(Some(Err(BodyError::OverLimit)));
            };
            self.left = left;
            self.audit.sent(data.remaining());
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A response's body: fails when the server sends more than allowed, nothing for too long, or for too long in all. It
/// gives the connection back at its end.
pub(super) struct ResponseBody {
    pub(super) inner: hyper::body::Incoming,
    pub(super) limit: u64,
    pub(super) left: u64,
    pub(super) silence: Duration,
    pub(super) patience: Pin<Box<Sleep>>,
    pub(super) over: Pin<Box<Sleep>>,
    pub(super) clock: Clock,
    pub(super) audit: Arc<Audit>,
    pub(super) lease: Arc<Lease>,
}

impl ResponseBody {
    fn fail(&self, error: SendError) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.audit.failed(&error);
        self.lease.close();
        Poll::Ready(Some(Err(error.into())))
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.over.as_mut().poll(context).is_ready() {
            return self.fail(SendError::OutOfTime);
        }
        let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(context) else {
            std::task::ready!(self.patience.as_mut().poll(context));
            return self.fail(SendError::Silence);
        };
        let silent_until = self.clock.monotonic() + self.silence;
        self.patience.as_mut().reset(silent_until);
        match frame {
            None => {
                self.lease.read_to_the_end();
                Poll::Ready(None)
            }
            Some(Err(error)) => self.fail(SendError::Protocol(error)),
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                self.audit.received(length);
                match self.left.checked_sub(length as u64) {
                    Some(left) => self.left = left,
                    None => return self.fail(SendError::ResponseTooLarge { limit: self.limit }),
                }
                if frame.is_trailers() || self.inner.is_end_stream() {
                    self.lease.read_to_the_end();
                }
                Poll::Ready(Some(Ok(frame)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        self.lease.put_away();
    }
}
