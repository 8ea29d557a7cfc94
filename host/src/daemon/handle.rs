//! What the rest of the program holds of a running daemon: a way to ask it for things, and to see how it is.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::clock::Clock;
use crate::daemon::backfill::Tally;
use crate::daemon::dispatcher::Refusal;
use crate::ledger::PastSlot;
use crate::model::cause::Cause;
use crate::model::event::Event;
use crate::model::id::{RunId, TaskName};
use crate::model::pause::Pause;
use crate::model::payload::Blob;
use crate::model::run::Run;
use crate::model::slot::Slot;
use crate::model::task::Task;
use crate::model::trace::TraceContext;
use crate::observe::LedgerLatency;

/// The tasks of a daemon by name.
pub type TaskSet = BTreeMap<TaskName, Arc<Task>>;

/// A way to ask a running daemon for things. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) events: broadcast::Sender<Event>,
    pub(super) status: watch::Receiver<Status>,
    pub(super) tasks: watch::Receiver<Arc<TaskSet>>,
    pub(super) ledger_latency: Arc<LedgerLatency>,
    /// The state folder, where the ledger can be read.
    pub(super) state: Arc<Path>,
}

/// What can be asked of the daemon.
pub(super) enum Command {
    Trigger {
        task: TaskName,
        cause: Cause,
        payload: Option<Arc<Blob>>,
        trace: Option<TraceContext>,
        answer: oneshot::Sender<Result<RunId, Refusal>>,
    },
    Pause {
        task: TaskName,
        by: String,
        answer: oneshot::Sender<Result<Pause, Refusal>>,
    },
    Resume {
        task: TaskName,
        answer: oneshot::Sender<Result<Option<Pause>, Refusal>>,
    },
    /// Some slots of a backfill, each with what the ledger has of it.
    Backfill {
        task: TaskName,
        slots: Vec<(Slot, PastSlot)>,
        max_parallel: NonZeroU32,
        answer: oneshot::Sender<Result<Tally, Refusal>>,
    },
    Cancel {
        run: RunId,
        answer: oneshot::Sender<bool>,
    },
    /// The runs that are not over.
    Open {
        answer: oneshot::Sender<Vec<(Arc<Run>, bool)>>,
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
    /// It does not and will not, because the database is damaged. Nothing more is written to it.
    Damaged,
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
        self.trigger_within(task, cause, payload, None).await
    }

    /// The same as a part of a trace, say of whoever sent a `traceparent`.
    ///
    /// # Errors
    ///
    /// As [`Handle::trigger`] has.
    pub async fn trigger_within(
        &self,
        task: TaskName,
        cause: Cause,
        payload: Option<Arc<Blob>>,
        trace: Option<TraceContext>,
    ) -> Result<Result<RunId, Refusal>, Stopped> {
        self.ask(|answer| Command::Trigger { task, cause, payload, trace, answer }).await
    }

    /// The runs that are not over, each with whether an attempt of it goes on: as the daemon has decided, which observers
    /// may hear of later. For a thread that can wait.
    ///
    /// # Errors
    ///
    /// If the daemon is gone.
    pub fn open_runs_blocking(&self) -> Result<Vec<(Arc<Run>, bool)>, Stopped> {
        let (answer, answered) = oneshot::channel();
        self.commands.blocking_send(Command::Open { answer }).map_err(|_| Stopped)?;
        answered.blocking_recv().map_err(|_| Stopped)
    }

    /// Pauses a task; answers when that is in the ledger, also if it was so before.
    ///
    /// # Errors
    ///
    /// If the daemon refuses, or is gone.
    pub async fn pause(&self, task: TaskName, by: String) -> Result<Result<Pause, Refusal>, Stopped> {
        self.ask(|answer| Command::Pause { task, by, answer }).await
    }

    /// Lets a task go on; answers when that is in the ledger, with since when it was paused, if it was.
    ///
    /// # Errors
    ///
    /// If the daemon refuses, or is gone.
    pub async fn resume(&self, task: TaskName) -> Result<Result<Option<Pause>, Refusal>, Stopped> {
        self.ask(|answer| Command::Resume { task, answer }).await
    }

    /// Asks for the end of a run; answers when the request is in the ledger or with the guest. False if there is no
    /// such run, or if it is over.
    ///
    /// # Errors
    ///
    /// If the daemon is gone.
    pub async fn cancel(&self, run: RunId) -> Result<bool, Stopped> {
        self.ask(|answer| Command::Cancel { run, answer }).await
    }

    /// Sends a command and waits for the answer.
    pub(super) async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Stopped> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(command(answer)).await.map_err(|_| Stopped)?;
        answered.await.map_err(|_| Stopped)
    }

    /// What happens from now on. A receiver that falls behind loses the oldest events; the daemon never waits.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// The tasks that it runs.
    pub fn tasks(&self) -> watch::Receiver<Arc<TaskSet>> {
        self.tasks.clone()
    }

    /// How long the ledger took to make entries durable.
    pub fn ledger_latency(&self) -> Arc<LedgerLatency> {
        self.ledger_latency.clone()
    }

    /// How the daemon is.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }
}
