//! What the rest of the program holds of a running daemon: a way to ask it for things, and to see how it is.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::clock::Clock;
use crate::daemon::asked::{End, TriggerRequest, Triggered};
use crate::daemon::backfill::Tally;
use crate::daemon::dispatcher::{PastRun, Refusal};
use crate::daemon::reload::{ReloadError, ReloadMode, ReloadState, Request, Swap};
use crate::daemon::standing::PluginSet;
use crate::ledger::{Access, PastSlot};
use crate::model::audit::Change;
use crate::model::event::Event;
use crate::model::id::{RunId, TaskName};
use crate::model::pause::Pause;
use crate::model::plan::Plan;
use crate::model::run::Run;
use crate::model::slot::Slot;
use crate::model::task::Task;
use crate::model::taskset::TaskSet;
use crate::observe::{AlertSettings, LedgerLatency};
use crate::sandbox::{Following, Sandbox, Whom};

/// A way to ask a running daemon for things. Cheap to clone: the API does so for every request.
#[derive(Clone)]
pub struct Handle {
    pub(super) links: Arc<Links>,
    /// What is asked for through this, for the audit log; none if nobody asks but the host itself.
    pub(super) change: Option<Arc<Change>>,
}

/// What a handle leads to.
pub(super) struct Links {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) events: broadcast::Sender<Event>,
    pub(super) status: watch::Receiver<Status>,
    pub(super) tasks: watch::Receiver<Arc<TaskSet>>,
    pub(super) alerts: watch::Receiver<Arc<AlertSettings>>,
    pub(super) plugins: watch::Receiver<Arc<PluginSet>>,
    pub(super) sandbox: Sandbox,
    pub(super) reloads: mpsc::Sender<Request>,
    pub(super) reloaded: watch::Receiver<ReloadState>,
    pub(super) ledger_latency: Arc<LedgerLatency>,
    /// The state folder, where the ledger can be read.
    pub(super) state: Arc<Path>,
}

/// What can be asked of the daemon.
pub(super) enum Command {
    Trigger {
        request: TriggerRequest,
        answer: oneshot::Sender<Result<Triggered, Refusal>>,
        /// Who waits for the end. Dropped if nobody is told it here: the answer says why.
        end: Option<oneshot::Sender<End>>,
    },
    /// The end of a run, if it is not over.
    Watch {
        run: RunId,
        answer: oneshot::Sender<Option<oneshot::Receiver<End>>>,
    },
    /// A run that is over is to be run again.
    Retry {
        past: PastRun,
        answer: oneshot::Sender<Result<(), Refusal>>,
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
    /// Who may do what changes.
    Access {
        access: Access,
        answer: oneshot::Sender<Result<(), Refusal>>,
    },
    /// A command that somebody gave. What comes of it is entered into the audit log with it.
    OnBehalf {
        change: Arc<Change>,
        command: Box<Command>,
    },
    /// The runs that are not over.
    Open {
        answer: oneshot::Sender<Vec<(Arc<Run>, bool)>>,
    },
    /// What these tasks would change.
    Plan {
        tasks: Vec<Arc<Task>>,
        answer: oneshot::Sender<Plan>,
    },
    Reload {
        swap: Box<Swap>,
        answer: oneshot::Sender<Result<Plan, Refusal>>,
    },
    Drain,
    Cut,
}

impl Command {
    /// The same, given by somebody whom the audit log is to name.
    pub(super) fn on_behalf(self, change: Option<Arc<Change>>) -> Self {
        match change {
            Some(change) => Self::OnBehalf { change, command: Box::new(self) },
            None => self,
        }
    }
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

/// The firing loop turns once a second; when it has not for this long, something holds it up.
pub const STALLED: Duration = Duration::from_secs(5);

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
    /// The runs that are not over, each with whether an attempt of it goes on: as the daemon has decided, which observers
    /// may hear of later. For a thread that can wait.
    ///
    /// # Errors
    ///
    /// If the daemon is gone.
    pub fn open_runs_blocking(&self) -> Result<Vec<(Arc<Run>, bool)>, Stopped> {
        let (answer, answered) = oneshot::channel();
        self.links.commands.blocking_send(Command::Open { answer }).map_err(|_| Stopped)?;
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

    /// Changes who may do what, or notes who did; answers when that is in the ledger.
    ///
    /// # Errors
    ///
    /// If the daemon refuses, or is gone.
    pub async fn access(&self, access: Access) -> Result<Result<(), Refusal>, Stopped> {
        self.ask(|answer| Command::Access { access, answer }).await
    }

    /// Notes something that nobody waits for, if there is room.
    pub fn note(&self, access: Access) {
        let (answer, _) = oneshot::channel();
        _ = self.links.commands.try_send(Command::Access { access, answer });
    }

    /// The same for somebody who asks: what is asked for through it is in the audit log, in the transaction that makes
    /// it, or as refused.
    #[must_use]
    pub fn on_behalf(&self, change: impl Into<Arc<Change>>) -> Self {
        Self { links: self.links.clone(), change: Some(change.into()) }
    }

    /// Reads the configuration anew, and takes it if nothing is wrong with it; answers when that is in the ledger, with
    /// what it changes. So does a dry run, which takes nothing.
    ///
    /// # Errors
    ///
    /// If it is refused, or the daemon is gone.
    pub async fn reload(&self, mode: ReloadMode) -> Result<Result<Plan, ReloadError>, Stopped> {
        let (answer, answered) = oneshot::channel();
        let change = self.change.clone();
        self.links.reloads.send(Request { mode, change, answer: Some(answer) }).await.map_err(|_| Stopped)?;
        answered.await.map_err(|_| Stopped)
    }

    /// How the last reload went, and what is in force.
    pub fn reload_state(&self) -> watch::Receiver<ReloadState> {
        self.links.reloaded.clone()
    }

    /// Sends a command and waits for the answer.
    pub(super) async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Stopped> {
        let (answer, answered) = oneshot::channel();
        self.send(command(answer)).await?;
        answered.await.map_err(|_| Stopped)
    }

    /// Sends a command.
    pub(super) async fn send(&self, command: Command) -> Result<(), Stopped> {
        self.links.commands.send(command.on_behalf(self.change.clone())).await.map_err(|_| Stopped)
    }

    /// What happens from now on. A receiver that falls behind loses the oldest events; the daemon never waits.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.links.events.subscribe()
    }

    /// The tasks that it runs; a reload changes them.
    pub fn tasks(&self) -> watch::Receiver<Arc<TaskSet>> {
        self.links.tasks.clone()
    }

    /// Who hears of what becomes of its tasks; a reload changes that.
    pub fn alerts(&self) -> watch::Receiver<Arc<AlertSettings>> {
        self.links.alerts.clone()
    }

    /// The builds of plugins that its tasks ask for, and how they stand.
    pub fn plugins(&self) -> watch::Receiver<Arc<PluginSet>> {
        self.links.plugins.clone()
    }

    /// What the runs of a task, or one run, log from now on.
    pub fn follow(&self, whom: Whom) -> Following {
        self.links.sandbox.live().follow(whom)
    }

    /// Whether guests run that are to be stopped by a clock, and it has stopped.
    pub fn clock_stopped(&self) -> bool {
        self.links.sandbox.clock_stopped()
    }

    /// How long the ledger took to make entries durable.
    pub fn ledger_latency(&self) -> Arc<LedgerLatency> {
        self.links.ledger_latency.clone()
    }

    /// How the daemon is.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.links.status.clone()
    }
}
