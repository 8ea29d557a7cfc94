//! A connection in use: by the work that moves its bytes, and by the body of the response that it carries.
//!
//! It goes back into the pool when the response has been read to its end and the request was written to its end, and is
//! closed in every other case. Until either happens it holds its request's place among those in flight, and the request's
//! account stays open: what is still sent after the answer belongs to it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};

use crate::sandbox::http::audit::Audit;
use crate::sandbox::http::connection::Connection;
use crate::sandbox::http::pool::Key;
use crate::sandbox::http::{Network, SendError};

/// A connection that a request has for itself.
pub(super) struct Lease {
    audit: Arc<Audit>,
    state: Mutex<State>,
}

struct State {
    /// None once the connection has been given back or closed.
    held: Option<Held>,
    read: Read,
}

/// What is held until the connection is given back or closed.
struct Held {
    connection: Connection,
    network: Arc<Network>,
    key: Key,
    /// When the request has no time left. The response's body knows as well, but nobody may read it.
    over: Pin<Box<Sleep>>,
    /// Whoever waits for the work to be over.
    waiting: Waker,
    _permit: OwnedSemaphorePermit,
}

/// How far the response has been read.
#[derive(Clone, Copy, PartialEq)]
enum Read {
    Partly,
    /// And nobody will read the rest.
    PutAway,
    ToItsEnd,
}

impl Lease {
    /// A lease of a connection that carries a response, for until then.
    pub(super) fn new(
        connection: Connection,
        network: Arc<Network>,
        key: Key,
        until: Instant,
        audit: Arc<Audit>,
        permit: OwnedSemaphorePermit,
    ) -> Arc<Self> {
        let (over, waiting) = (Box::pin(tokio::time::sleep_until(until)), Waker::noop().clone());
        let held = Some(Held { connection, network, key, over, waiting, _permit: permit });
        Arc::new(Self { audit, state: Mutex::new(State { held, read: Read::Partly }) })
    }

    /// The response has been read to its end.
    pub(super) fn read_to_the_end(&self) {
        let mut state = self.state();
        state.read = Read::ToItsEnd;
        let Some(held) = state.held.as_mut() else { return self.settle(state) };
        held.connection.catch_up();
        if held.connection.is_free() {
            return self.give_back(state);
        }
        // Bytes of the request's body are still to go. To catch up took the place of the waker of whoever moves them.
        let waiting = held.waiting.clone();
        drop(state);
        waiting.wake();
    }

    /// The response is put away. Unless it was read to its end, the connection is of no more use.
    pub(super) fn put_away(&self) {
        let mut state = self.state();
        if state.read == Read::Partly {
            state.read = Read::PutAway;
            self.end(state);
        }
    }

    /// Closes the connection, if it has not been given back.
    pub(super) fn close(&self) {
        self.end(self.state());
    }

    /// Closes the connection, if it has not been given back, for its attempt has ended.
    pub(super) fn cut_off(&self) {
        if self.state().read == Read::Partly {
            self.audit.cut_off();
        }
        self.close();
    }

    fn poll_work(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        let State { held, read } = &mut *state;
        let Some(held) = held else { return Poll::Ready(()) };
        held.connection.drive(context);
        if held.connection.is_closed() {
            self.end(state);
            return Poll::Ready(());
        }
        if *read == Read::ToItsEnd && held.connection.is_free() {
            self.give_back(state);
            return Poll::Ready(());
        }
        if held.over.as_mut().poll(context).is_ready() {
            self.audit.failed(&SendError::OutOfTime);
            self.end(state);
            return Poll::Ready(());
        }
        held.waiting.clone_from(context.waker());
        Poll::Pending
    }

    fn end(&self, mut state: MutexGuard<'_, State>) {
        let held = state.held.take();
        self.settle(state);
        // What it carries may be another connection's body, which locks its own state.
        if let Some(held) = held {
            held.waiting.wake_by_ref();
        }
    }

    fn give_back(&self, mut state: MutexGuard<'_, State>) {
        let held = state.held.take();
        self.settle(state);
        if let Some(Held { connection, network, key, waiting, .. }) = held {
            network.pool.put(key, connection);
            waiting.wake();
        }
    }

    /// Closes the request's account once neither of its bodies moves any more. A response may have come whole before its
    /// connection ended, so that alone is not the end.
    fn settle(&self, state: MutexGuard<'_, State>) {
        let is_held = state.held.is_some();
        let read = state.read;
        drop(state);
        match read {
            Read::PutAway if !is_held => self.audit.put_away(),
            Read::ToItsEnd if !is_held => self.audit.done(),
            Read::Partly | Read::PutAway | Read::ToItsEnd => {}
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
