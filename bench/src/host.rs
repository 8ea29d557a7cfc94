//! The host that is measured: the plugin, its tasks, and a daemon over a ledger on disk.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use sandclock_host::clock::Clock;
use sandclock_host::daemon::{self, Daemon, Parts};
use sandclock_host::ledger::{self, Durability, Ledger};
use sandclock_host::model::event::Event;
use sandclock_host::model::grants::Grants;
use sandclock_host::model::id::PluginName;
use sandclock_host::model::limits::{Limits, Metering};
use sandclock_host::model::misfire::Misfire;
use sandclock_host::model::outcome::{AttemptOutcome, Outcome};
use sandclock_host::model::overlap::Overlap;
use sandclock_host::model::retry::Retry;
use sandclock_host::model::run::Run;
use sandclock_host::model::schedule::Schedule;
use sandclock_host::model::task::{Build, ExitCodes, Task};
use sandclock_host::plugins::{self, CompileSettings, Plugins, Quiet};
use sandclock_host::sandbox::{Prepared, Sandbox, Settings};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// `host.max-concurrent-runs` as it is by default.
pub(crate) const MAX_CONCURRENT: NonZeroUsize = NonZeroUsize::new(64).expect("64 is not 0");
/// How long anything may take that should not take long.
const PATIENCE: Duration = Duration::from_secs(60);

/// What all measurements stand on. Its folders are removed with it.
pub(crate) struct Ground {
    pub clock: Clock,
    /// How many threads run guests, here and in every baseline: as many as there are processors.
    pub threads: NonZeroUsize,
    plugin: PluginName,
    folder: PathBuf,
    /// Holds the compiled plugin, so that it is compiled once.
    state: TempDir,
}

impl Ground {
    /// For a plugin's file, with its folders in `folder`.
    pub(crate) fn new(plugin: &Path, folder: &Path) -> anyhow::Result<Self> {
        let name = plugin.file_stem().and_then(|stem| stem.to_str()).context("the plugin's file has no name")?;
        Ok(Self {
            clock: Clock::system(),
            threads: std::thread::available_parallelism()?,
            plugin: name.parse()?,
            folder: plugin.parent().context("the plugin lies in no folder")?.to_owned(),
            state: tempfile::tempdir_in(folder)?,
        })
    }

    /// A task of the plugin, with every default but these.
    pub(crate) fn task(&self, name: &str, schedule: Schedule, overlap: Overlap) -> anyhow::Result<Arc<Task>> {
        Ok(Arc::new(Task {
            name: name.parse()?,
            plugin: self.plugin.clone(),
            schedule,
            overlap,
            max_concurrent: NonZeroU32::MIN,
            misfire: Misfire::default(),
            retry: Retry::default(),
            limits: Limits::default(),
            grants: Grants::default(),
            payload: None,
            after: Vec::new(),
            alerts: Vec::new(),
            exit_codes: ExitCodes::default(),
        }))
    }

    /// A ledger of its own, on disk and as durable as it is by default. The folder goes when it is dropped.
    pub(crate) fn ledger(&self) -> anyhow::Result<(TempDir, Ledger, ledger::Recovered)> {
        let folder = tempfile::tempdir_in(self.state.path())?;
        let settings = ledger::Settings { state: folder.path().to_owned(), durability: Durability::Full };
        let (ledger, recovered) = Ledger::open(&settings, self.clock)?;
        Ok((folder, ledger, recovered))
    }

    /// The plugin, compiled and loaded.
    pub(crate) async fn prepared(&self) -> anyhow::Result<Prepared> {
        let build = Build { plugin: self.plugin.clone(), metering: Metering::Fuel };
        let plugin = self.plugins()?.prepare(&build, &Quiet).await;
        Ok(plugin.context("the plugin cannot be used")?.prepared)
    }

    fn plugins(&self) -> anyhow::Result<Plugins> {
        let sandbox = Sandbox::new(Settings::for_limits(MAX_CONCURRENT.get(), []), self.clock);
        let state = self.state.path().join("plugins");
        let settings = plugins::Settings { folder: self.folder.clone(), state, compile: CompileSettings::default() };
        Ok(Plugins::open(settings, sandbox, self.clock)?)
    }
}

/// A daemon that serves tasks from a ledger of its own. Dropping it ends it.
pub(crate) struct Served {
    pub daemon: Daemon,
    events: broadcast::Receiver<Event>,
    _ledger: TempDir,
}

impl Served {
    pub(crate) fn start(ground: &Ground, tasks: Vec<Arc<Task>>) -> anyhow::Result<Self> {
        let (folder, ledger, recovered) = ground.ledger()?;
        let settings = daemon::Settings {
            max_concurrent: MAX_CONCURRENT,
            max_queued: 10_000,
            threads: ground.threads,
            grace: Duration::ZERO,
        };
        let plugins = ground.plugins()?;
        let parts = Parts { tasks, plugins, ledger, recovered, clock: ground.clock, progress: Arc::new(Quiet) };
        let daemon = Daemon::start(settings, parts)?;
        let events = daemon.events();
        Ok(Self { daemon, events, _ledger: folder })
    }

    /// The next attempt that began, or run that succeeded. Whatever else may become of a run would spoil the figures.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Heard> {
        loop {
            return match tokio::time::timeout(PATIENCE, self.events.recv()).await.context("the daemon is silent")? {
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
    /// An attempt began; its run is durable.
    Began(Arc<Run>),
    /// A run succeeded, and that is durable.
    Succeeded,
}

/// A runtime on one thread, for those who ask and listen.
pub(crate) fn listener() -> anyhow::Result<Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}
