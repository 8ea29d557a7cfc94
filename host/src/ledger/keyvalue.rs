//! What guests ask of their key-value stores, beside a host's own entries.
//!
//! Writes queue with the entries and share their commits. Looks are answered by a thread and a connection of their own:
//! they see what is durable, and wait for no commit.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::entry::Entry;
use super::error::LedgerError;
use super::{Inner, KeyRecord, Ledger, keys, schema, stores};
use crate::model::id::TaskName;
use crate::model::key::Key;
use crate::model::keyvalue::{Found, Quota, Refused, Store, Write};

/// How many looks may wait to be answered. Each attempt waits for one at a time.
const QUEUE: usize = 1024;

/// The key-value stores of a ledger. Does not keep the ledger open.
#[derive(Debug, Clone)]
pub struct KeyValue(Weak<Inner>);

/// A write, and what came of it.
#[derive(Debug)]
pub struct StoreWrite {
    pub(super) store: Store,
    pub(super) quota: Quota,
    pub(super) write: Write,
    result: Mutex<Result<Option<i64>, Refused>>,
}

impl StoreWrite {
    /// Says what came of it; the last one to say so is right, since a group of calls may be entered twice.
    pub(super) fn settle(&self, result: Result<Option<i64>, Refused>) {
        *self.result.lock().unwrap_or_else(PoisonError::into_inner) = result;
    }

    fn result(&self) -> Result<Option<i64>, Refused> {
        *self.result.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    /// Its key-value stores.
    pub fn keyvalue(&self) -> KeyValue {
        KeyValue(Arc::downgrade(&self.0))
    }
}

impl KeyValue {
    /// Makes a write, unless it is refused, and resolves when that is as durable as the settings say. The number is that to
    /// which something was added.
    ///
    /// # Errors
    /// If the ledger cannot be written, nothing was.
    pub async fn write(
        &self,
        store: Store,
        quota: Quota,
        write: Write,
    ) -> Result<Result<Option<i64>, Refused>, LedgerError> {
        let write = Arc::new(StoreWrite { store, quota, write, result: Mutex::new(Ok(None)) });
        // The ledger is not held while its answer is waited for: the last handle to go waits for the writer.
        let appended = self.ledger()?.append(vec![Entry::Stored(Arc::clone(&write))]);
        appended.await?;
        Ok(write.result())
    }

    /// Looks at a key.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub async fn find(&self, store: Store, key: String) -> Result<Found, LedgerError> {
        self.ask(|done| Look::Key { store, key, done }).await
    }

    /// So many keys, in the order of their bytes, from the first one after the given one.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub async fn keys(&self, store: Store, after: Option<String>, limit: usize) -> Result<Vec<String>, LedgerError> {
        self.ask(|done| Look::Keys { store, after, limit, done }).await
    }

    pub(super) async fn ask<T: Send + 'static>(&self, look: impl FnOnce(Done<T>) -> Look) -> Result<T, LedgerError> {
        let (done, answer) = oneshot::channel();
        let (clock, looks) = {
            let ledger = self.ledger()?;
            (ledger.0.clock, ledger.0.looks.looks.clone().ok_or(LedgerError::Stopped)?)
        };
        let look = look(done);
        let answered = async move {
            looks.send(look).await.map_err(|_| LedgerError::Stopped)?;
            // Whoever waits here does not keep the thread from ending.
            drop(looks);
            answer.await.unwrap_or(Err(LedgerError::Stopped))
        };
        clock.outside(answered).await
    }

    fn ledger(&self) -> Result<Ledger, LedgerError> {
        self.0.upgrade().map(Ledger).ok_or(LedgerError::Stopped)
    }
}

/// Where to say what was found.
pub(super) type Done<T> = oneshot::Sender<Result<T, LedgerError>>;

/// A question.
#[derive(Debug)]
pub(super) enum Look {
    Key { store: Store, key: String, done: Done<Found> },
    Keys { store: Store, after: Option<String>, limit: usize, done: Done<Vec<String>> },
    RequestKey { task: TaskName, key: Key, done: Done<Option<KeyRecord>> },
}

/// The thread that answers looks. It is waited for when this is dropped.
#[derive(Debug)]
pub(super) struct Lookout {
    looks: Option<mpsc::Sender<Look>>,
    thread: Option<JoinHandle<()>>,
}

impl Lookout {
    /// Starts the thread. It opens the database when it is first asked.
    pub(super) fn start(state: PathBuf) -> std::io::Result<Self> {
        let (looks, queue) = mpsc::channel(QUEUE);
        let thread = thread::Builder::new().name("ledger-looks".to_owned()).spawn(move || answer(&state, queue))?;
        Ok(Self { looks: Some(looks), thread: Some(thread) })
    }
}

impl Drop for Lookout {
    fn drop(&mut self) {
        self.looks = None;
        if let Some(thread) = self.thread.take() {
            // A panic there was told to everyone who waited for it.
            let _ = thread.join();
        }
    }
}

/// Answers until nobody is left who could ask.
fn answer(state: &std::path::Path, mut looks: mpsc::Receiver<Look>) {
    let mut connection = None;
    while let Some(look) = looks.blocking_recv() {
        match look {
            Look::Key { store, key, done } => {
                tell(done, with(&mut connection, state, |it| stores::find(it, &store, &key)))
            }
            Look::Keys { store, after, limit, done } => {
                tell(done, with(&mut connection, state, |it| stores::keys(it, &store, after.as_deref(), limit)));
            }
            Look::RequestKey { task, key, done } => {
                tell(done, with(&mut connection, state, |it| keys::find(it, &task, &key)));
            }
        }
    }
}

/// Asks the database, which is opened anew after it failed.
fn with<T>(
    connection: &mut Option<Connection>,
    state: &std::path::Path,
    ask: impl FnOnce(&Connection) -> Result<T, LedgerError>,
) -> Result<T, LedgerError> {
    let open = match connection.take() {
        Some(open) => open,
        None => schema::open_reader(state)?,
    };
    let found = ask(&open)?;
    *connection = Some(open);
    Ok(found)
}

fn tell<T>(done: Done<T>, found: Result<T, LedgerError>) {
    // Whoever asked may have stopped waiting.
    let _ = done.send(found);
}
