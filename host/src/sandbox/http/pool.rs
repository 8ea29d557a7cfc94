//! Connections that tasks keep between requests, also those of different runs.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::clock::Clock;
use crate::sandbox::bounds;
use crate::sandbox::http::connection::Connection;
use crate::sandbox::http::shelf::{Room, Shelf};

pub(super) use crate::sandbox::http::shelf::Key;

/// The idle connections of all tasks.
pub(crate) struct Pool {
    shelf: Mutex<Shelf<Connection>>,
    clock: Clock,
    put: Notify,
}

const ROOM: Room = Room {
    of_one_task: bounds::HTTP_IDLE_OF_ONE_TASK,
    of_all: bounds::HTTP_IDLE,
    idle: bounds::HTTP_IDLE_TIME,
    life: bounds::HTTP_CONNECTION_LIFE,
};

impl Pool {
    pub(super) fn new(clock: Clock) -> Self {
        Self { shelf: Mutex::new(Shelf::new(ROOM)), clock, put: Notify::new() }
    }

    /// Keeps a connection that nobody uses.
    pub(super) fn put(&self, key: Key, connection: Connection) {
        let (opened, now) = (connection.opened(), self.clock.monotonic());
        // What there is no room for is closed after the lock is released.
        let _closed = self.shelf().put(key, connection, opened, now);
        self.put.notify_one();
    }

    /// Takes a connection to an address that may be used, and that its server has not closed as far as can be seen.
    pub(super) fn take(&self, key: &Key, may_use: impl Fn(IpAddr) -> bool) -> Option<Connection> {
        std::iter::from_fn(|| self.shelf().take(key, self.clock.monotonic(), |kept| may_use(kept.peer()))).find_map(
            |mut connection| {
                connection.catch_up();
                connection.is_free().then_some(connection)
            },
        )
    }

    /// Closes connections when their time is over.
    pub(crate) async fn tend(&self) -> Infallible {
        loop {
            let next = self.shelf().next_expiry();
            match next {
                // What is put there meanwhile may have less time left.
                Some(at) => drop(tokio::time::timeout_at(at, self.put.notified()).await),
                None => self.put.notified().await,
            }
            let _closed = self.shelf().expire(self.clock.monotonic());
        }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf<Connection>> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
