//! `sandclock serve`: runs every task when it is due, until it is asked to stop.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

use super::progress::Bars;
use super::{Exit, descriptors, terminal};
use crate::api::{self, Api};
use crate::clock::Clock;
use crate::config::{self, Surroundings};
use crate::daemon::{self, Daemon, Parts};
use crate::ledger::Ledger;
use crate::observe;
use crate::observe::alerts::{self, Alerts};
use crate::plugins::{Logged, Plugins, Progress};
use crate::sandbox::Sandbox;

/// Run every task when it is due, until asked to stop.
///
/// SIGINT (Ctrl-C) and SIGTERM stop it: nothing more is started, and what runs has `host.grace-period` to end. A second
/// signal does not wait. What is cut off is in the ledger as interrupted.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sandclock serve\n  sandclock serve --config /etc/sandclock.toml --log-format json\n  sandclock serve --log debug"
)]
pub(super) struct Arguments {
    /// What to log: a level, or directives such as sandclock_host=debug
    #[arg(long, value_name = "FILTER", env = "SANDCLOCK_LOG", hide_env_values = true, default_value = "info")]
    log: String,
    /// In which form to log
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
}

/// In which form to log.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    /// Lines for people
    Text,
    /// A JSON object a line
    Json,
}

pub(super) fn run(arguments: &Arguments, file: &Path, clock: Clock) -> anyhow::Result<Exit> {
    let bars = std::io::stderr().is_terminal().then(Bars::new);
    let format = match arguments.log_format {
        LogFormat::Text => observe::Format::Text,
        LogFormat::Json => observe::Format::Json,
    };
    let settings = observe::Settings { format, filter: arguments.log.clone(), coloured: terminal::colours_stderr() };
    match bars.clone() {
        Some(bars) => observe::init(&settings, clock, move || bars.clone())?,
        None => observe::init(&settings, clock, std::io::stderr)?,
    }
    let config = match config::load(file, &Surroundings::of_process(clock.now())) {
        Ok(loaded) => {
            if !loaded.warnings.is_empty() {
                terminal::remark(loaded.warnings.coloured().trim_end());
            }
            loaded.config
        }
        Err(report) => {
            terminal::remark(report.coloured().trim_end());
            return Ok(Exit::ConfigRefused);
        }
    };
    descriptors::make_room(&config);
    let (ledger, recovered) = Ledger::open(&config.ledger_settings(), clock)?;
    if !recovered.unfinished.is_empty() {
        tracing::warn!("{} runs were not over when the last host ended", recovered.unfinished.len());
    }
    let sandbox = Sandbox::with_stores(config.sandbox_settings(), clock, daemon::stores(&ledger));
    let plugins = Plugins::open(config.plugins_settings(), sandbox, clock)?;
    // A folder that cannot be listed is told with each plugin that is sought in it.
    for stray in plugins.scan().map(|listing| listing.strays).unwrap_or_default() {
        tracing::warn!("in the plugins folder, {stray}");
    }
    let settings = (config.daemon_settings(), config.api_settings());
    let alerts = Arc::new(config.alert_settings());
    // From the first run on: what ends before the alerts have begun waits for them.
    ledger.enter_causes(!alerts.channels.is_empty());
    let tasks = config.tasks.clone();
    // How each task was written takes as much memory as the task, and nobody asks for it from here on.
    drop(config);
    let parts = Parts {
        tasks,
        plugins,
        ledger,
        recovered,
        clock,
        progress: match bars {
            Some(bars) => Arc::new(bars) as Arc<dyn Progress>,
            None => Arc::new(Logged),
        },
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(settings, alerts, parts, clock))
}

async fn serve(
    settings: (daemon::Settings, api::Settings),
    alerts: Arc<alerts::Settings>,
    parts: Parts,
    clock: Clock,
) -> anyhow::Result<Exit> {
    let (daemon_settings, api_settings) = settings;
    let tasks = parts.tasks.len();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    // Reserved for a reload; without a handler it would end the process.
    let mut hangup = signal(SignalKind::hangup())?;

    let ledger = parts.ledger.clone();
    let mut daemon = Daemon::start(daemon_settings, parts)?;
    let mut events = daemon.events();
    let (_, settings) = watch::channel(alerts);
    let tasks_seen = daemon.handle().tasks();
    let alerts = Alerts::start(alerts::Parts { ledger, settings, tasks: tasks_seen, events: daemon.events(), clock })?;
    let api = Api::start(&api_settings, daemon.handle(), clock)?;
    tracing::info!("serving {tasks} tasks; http://{}/readyz says how it is", api.address());

    let mut signals = 0u32;
    let drained = loop {
        let signalled = tokio::select! {
            drained = daemon.drained() => break drained?,
            event = events.recv() => {
                match event {
                    Ok(event) => observe::narrate(&event),
                    Err(RecvError::Lagged(lost)) => tracing::warn!("{lost} events came too fast to be told here; the ledger has them"),
                    Err(RecvError::Closed) => {}
                }
                false
            }
            _ = interrupt.recv() => true,
            _ = terminate.recv() => true,
            _ = hangup.recv() => {
                tracing::warn!("SIGHUP is reserved for reloading the configuration, which needs a restart for now");
                false
            }
        };
        if signalled {
            signals += 1;
            if signals == 1 {
                tracing::info!("draining: nothing more is started; a second signal does not wait for what runs");
                daemon.drain().await;
            } else {
                tracing::warn!("cutting off what still runs");
                daemon.cut().await;
            }
        }
    };
    // What is to be told of the end is told, as far as that takes no time.
    drop(alerts);
    while let Ok(event) = events.try_recv() {
        observe::narrate(&event);
    }
    if drained.unrecorded > 0 {
        tracing::error!(
            "the ledger could not be written to the end: what it says is still running counts as interrupted at the next start"
        );
        return Ok(Exit::HostFailed);
    }
    tracing::info!(interrupted = drained.interrupted, "stopped; the ledger is complete");
    Ok(if signals > 1 { Exit::Cut } else { Exit::Done })
}
