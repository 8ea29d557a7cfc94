//! `sandclock trigger` and `sandclock cancel`: a run more, or one less.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{ArgGroup, Args};

use super::control::{Asked, ask};
use super::{Exit, state, terminal};
use crate::clock::Clock;
use crate::model::id::{RunId, TaskName};
use crate::model::payload::Blob;

/// Ask the running host for a run of a task, and print its id.
///
/// The run is one like any other: recorded, limited, retried. Its task's `overlap` may skip it. A task that is paused
/// is run all the same; one with `enabled = false` is not. For a run in the foreground there is `sandclock run`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("contents").args(["payload", "payload_file"]), after_help = "\
Examples:
  sandclock trigger report
  sandclock trigger report --payload '{\"region\": \"eu\"}'
  sandclock logs $(sandclock trigger report)

Exit codes: 0 the run is in the ledger, 1 refused or the host failed, 2 wrong usage,
3 configuration refused, 4 no such task, 6 no host is running.")]
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
    /// The state folder, if not that of the configuration
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
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
    /// The state folder, if not that of the configuration
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, config: &Path, clock: Clock) -> anyhow::Result<Exit> {
    let state = match state::folder(arguments.state.as_deref(), config, clock) {
        Ok(state) => state,
        Err(exit) => return Ok(exit),
    };
    let payload =
        payload(arguments.payload.as_deref(), arguments.payload_file.as_deref(), arguments.content_type.as_deref())?;
    let asked = Asked::at(format!("/api/v1/tasks/{}/runs", arguments.task));
    let asked = match payload {
        Some(Blob { content_type, bytes }) => Asked { content_type: Some(content_type), body: bytes, ..asked },
        None => asked,
    };
    let answer = ask(&state, asked)?;
    terminal::print_line(answer["run"].as_str().context("the host's answer names no run")?)?;
    Ok(Exit::Done)
}

pub(super) fn cancel(arguments: &CancelArguments, config: &Path, clock: Clock) -> anyhow::Result<Exit> {
    let state = match state::folder(arguments.state.as_deref(), config, clock) {
        Ok(state) => state,
        Err(exit) => return Ok(exit),
    };
    ask(&state, Asked::at(format!("/api/v1/runs/{}/cancel", arguments.run)))?;
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
