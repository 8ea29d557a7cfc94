//! `sandclock trigger`, `sandclock retry` and `sandclock cancel`: a run more, one again, or one less.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{ArgGroup, Args};

use super::control::{Asked, Reach, ask};
use super::wait::Wait;
use super::{Exit, terminal};
use crate::clock::Clock;
use crate::model::id::{RunId, TaskName};
use crate::model::key::Key;
use crate::model::payload::Blob;

/// Ask the running host for a run of a task, and print its id.
///
/// The run is one like any other: recorded, limited, retried. Its task's `overlap` may skip it. A task that is paused
/// is run all the same; one with `enabled = false` is not. For a run in the foreground there is `sandclock run`.
///
/// With --wait it is followed to its end: its log goes to stderr as it comes, its output to stdout. Ctrl-C ends the wait,
/// not the run.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("contents").args(["payload", "payload_file"]), after_help = "\
Examples:
  sandclock trigger report
  sandclock trigger report --payload '{\"region\": \"eu\"}' --wait=5m
  sandclock trigger report --key 2026-11-28-eu --url https://clock.example:7390 --token-file token
  sandclock logs -f $(sandclock trigger report)

Exit codes: 0 the run is in the ledger, 1 refused or the host failed, 2 wrong usage,
3 configuration refused, 4 no such task, 6 no host is running. With --wait: 0 succeeded,
10 failed for good, 11 trapped, 12 a limit was exceeded, 13 cancelled, 14 skipped, 15 interrupted,
75 failed, perhaps not for long, 124 the time is up and the run goes on.")]
pub(super) struct Arguments {
    /// The task
    task: TaskName,
    /// What the run works on, as text
    #[arg(long, value_name = "TEXT")]
    payload: Option<String>,
    /// What the run works on, from a file
    #[arg(long, value_name = "FILE")]
    payload_file: Option<PathBuf>,
    /// The media type of the payload; JSON and plain text are recognised
    #[arg(long, value_name = "TYPE", requires = "contents")]
    content_type: Option<String>,
    /// A name for this request: the same one again makes no second run, for 48 hours at least
    #[arg(long, value_name = "KEY")]
    key: Option<Key>,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    reach: Reach,
}

/// Ask the running host to run a run again that is over and did not succeed.
///
/// It is the same run, opened again: with its id, its slot and its payload, and with as many further attempts as a new run
/// has. With --wait it is followed to its end, as by `sandclock trigger`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sandclock retry 01KB2M8Q4Z7XN
  sandclock retry 01KB2M8Q4Z7XN --wait

Exit codes: 0 it is open again, 1 refused or the host failed, 2 wrong usage, 3 configuration refused,
4 there is no such run, 6 no host is running; with --wait those of its outcome, as `sandclock trigger` has them.")]
pub(super) struct RetryArguments {
    /// The run
    run: RunId,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    reach: Reach,
}

/// Ask the running host to end a run, wherever it stands.
///
/// A guest that runs is stopped, and a run that waits never starts.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sandclock cancel 01KB2M8Q4Z7XN\n\nExit codes: 0 it was told to end, 1 the host failed, 2 wrong usage, 3 configuration refused,\n4 there is no such run or it is over, 6 no host is running."
)]
pub(super) struct CancelArguments {
    /// The run
    run: RunId,
    #[command(flatten)]
    reach: Reach,
}

pub(super) fn run(arguments: &Arguments, config: &Path, clock: Clock) -> anyhow::Result<Exit> {
    let host = match arguments.reach.host(config, clock)? {
        Ok(host) => host,
        Err(exit) => return Ok(exit),
    };
    let body =
        payload(arguments.payload.as_deref(), arguments.payload_file.as_deref(), arguments.content_type.as_deref())?;
    let key = arguments.key.as_ref().map(|key| ("idempotency-key", key.as_str().to_owned()));
    let asked = Asked::at(format!("/api/v1/tasks/{}/runs", arguments.task));
    let answer = ask(&host, Asked { body, headers: key.into_iter().collect(), ..asked })?;
    let run: RunId =
        answer["run"].as_str().and_then(|run| run.parse().ok()).context("the host's answer names no run")?;
    if answer["repeated"] == true {
        terminal::remark(format_args!("the key led to the run {run} before; there is no second one"));
    }
    if !arguments.wait.is_wanted() {
        terminal::print_line(run)?;
        terminal::hint(format_args!("its log: sandclock logs -f {run}"));
        return Ok(Exit::Done);
    }
    arguments.wait.for_end(&host, run, 0)
}

pub(super) fn retry(arguments: &RetryArguments, config: &Path, clock: Clock) -> anyhow::Result<Exit> {
    let host = match arguments.reach.host(config, clock)? {
        Ok(host) => host,
        Err(exit) => return Ok(exit),
    };
    let run = arguments.run;
    // Its log goes on from here.
    let before = match arguments.wait.is_wanted() {
        true => ask(&host, Asked::get(format!("/api/v1/runs/{run}/logs?tail=0")))?["lines"].as_u64().unwrap_or(0),
        false => 0,
    };
    ask(&host, Asked::at(format!("/api/v1/runs/{run}/retry")))?;
    if !arguments.wait.is_wanted() {
        terminal::remark(format_args!("{run} is open again"));
        terminal::hint(format_args!("its log: sandclock logs -f {run}"));
        return Ok(Exit::Done);
    }
    arguments.wait.for_end(&host, run, before)
}

pub(super) fn cancel(arguments: &CancelArguments, config: &Path, clock: Clock) -> anyhow::Result<Exit> {
    let host = match arguments.reach.host(config, clock)? {
        Ok(host) => host,
        Err(exit) => return Ok(exit),
    };
    ask(&host, Asked::at(format!("/api/v1/runs/{}/cancel", arguments.run)))?;
    terminal::remark(format_args!("{} was told to end", arguments.run));
    Ok(Exit::Done)
}

/// A payload as the command line gives it; its media type is guessed where it is not said.
pub(super) fn payload(
    text: Option<&str>,
    file: Option<&Path>,
    content_type: Option<&str>,
) -> anyhow::Result<Option<Blob>> {
    let bytes = match (text, file) {
        (Some(text), _) => text.as_bytes().to_owned(),
        (None, Some(file)) => {
            std::fs::read(file).with_context(|| format!("cannot read the payload {}", file.display()))?
        }
        (None, None) => return Ok(None),
    };
    let content_type = match content_type {
        Some(content_type) => content_type.to_owned(),
        None if serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_ok() => Blob::JSON.to_owned(),
        None if std::str::from_utf8(&bytes).is_ok() => Blob::TEXT.to_owned(),
        None => Blob::BYTES.to_owned(),
    };
    Ok(Some(Blob { content_type, bytes }))
}
