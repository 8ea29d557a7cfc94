//! The verbs: what is due, what may start, what becomes of a run.
//!
//! [`scheduler`], [`queue`] and [`dispatcher`] decide and are pure; the firing loop carries out on a thread of its own,
//! and the executor runs guests. Others hold a [`Handle`].

pub mod scheduler;

pub mod queue;

pub mod dispatcher;

pub mod step;

pub mod backfill;

mod asked;

mod backlog;

mod gap;

mod keyvalue;

mod executor;

mod firing;

mod handle;

mod keeper;

mod past;

mod standing;

pub mod reload;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::clock::Clock;
use crate::ledger::{Keep, Ledger, Recovered};
use crate::model::event::Event;
use crate::model::retention::Retention;
use crate::model::task::Task;
use crate::model::taskset::TaskSet;
use crate::observe::{AlertSettings, LedgerLatency};
use crate::plugins::{Plugins, Progress};
use dispatcher::Dispatcher;
use executor::Executor;
use firing::Firing;
use handle::{Command, Links};
use keeper::Keeper;
use queue::Queue;
use reload::{Origin, ReloadState, Reloader};

pub use crate::sandbox::{Following, Heard, LiveLine, Whom};
pub use asked::{Asked, Awaited, End, RetryError, TriggerRequest, Triggered};
pub use dispatcher::Refusal;
pub use firing::Drained;
pub use handle::{Handle, LedgerHealth, STALLED, Status, Stopped};
pub use keyvalue::stores;
pub use past::{BackfillError, Request as BackfillRequest};
pub use standing::{PluginSet, PluginStanding};

/// How much goes on at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How many attempts may go on at once.
    pub max_concurrent: NonZeroUsize,
    /// How many runs may wait for their turn.
    pub max_queued: usize,
    /// How many threads run guests.
    pub threads: NonZeroUsize,
    /// How long a shutdown waits for what still runs.
    pub grace: Duration,
    /// How many bytes the ledger may take.
    pub ledger_size: u64,
}

/// What a daemon works with.
pub struct Parts {
    /// The tasks, in the order of their names.
    pub tasks: Vec<Arc<Task>>,
    /// Who hears of what becomes of them.
    pub alerts: Arc<AlertSettings>,
    /// Where they were read from, so that others can be; none if they stay as they are.
    pub origin: Option<Origin>,
    /// Where their plugins come from.
    pub plugins: Plugins,
    /// Where everything is recorded.
    pub ledger: Ledger,
    /// What the ledger held when it was opened.
    pub recovered: Recovered,
    /// The time.
    pub clock: Clock,
    /// Who watches the plugins being prepared.
    pub progress: Arc<dyn Progress>,
}

/// How many events an observer may be behind before it loses the oldest.
const EVENTS: usize = 4096;
/// The number of this host in the ids of runs. One host has one ledger, so there are no others.
const HOST: u8 = 0;
/// How many requests may wait for the firing loop.
const COMMANDS: usize = 1024;
/// How many reloads may be asked for at once.
const RELOADS: usize = 16;

/// A running daemon. Dropping it without [`Daemon::drained`] cuts it off.
pub struct Daemon {
    handle: Handle,
    /// What has happened since its start.
    heard: broadcast::Receiver<Event>,
    ended: oneshot::Receiver<Drained>,
    firing: Option<JoinHandle<()>>,
    /// Removes what is older than need be.
    _keeper: Keeper,
    /// Prepares plugins, and reloads.
    preparing: Option<Runtime>,
}

/// A thread of the daemon could not be started.
#[derive(Debug, thiserror::Error)]
#[error("start a thread of the daemon")]
pub struct StartError(#[from] std::io::Error);

impl Daemon {
    /// Starts running what is due.
    ///
    /// # Errors
    ///
    /// If its threads cannot be started.
    pub fn start(settings: Settings, parts: Parts) -> Result<Self, StartError> {
        let Parts { tasks, alerts, origin, plugins, ledger, recovered, clock, progress } = parts;
        let (commands, command_queue) = mpsc::channel(COMMANDS);
        let (plugin_changes, plugin_queue) = mpsc::channel(COMMANDS);
        let (events, heard) = broadcast::channel(EVENTS);
        let ledger_latency = Arc::new(LedgerLatency::default());
        let (status, status_seen) = watch::channel(Status::new(&clock));
        let (ended_sender, ended) = oneshot::channel();

        let now = clock.now();
        for (task, cursor) in recovered.cursors.iter().filter(|(_, cursor)| cursor.time() > now) {
            tracing::warn!(%task, "its slots are decided up to {cursor}, which is yet to come: was the clock ahead?");
        }
        let workers = settings.max_concurrent.get();
        let executor = Executor::start(workers, settings.threads.get(), clock, plugins.sandbox())?;
        let sandbox = plugins.sandbox().clone();
        // From the first run on: what ends before anybody can tell of it waits for that.
        ledger.enter_causes(!alerts.channels.is_empty());
        let (alerts_told, alerts_seen) = watch::channel(alerts);
        let (reloads, requests) = mpsc::channel(RELOADS);
        let digest = origin.as_ref().and_then(|origin| origin.digest);
        let (reload_told, reload_seen) = watch::channel(ReloadState::first(digest, now));
        let state: Arc<Path> = ledger.folder().into();
        let (dispatcher, first) =
            Dispatcher::new(tasks, Queue::new(workers, settings.max_queued), recovered, HOST, now, &mut fastrand::f64);
        let tasks = dispatcher.tasks();
        let (keep, keep_seen) = watch::channel(keep(tasks, &settings));
        let keeper = Keeper::start(ledger.clone(), keep_seen, status_seen.clone(), clock)?;
        let (tasks_told, tasks_seen) = watch::channel(Arc::clone(tasks));
        let standings: PluginSet = tasks.values().map(|task| (task.build(), PluginStanding::Preparing)).collect();
        let (plugins_told, plugins_seen) = watch::channel(Arc::new(standings));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let alarm = {
            let _within = runtime.enter();
            clock.alarm()?
        };
        let firing = Firing {
            dispatcher,
            ledger,
            executor,
            clock,
            alarm,
            grace: settings.grace,
            commands: command_queue,
            plugin_changes: plugin_queue,
            events: events.clone(),
            status,
            plugins: plugins_told,
            tasks: tasks_told,
            alerts: alerts_told,
            keep,
            ledger_latency: ledger_latency.clone(),
        };
        let thread = std::thread::Builder::new().name("sandclock-firing".into()).spawn(move || {
            // Whoever has a slice of the usual length gives way to it at once. Where that cannot be had, slots are a
            // few milliseconds late while others compute.
            let _ = sandclock_slice::set(sandclock_slice::SHORTEST);
            let drained = runtime.block_on(firing.run(first));
            // Nobody listens if the daemon was dropped.
            let _ = ended_sender.send(drained);
        })?;
        let preparing = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("sandclock-plugins")
            .enable_all()
            .build()?;
        let reloading = Reloader {
            origin,
            plugins,
            progress,
            clock,
            alerts: alerts_seen.clone(),
            tasks: tasks_seen.clone(),
            requests,
            commands: commands.clone(),
            plugin_changes,
            events: events.clone(),
            state: reload_told,
        }
        .begin();
        preparing.spawn(reloading.run());
        let links = Links {
            commands,
            events,
            status: status_seen,
            tasks: tasks_seen,
            plugins: plugins_seen,
            alerts: alerts_seen,
            sandbox,
            reloads,
            reloaded: reload_seen,
            ledger_latency,
            state,
        };
        let handle = Handle { links: Arc::new(links), change: None };
        Ok(Self { handle, heard, ended, firing: Some(thread), _keeper: keeper, preparing: Some(preparing) })
    }

    /// A way to ask it for things.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// What happens from now on.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.handle.events()
    }

    /// What has happened since its start, for the first who asks; for others what happens from now on.
    pub fn events_from_the_start(&mut self) -> broadcast::Receiver<Event> {
        std::mem::replace(&mut self.heard, self.handle.events())
    }

    /// Begins the shutdown: nothing more is started, and what runs has the grace period to end.
    pub async fn drain(&self) {
        // It has ended already if nobody takes this.
        let _ = self.handle.links.commands.send(Command::Drain).await;
    }

    /// Ends the grace period now: what still runs is interrupted.
    pub async fn cut(&self) {
        // It has ended already if nobody takes this.
        let _ = self.handle.links.commands.send(Command::Cut).await;
    }

    /// Waits until everything is over.
    ///
    /// # Errors
    ///
    /// If the firing loop panicked.
    pub async fn drained(&mut self) -> Result<Drained, Stopped> {
        (&mut self.ended).await.map_err(|_| Stopped)
    }
}

/// What the ledger is to keep.
fn keep(tasks: &Arc<TaskSet>, settings: &Settings) -> Keep {
    Keep { tasks: Arc::clone(tasks), others: Retention::default(), size: settings.ledger_size }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(preparing) = self.preparing.take() {
            preparing.shutdown_background();
        }
        // The loop ends by itself when a drain is over; one that was never drained is told to, if it still listens.
        let _ = self.handle.links.commands.try_send(Command::Cut);
        if let Some(firing) = self.firing.take()
            && firing.join().is_err()
        {
            tracing::error!("the firing loop panicked");
        }
    }
}
