//! A connection in use: by the work that moves its bytes, and by the body of the response that it carries.
//!
//! It goes back into the pool when the response has been read to its end and the request was written to its end, and is
//! closed in every other case. Until either happens it holds its request's place among those in flight.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::OwnedSemaphorePermit;

use crate::sandbox::http::Network;
use crate::sandbox::http::connection::Connection;
use crate::sandbox::http::pool::Key;

/// A connection that a request has for itself.
pub(super) struct Lease(Mutex<Option<Held>>);

/// What is held until the connection is given back or closed.
struct Held {
    connection: Connection,
    network: Arc<Network>,
    key: Key,
    read: Read,
    /// Whoever waits for the work to be over.
    waiting: Waker,
    _permit: OwnedSemaphorePermit,
}

/// How far the response has been read.
#[derive(PartialEq)]
enum Read {
    Partly,
    ToItsEnd,
}

impl Lease {
    /// A lease of a connection that carries a response.
    pub(super) fn new(
        connection: Connection,
        network: Arc<Network>,
        key: Key,
        permit: OwnedSemaphorePermit,
    ) -> Arc<Self> {
        let waiting = Waker::noop().clone();
        Arc::new(Self(Mutex::new(Some(Held {
            connection,
            network,
            key,
            read: Read::Partly,
            waiting,
            _permit: permit,
        }))))
    }

    /// The response has been read to its end.
    pub(super) fn read_to_the_end(&self) {
        let mut slot = self.slot();
        let Some(held) = slot.as_mut() else { return };
        held.read = Read::ToItsEnd;
        held.connection.catch_up();
        if held.connection.is_free() {
            return give_back(slot);
        }
        // Bytes of the request's body are still to go. To catch up took the place of the waker of whoever moves them.
        let waiting = held.waiting.clone();
        drop(slot);
        waiting.wake();
    }

    /// The response is put away. Unless it was read to its end, the connection is of no more use.
    pub(super) fn put_away(&self) {
        if self.slot().as_ref().is_some_and(|held| held.read == Read::Partly) {
            self.close();
        }
    }

    /// Closes the connection, if it has not been given back.
    pub(super) fn close(&self) {
        let held = self.slot().take();
        if let Some(held) = held {
            held.waiting.wake_by_ref();
        }
    }

    fn poll_work(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut slot = self.slot();
        let Some(held) = slot.as_mut() else { return Poll::Ready(()) };
        held.connection.drive(context);
        if held.connection.is_closed() {
            let closed = slot.take();
            drop(slot);
            // What it carries may be another connection's body, which locks its own slot.
            drop(closed);
            return Poll::Ready(());
        }
        if held.read == Read::ToItsEnd && held.connection.is_free() {
            give_back(slot);
            return Poll::Ready(());
        }
        held.waiting.clone_from(context.waker());
        Poll::Pending
    }

    fn slot(&self) -> MutexGuard<'_, Option<Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn give_back(mut slot: MutexGuard<'_, Option<Held>>) {
    let held = slot.take();
    drop(slot);
    if let Some(Held { connection, network, key, waiting, .. }) = held {
        network.pool.put(key, connection);
        waiting.wake();
    }
}

/// The work of a leased connection: has to be polled while either body is in use. It closes the connection when it is
/// dropped before its end.
pub(crate) struct Work(pub(super) Arc<Lease>);

impl Future for Work {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.poll_work(context)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.0.close();
    }
}
