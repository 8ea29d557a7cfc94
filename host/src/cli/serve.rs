//! `sandclock serve`: runs every task when it is due, until it is asked to stop.

use std::path::Path;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::signal::unix::{SignalKind, signal};

use super::observing::{self, Past};
use super::source::ConfigFile;
use super::supervisor::{Notice, Supervisor};
use super::{Exit, descriptors, ending, host_log, servable, terminal};
use crate::api::{self, Api};
use crate::clock::Clock;
use crate::config::Surroundings;
use crate::daemon::reload::{ReloadMode, Source};
use crate::daemon::{self, Daemon, Parts};
use crate::ledger::Ledger;
use crate::observe::alerts::{self, Alerts};
use crate::observe::{self, Batches, Heard, Observer, Observers, Scraper};
use crate::plugins::{Logged, Plugins, Progress};
use crate::sandbox::Sandbox;

/// Run every task when it is due, until asked to stop.
///
/// SIGINT (Ctrl-C) and SIGTERM stop it: nothing more is started, and what runs has `host.grace-period` to end. A second
/// signal does not wait. What is cut off is in the ledger as interrupted. SIGHUP reloads the configuration, as
/// `sandclock reload` and changes of its file and of plugins do.
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
    let format = match arguments.log_format {
        LogFormat::Text => observe::Format::Text,
        LogFormat::Json => observe::Format::Json,
    };
    let logging = observe::Settings { format, filter: arguments.log.clone(), coloured: terminal::colours_stderr() };
    logging.check()?;
    let source = ConfigFile::new(file, clock)?;
    let digest = source.digest();
    let config = match servable::load(file, &Surroundings::of_process(clock.now())) {
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
    let bars = host_log::begin(logging, config.log_file_settings(), clock)?;
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
    let settings = Settings {
        daemon: config.daemon_settings(),
        api: config.api_settings(),
        metrics: config.metrics_settings(),
        traces: config.trace_settings(),
    };
    let alerts = Arc::new(config.alert_settings());
    let tasks = config.tasks.clone();
    let origin = Some(source.origin(&config, digest));
    // How each task was written takes as much memory as the task, and nobody asks for it from here on.
    drop(config);
    let parts = Parts {
        tasks,
        alerts,
        origin,
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
    runtime.block_on(serve(settings, parts, clock))
}

/// What the parts of a host get out of its configuration.
struct Settings {
    daemon: daemon::Settings,
    api: api::Settings,
    metrics: observe::MetricsSettings,
    traces: Option<observe::TraceSettings>,
}

async fn serve(settings: Settings, parts: Parts, clock: Clock) -> anyhow::Result<Exit> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;

    // Before anything can change in it.
    let state = parts.ledger.folder().to_owned();
    let past = Past { state, most: settings.metrics.max_tasks, clock };
    // In the order of their names, as the configuration has them and as metrics take them.
    let standings = past.standings(parts.tasks.iter().map(|task| &task.name));
    let ledger = parts.ledger.clone();
    let mut daemon = Daemon::start(settings.daemon, parts)?;
    let mut events = Batches::new(daemon.events());
    let trace_ids = settings.traces.as_ref().map(|traces| traces.ids);
    let metrics = observing::metrics(settings.metrics, &daemon, clock);
    let sources = observing::sources(&mut daemon, past, standings, clock);
    let observers = Observers::start(sources, Arc::clone(&metrics), settings.traces)?;
    let (handle, events_of_alerts) = (daemon.handle(), Batches::new(daemon.events()));
    let alerts = Alerts::start(alerts::Parts {
        ledger,
        settings: handle.alerts(),
        tasks: handle.tasks(),
        deliveries: metrics.deliveries(),
        events: events_of_alerts,
        clock,
    })?;
    let api = Api::start(&settings.api, handle, Scraper::start(Arc::clone(&metrics))?, clock)?;
    let scheme = if settings.api.guard.transport.is_tls() { "https" } else { "http" };
    let served = daemon.handle().tasks();
    let serving = || match served.borrow().len() {
        1 => "serving 1 task".to_owned(),
        tasks => format!("serving {tasks} tasks"),
    };
    tracing::info!("{}; {scheme}://{}/readyz says how it is", serving(), api.address());
    let mut supervisor = Supervisor::of_process();
    supervisor.tell(Notice::Ready(&serving()));
    let status = daemon.handle().status();
    let mut reloads = FuturesUnordered::new();

    let tell = |batch: Vec<Heard>| {
        for heard in batch {
            match heard {
                Heard::Event(event) => observe::narrate(&event, trace_ids.as_ref()),
                Heard::Lost(lost) => {
                    metrics.dropped(Observer::Log, lost);
                    tracing::warn!("{lost} events came too fast to be told here; the ledger has them");
                }
            }
        }
    };
    let mut signals = 0u32;
    let drained = loop {
        let signalled = tokio::select! {
            drained = daemon.drained() => break drained?,
            Some(batch) = events.next() => {
                tell(batch);
                false
            }
            _ = interrupt.recv() => true,
            _ = terminate.recv() => true,
            _ = hangup.recv() => {
                supervisor.tell(Notice::Reloading);
                let handle = daemon.handle();
                reloads.push(async move { handle.reload(ReloadMode::Apply).await });
                false
            }
            Some(reloaded) = reloads.next() => {
                // What came of it is told as an event, too.
                let refused = matches!(reloaded, Ok(Err(_)));
                let but = if refused { "; the last configuration was refused" } else { "" };
                supervisor.tell(Notice::Ready(&format!("{}{but}", serving())));
                false
            }
            () = supervisor.wants_a_sign() => {
                supervisor.sign(clock.monotonic().saturating_duration_since(status.borrow().turned_at));
                false
            }
        };
        if signalled {
            signals += 1;
            if signals == 1 {
                tracing::info!("draining: nothing more is started; a second signal does not wait for what runs");
                supervisor.tell(Notice::Stopping);
                daemon.drain().await;
            } else {
                tracing::warn!("cutting off what still runs");
                daemon.cut().await;
            }
        }
    };
    tell(events.rest());
    // Alerts and observers send what has come first, as far as that takes no time; the ledger goes with the daemon.
    let put_away = ending::put_away((alerts, observers, api, daemon));
    if put_away == Err(ending::Hangs) {
        tracing::error!("the disk of the ledger does not answer, and is not waited for any longer");
    }
    if drained.unrecorded > 0 || put_away.is_err() {
        tracing::error!(
            "the ledger could not be written to the end: what it says is still running counts as interrupted at the next start"
        );
        return Ok(Exit::HostFailed);
    }
    tracing::info!(interrupted = drained.interrupted, "stopped; the ledger is complete");
    Ok(if signals > 1 { Exit::Cut } else { Exit::Done })
}
