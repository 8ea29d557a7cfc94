//! The host that is measured: the plugin, its tasks, and a daemon over a ledger on disk.

use std::fmt;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use sandclock_host::clock::Clock;
use sandclock_host::daemon::{self, Daemon, Parts, TriggerRequest};
use sandclock_host::ledger::{self, Durability, Ledger};
use sandclock_host::model::cause::Cause;
use sandclock_host::model::event::Event;
use sandclock_host::model::id::{PluginName, TaskName};
use sandclock_host::model::outcome::{AttemptOutcome, Outcome};
use sandclock_host::model::overlap::Overlap;
use sandclock_host::model::run::Run;
use sandclock_host::model::schedule::Schedule;
use sandclock_host::model::task::Task;
use sandclock_host::plugins::{self, CompileSettings, Plugins, Quiet};
use sandclock_host::sandbox::{Prepared, Sandbox, Settings};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// `host.max-concurrent-runs` as it is by default.
pub(crate) const MAX_CONCURRENT: NonZeroUsize = NonZeroUsize::new(64).expect("64 is not 0");
/// `host.max-queued-runs` as it is by default.
const MAX_QUEUED: usize = 10_000;
/// How long anything may take that should not take long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What all measurements stand on. Its folders are removed with it.
pub(crate) struct Ground {
    pub clock: Clock,
    /// How many threads run guests, here and in every baseline: as many as there are processors.
    pub threads: NonZeroUsize,
    /// The plugin that is run where nothing else is said.
    plugin: PluginName,
    /// Holds the plugins, and what was compiled of them, so that each is compiled once.
    folder: TempDir,
}

impl Ground {
    /// For a plugin's file, with its folders in `folder`.
    pub(crate) fn new(plugin: &Path, folder: &Path) -> anyhow::Result<Self> {
        let name = plugin.file_stem().and_then(|stem| stem.to_str()).context("the plugin's file has no name")?;
        let ground = Self {
            clock: Clock::system(),
            threads: std::thread::available_parallelism()?,
            plugin: name.parse()?,
            folder: tempfile::tempdir_in(folder)?,
        };
        fs::create_dir(ground.plugins_folder())?;
        fs::copy(plugin, ground.sample())?;
        Ok(ground)
    }

    /// The file of the plugin that is run where nothing else is said.
    pub(crate) fn sample(&self) -> PathBuf {
        self.plugins_folder().join(format!("{}.wasm", self.plugin))
    }

    pub(crate) fn plugins_folder(&self) -> PathBuf {
        self.folder.path().join("plugins")
    }

    /// Another plugin, from its text.
    pub(crate) fn guest(&self, name: &str, text: &str) -> anyhow::Result<PluginName> {
        fs::write(self.plugins_folder().join(format!("{name}.wat")), text)?;
        Ok(name.parse()?)
    }

    /// A folder of its own, on the same disk. It goes when it is dropped.
    pub(crate) fn scratch(&self) -> anyhow::Result<TempDir> {
        Ok(tempfile::tempdir_in(self.folder.path())?)
    }

    /// A task with every default but these.
    pub(crate) fn task(&self, name: &str, schedule: Schedule, overlap: Overlap) -> anyhow::Result<Task> {
        Ok(Task { overlap, ..Task::new(name.parse()?, self.plugin.clone(), schedule) })
    }

    /// A ledger of its own, on disk and as durable as it is by default. The folder goes when it is dropped.
    pub(crate) fn ledger(&self) -> anyhow::Result<(TempDir, Ledger, ledger::Recovered)> {
        let folder = self.scratch()?;
        let settings = ledger::Settings { state: folder.path().to_owned(), durability: Durability::Full };
        let (ledger, recovered) = Ledger::open(&settings, self.clock)?;
        Ok((folder, ledger, recovered))
    }

    /// A task's plugin, compiled and loaded.
    pub(crate) async fn prepared(&self, task: &Task) -> anyhow::Result<Prepared> {
        let plugin = self.plugins(MAX_CONCURRENT)?.prepare(&task.build(), &Quiet).await;
        Ok(plugin.with_context(|| format!("{} cannot be used", task.plugin))?.prepared)
    }

    fn plugins(&self, max_concurrent: NonZeroUsize) -> anyhow::Result<Plugins> {
        let (folder, state) = (self.plugins_folder(), self.folder.path().join("compiled"));
        let settings = plugins::Settings { folder, state, compile: CompileSettings::default() };
        Ok(Plugins::open(settings, self.sandbox(max_concurrent), self.clock)?)
    }

    /// The plugins of a folder, with what was compiled of them in another.
    pub(crate) fn plugins_of(
        &self,
        folder: PathBuf,
        state: PathBuf,
        compile: CompileSettings,
    ) -> anyhow::Result<Plugins> {
        let settings = plugins::Settings { folder, state, compile };
        Ok(Plugins::open(settings, self.sandbox(MAX_CONCURRENT), self.clock)?)
    }

    /// A sandbox in which nothing is loaded yet.
    pub(crate) fn sandbox(&self, max_concurrent: NonZeroUsize) -> Sandbox {
        Sandbox::new(Settings::for_limits(max_concurrent.get(), []), self.clock)
    }
}

/// A daemon that serves tasks from a ledger of its own. Dropping it ends it.
pub(crate) struct Served {
    pub daemon: Daemon,
    events: broadcast::Receiver<Event>,
    _ledger: TempDir,
}

impl Served {
    /// Starts a daemon as it is by default, and waits until it can run the first of its tasks and has nothing else to do.
    pub(crate) async fn start(ground: &Ground, tasks: Vec<Arc<Task>>) -> anyhow::Result<Self> {
        Self::start_for(ground, tasks, MAX_CONCURRENT).await
    }

    /// Starts a daemon that runs so many at once.
    pub(crate) async fn start_for(
        ground: &Ground,
        tasks: Vec<Arc<Task>>,
        max_concurrent: NonZeroUsize,
    ) -> anyhow::Result<Self> {
        let (folder, ledger, recovered) = ground.ledger()?;
        let first = tasks.first().context("no tasks")?.name.clone();
        let settings = daemon::Settings {
            max_concurrent,
            // Room for a run of each task: what is skipped because the queue is full cannot be measured.
            max_queued: MAX_QUEUED.max(tasks.len()),
            threads: ground.threads,
            grace: Duration::ZERO,
            ledger_size: u64::MAX,
        };
        let plugins = ground.plugins(max_concurrent)?;
        let parts = Parts {
            tasks,
            alerts: Arc::default(),
            origin: None,
            plugins,
            ledger,
            recovered,
            clock: ground.clock,
            progress: Arc::new(Quiet),
        };
        let daemon = Daemon::start(settings, parts)?;
        let mut served = Self { events: daemon.events(), daemon, _ledger: folder };
        tokio::time::timeout(PATIENCE, served.calm(first)).await.context("the daemon does not come to rest")??;
        Ok(served)
    }

    /// Waits until a run that is asked for now is over, with all that waits beside it.
    async fn calm(&mut self, task: TaskName) -> anyhow::Result<()> {
        self.daemon.handle().request(TriggerRequest::new(task, Cause::Manual)).await??;
        self.daemon.handle().status().wait_for(|status| status.waiting == 0).await?;
        Ok(())
    }

    /// Hears of what happens from now on, and not of what happened unheard.
    pub(crate) fn listen(&mut self) {
        self.events = self.daemon.events();
    }

    /// The next run that was queued, attempt that began, or run that succeeded. Whatever else may become of a run would spoil the figures.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Heard> {
        tokio::time::timeout(PATIENCE, self.heard()).await.context("the daemon is silent")?
    }

    async fn heard(&mut self) -> anyhow::Result<Heard> {
        loop {
            return match self.events.recv().await {
                Ok(Event::RunQueued(run)) => Ok(Heard::Queued(run)),
                Ok(Event::AttemptStarted { run, .. }) => Ok(Heard::Began(run)),
                Ok(Event::RunEnded { outcome, .. }) => match &*outcome {
                    Outcome::Attempted(AttemptOutcome::Succeeded { .. }) => Ok(Heard::Succeeded),
                    outcome => bail!("a run ended otherwise than well: {outcome:?}"),
                },
                Ok(event @ (Event::SlotSkipped { .. } | Event::SlotsMissed { .. } | Event::LedgerFailed { .. })) => {
                    bail!("not all is well: {event:?}")
                }
                Ok(_) => continue,
                Err(RecvError::Lagged(lost)) => bail!("{lost} events came too fast to be measured"),
                Err(RecvError::Closed) => bail!("the daemon has ended"),
            };
        }
    }
}

/// What was heard of a daemon.
pub(crate) enum Heard {
    /// A run was admitted and has to wait; that is durable.
    Queued(Arc<Run>),
    /// An attempt began; its run is durable.
    Began(Arc<Run>),
    /// A run succeeded, and that is durable.
    Succeeded,
}

/// A runtime on one thread, for those who ask and listen.
pub(crate) fn listener() -> anyhow::Result<Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// An error of the engine, which is none in the sense of the standard library.
pub(crate) fn engine_error(error: impl fmt::Display) -> anyhow::Error {
    anyhow!("{error:#}")
}
