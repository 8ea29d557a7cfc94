//! A step on its way into the ledger, which can be looked at until it has arrived.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::Pending;
use crate::daemon::step::Step;
use crate::ledger::LedgerError;

/// A step on its way.
pub(super) struct Recording {
    /// None once it has arrived.
    pending: Option<Pending>,
    since: Instant,
    append: BoxFuture<'static, Result<(), LedgerError>>,
}

/// A step that has arrived, or has not.
pub(super) struct Recorded {
    pub(super) pending: Pending,
    /// When it was handed to the ledger.
    pub(super) since: Instant,
    pub(super) result: Result<(), LedgerError>,
}

impl Recording {
    pub(super) fn new(
        pending: Pending,
        since: Instant,
        append: impl Future<Output = Result<(), LedgerError>> + Send + 'static,
    ) -> Self {
        Self { pending: Some(pending), since, append: append.boxed() }
    }

    /// The step, unless it has arrived.
    pub(super) fn step(&self) -> Option<&Step> {
        self.pending.as_ref().map(|pending| &pending.step)
    }
}

impl Future for Recording {
    type Output = Recorded;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Recorded> {
        let result = ready!(self.append.poll_unpin(context));
        match self.pending.take() {
            Some(pending) => Poll::Ready(Recorded { pending, since: self.since, result }),
            // Nobody polls what is over.
            None => Poll::Pending,
        }
    }
}
