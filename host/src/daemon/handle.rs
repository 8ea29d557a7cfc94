//! What the rest of the program holds of a running daemon: a way to ask it for things, and to see how it is.

use std::sync::Arc;

use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::clock::Clock;
use crate::daemon::dispatcher::Refusal;
use crate::model::cause::Cause;
use crate::model::event::Event;
use crate::model::id::{RunId, TaskName};
use crate::model::payload::Blob;

/// A way to ask a running daemon for things. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) events: broadcast::Sender<Event>,
    pub(super) status: watch::Receiver<Status>,
}

/// What can be asked of the daemon.
pub(super) enum Command {
    Trigger {
        task: TaskName,
        cause: Cause,
        payload: Option<Arc<Blob>>,
        answer: oneshot::Sender<Result<RunId, Refusal>>,
    },
    Cancel {
        run: RunId,
        answer: oneshot::Sender<bool>,
    },
    Drain,
    Cut,
}

/// How the daemon is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Status {
    /// When the firing loop last turned. It turns at least once a second.
    pub turned_at: Instant,
    /// Attempts that go on.
    pub running: usize,
    /// Runs that wait for their turn, their plugin or their next attempt.
    pub waiting: usize,
    /// Whether the ledger takes entries.
    pub ledger: LedgerHealth,
}

impl Status {
    /// How a daemon is that has just been started.
    pub(super) fn new(clock: &Clock) -> Self {
        Self { turned_at: clock.monotonic(), running: 0, waiting: 0, ledger: LedgerHealth::Writable }
    }
}

/// Whether the ledger takes entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerHealth {
    /// It does.
    Writable,
    /// It does not; nothing is admitted until it does.
    Failing,
}

/// The daemon is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the daemon has stopped")]
pub struct Stopped;

impl Handle {
    /// Asks for a run of a task; answers when it is in the ledger.
    ///
    /// # Errors
    ///
    /// If the daemon refuses, or is gone.
    pub async fn trigger(
        &self,
        task: TaskName,
        cause: Cause,
        payload: Option<Arc<Blob>>,
    ) -> Result<Result<RunId, Refusal>, Stopped> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(Command::Trigger { task, cause, payload, answer }).await.map_err(|_| Stopped)?;
        answered.await.map_err(|_| Stopped)
    }

    /// Asks for the end of a run; answers when the request is in the ledger or with the guest. False if there is no
    /// such run, or if it is over.
    ///
    /// # Errors
    ///
    /// If the daemon is gone.
    pub async fn cancel(&self, run: RunId) -> Result<bool, Stopped> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(Command::Cancel { run, answer }).await.map_err(|_| Stopped)?;
        answered.await.map_err(|_| Stopped)
    }

    /// What happens from now on. A receiver that falls behind loses the oldest events; the daemon never waits.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// How the daemon is.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }
}
