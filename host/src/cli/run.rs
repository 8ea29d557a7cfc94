//! `sandclock run`: one run of a task or of a plugin's file, now and in the foreground.
//!
//! It is an attempt like any other, but nothing records it: no ledger is written to, so it works beside a running host.

mod stores;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::{ArgGroup, Args};
use serde_json::json;
use tokio::sync::watch;

use super::exit::NotFound;
use super::progress::Bars;
use super::trigger::payload;
use super::{Exit, adhoc, terminal};
use crate::api::view;
use crate::clock::Clock;
use crate::config::{self, Surroundings};
use crate::model::cause::Cause;
use crate::model::grants::{FolderAccess, FolderGrant, HttpGrant};
use crate::model::id::RunId;
use crate::model::limits::{Fuel, Unit};
use crate::model::log::LogLine;
use crate::model::outcome::{AttemptOutcome, CancelledBy, Stop};
use crate::model::payload::Blob;
use crate::model::quantity::{duration, figure, parse_bytes, parse_duration};
use crate::model::run::Run;
use crate::model::schedule::at::{self, AtError};
use crate::model::slot::Slot;
use crate::model::task::{Build, Task};
use crate::model::text::inert;
use crate::plugins::{Plugin, Plugins, Progress, Quiet};
use crate::sandbox::{self, AttemptReport, AttemptRequest, Sandbox, TlsRoots};

/// Run a task or a plugin's file once, now and in the foreground.
///
/// A task runs with what the configuration gives it; a file runs with the defaults and nothing granted. Options add to
/// either. There is one attempt, and no entry in the ledger. It sees what its key-value stores hold, and what it writes to them
/// is not kept. The log goes to stderr, the output to stdout.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("contents").args(["payload", "payload_file"]), after_help = "\
Examples:
  sandclock run report
  sandclock run report --payload '{\"region\": \"eu\"}' --content-type application/json
  sandclock run ./probe.wasm --http 'GET https://example.com' --env LEVEL=debug
  sandclock run report --slot 2026-11-23T09:00:00Z > report.txt

Exit codes: 0 succeeded, 1 the host failed, 2 wrong usage, 3 configuration refused, 4 not found,
10 failed for good, 11 trapped, 12 a limit was exceeded, 13 cancelled (Ctrl-C),
75 failed, perhaps not for long.")]
pub(super) struct Arguments {
    /// A task of the configuration, or a .wasm or .wat file
    #[arg(value_name = "TASK|FILE")]
    target: String,
    /// What the run works on, as text
    #[arg(long, value_name = "TEXT")]
    payload: Option<String>,
    /// What the run works on, from a file
    #[arg(long, value_name = "FILE")]
    payload_file: Option<PathBuf>,
    /// The media type of the payload; JSON and plain text are recognised
    #[arg(long, value_name = "TYPE", requires = "contents")]
    content_type: Option<String>,
    /// The slot that the run is told to be for, such as 2026-11-23T09:00:00Z
    #[arg(long, value_name = "TIME", value_parser = slot)]
    slot: Option<Slot>,
    /// Grant HTTP requests, as in `grants.http`: 'GET https://example.com' (may be repeated)
    #[arg(long, value_name = "GRANT")]
    http: Vec<HttpGrant>,
    /// Grant an environment variable (may be repeated)
    #[arg(long, value_name = "NAME=VALUE", value_parser = environment)]
    env: Vec<(String, String)>,
    /// Grant a folder to read, and say where the guest finds it: ./data:/data (may be repeated)
    #[arg(long, value_name = "HOST:GUEST", value_parser = folder)]
    folder: Vec<FolderGrant>,
    /// Grant a folder to read and write, likewise (may be repeated)
    #[arg(long, value_name = "HOST:GUEST", value_parser = folder)]
    folder_rw: Vec<FolderGrant>,
    /// Grant a key-value store of its own
    #[arg(long)]
    kv: bool,
    /// The longest the attempt may take, such as 30s
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    timeout: Option<std::time::Duration>,
    /// The fuel it may burn, such as 10G, or `unmetered`; a simple instruction takes 1
    #[arg(long, value_name = "COUNT")]
    fuel: Option<Fuel>,
    /// The memory it may have, such as 64MiB
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    memory: Option<u64>,
    /// Print outcome, usage, log and output as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, config: &Path, clock: Clock) -> anyhow::Result<Exit> {
    let file = adhoc::is_file(&arguments.target).then(|| PathBuf::from(&arguments.target));
    let (task, settings, tls_roots, state) = match &file {
        Some(file) if !file.exists() => {
            bail!(NotFound(format!("there is no file {}", file.display())));
        }
        Some(file) => (adhoc::task(file)?, adhoc::plugins_settings()?, TlsRoots::default(), None),
        None => match config::load(config, &Surroundings::of_process(clock.now())) {
            Err(report) => {
                terminal::remark(report.coloured().trim_end());
                return Ok(Exit::ConfigRefused);
            }
            Ok(loaded) => match loaded.config.tasks.iter().find(|task| task.name.as_str() == arguments.target) {
                Some(task) => {
                    let config = &loaded.config;
                    let (roots, state) = (config.sandbox_settings().tls_roots, config.host.state.clone());
                    (Task::clone(task), config.plugins_settings(), roots, Some(state))
                }
                None => {
                    let NotFound(message) =
                        NotFound::task(&arguments.target, loaded.config.tasks.iter().map(Arc::as_ref));
                    bail!(NotFound(format!("{message} (for a file, write ./{})", arguments.target)));
                }
            },
        },
    };
    let task = arguments.adjusted(task);
    let run = Run {
        id: RunId::next(clock.now().as_millisecond(), 0, None),
        cause: Cause::Manual,
        slot: arguments.slot,
        payload: arguments.payload()?.map(Arc::new).or_else(|| task.payload.clone()),
        trace: None,
        admitted_at: clock.now(),
        task: Arc::new(task),
    };
    let stores = Arc::new(stores::copied(&run.task, state.as_deref())?);
    let room = sandbox::Settings::for_limits(1, [&*run.task.limits]);
    let sandbox = Sandbox::with_stores(sandbox::Settings { tls_roots, ..room }, clock, stores);
    let plugins = Plugins::open(settings, sandbox, clock)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let report = runtime.block_on(async {
        let plugin = prepare(&plugins, &run.task.build(), file.as_deref()).await?;
        anyhow::Ok(attempt(&plugin, Arc::new(run)).await)
    })?;
    if arguments.json {
        terminal::print_json(&to_json(&report))?;
    } else {
        show(&report)?;
    }
    Ok(Exit::RunEnded(report.outcome.class()))
}

async fn prepare(plugins: &Plugins, build: &Build, file: Option<&Path>) -> anyhow::Result<Plugin> {
    let bars = std::io::stderr().is_terminal().then(Bars::new);
    let progress: &dyn Progress = bars.as_ref().map_or(&Quiet, |bars| bars);
    let prepared = match file {
        Some(file) => plugins.prepare_file(build, file, progress).await,
        None => plugins.prepare(build, progress).await,
    };
    prepared.with_context(|| format!("the plugin {} cannot be used", build.plugin))
}

/// Runs the attempt; Ctrl-C cancels it.
async fn attempt(plugin: &Plugin, run: Arc<Run>) -> AttemptReport {
    let (stop, stopped) = watch::channel(None);
    let attempt = plugin.prepared.attempt(AttemptRequest { run, attempt: 1, stop: stopped });
    tokio::pin!(attempt);
    loop {
        tokio::select! {
            report = &mut attempt => return report,
            Ok(()) = tokio::signal::ctrl_c() => drop(stop.send_replace(Some(Stop::Cancel(CancelledBy::Operator)))),
        }
    }
}

impl Arguments {
    /// The task with what the command line adds to it.
    fn adjusted(&self, mut task: Task) -> Task {
        task.grants.http.extend(self.http.iter().cloned());
        task.grants.env.extend(self.env.iter().cloned());
        task.grants.folders.extend(self.folder.iter().cloned());
        let writable = self.folder_rw.iter().cloned();
        task.grants.folders.extend(writable.map(|folder| FolderGrant { access: FolderAccess::ReadWrite, ..folder }));
        if self.kv {
            task.grants.kv.get_or_insert_default();
        }
        task.limits.timeout = self.timeout.unwrap_or(task.limits.timeout);
        task.limits.fuel = self.fuel.unwrap_or(task.limits.fuel);
        task.limits.memory = self.memory.unwrap_or(task.limits.memory);
        task
    }

    fn payload(&self) -> anyhow::Result<Option<Blob>> {
        payload(self.payload.as_deref(), self.payload_file.as_deref(), self.content_type.as_deref())
    }
}

/// Shows the log and the outcome on stderr, the output on stdout.
fn show(report: &AttemptReport) -> anyhow::Result<()> {
    for line in &report.log {
        terminal::remark(log_line(line));
    }
    let usage = &report.usage;
    terminal::remark(format_args!(
        "{} after {}, with {} fuel and {} of memory at its peak",
        inert(&report.outcome.to_string()),
        duration(usage.duration),
        usage.fuel.map_or("unmetered".to_owned(), |fuel| figure(fuel, Unit::Count).to_string()),
        figure(usage.peak_memory, Unit::Bytes),
    ));
    for frame in frames(&report.outcome) {
        terminal::remark(format_args!("  at {}", inert(frame)));
    }
    match &report.outcome {
        AttemptOutcome::Succeeded { output: Some(output) } => show_output(output),
        _ => Ok(()),
    }
}

/// Shows what a run put out: as it is where a program reads it, inert where a person does.
pub(super) fn show_output(output: &Blob) -> anyhow::Result<()> {
    match std::str::from_utf8(&output.bytes) {
        _ if !std::io::stdout().is_terminal() => terminal::print_bytes(&output.bytes)?,
        Ok(text) => text.lines().try_for_each(|line| terminal::print_line(inert(line)))?,
        Err(_) => terminal::remark(format_args!(
            "the output is {} of {}; redirect stdout to keep it",
            figure(output.bytes.len() as u64, Unit::Bytes),
            inert(&output.content_type)
        )),
    }
    Ok(())
}

fn log_line(line: &LogLine) -> String {
    let fields: String = line.fields.iter().map(|(key, value)| format!(" {}={}", inert(key), inert(value))).collect();
    format!("{:>5} {:<6} {}{fields}", line.level.name(), line.source.name(), inert(&line.message))
}

fn frames(outcome: &AttemptOutcome) -> &[String] {
    match outcome {
        AttemptOutcome::Trapped(trap) => &trap.backtrace,
        AttemptOutcome::Exceeded(exceeded) => &exceeded.backtrace,
        _ => &[],
    }
}

fn to_json(report: &AttemptReport) -> serde_json::Value {
    let AttemptReport { outcome, usage, log, started_at, writes: _ } = report;
    let output = match outcome {
        AttemptOutcome::Succeeded { output: Some(output) } => Some(json!({
            "content-type": output.content_type,
            "text": std::str::from_utf8(&output.bytes).ok(),
            "bytes": output.bytes.len(),
        })),
        _ => None,
    };
    let log: Vec<_> = log
        .iter()
        .map(|line| {
            json!({
                "at": line.at.to_string(),
                "level": line.level.name(),
                "source": line.source.name(),
                "message": line.message,
                "fields": line.fields.iter().map(|(key, value)| json!([key, value])).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "outcome": outcome.class().name(),
        "reason": outcome.to_string(),
        "backtrace": frames(outcome),
        "started-at": started_at.to_string(),
        "usage": view::Usage::from(usage),
        "log": log,
        "output": output,
    })
}

fn slot(text: &str) -> Result<Slot, AtError> {
    at::parse(text).map(|time| Slot::at(time.timestamp()))
}

fn environment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

fn folder(text: &str) -> Result<FolderGrant, String> {
    let expected = || "expected HOST:GUEST, such as ./data:/data".to_owned();
    let (host, guest) = text.rsplit_once(':').ok_or_else(expected)?;
    if host.is_empty() || !guest.starts_with('/') {
        return Err(expected());
    }
    let host = PathBuf::from(host);
    // One that is not there has its error when it is opened.
    let real = host.canonicalize().unwrap_or_else(|_| host.clone());
    Ok(FolderGrant { host, real, guest: guest.to_owned(), access: FolderAccess::ReadOnly })
}
