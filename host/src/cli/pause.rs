//! `sandclock pause` and `sandclock resume`: a task's schedule stops for a while.
//!
//! Without a running host they write to the ledger themselves, and the next host finds it there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::bail;
use clap::Args;

use super::control::{Asked, Elsewhere, Host, ask, ask_if_running};
use super::exit::NotFound;
use super::{Exit, offline, state, terminal};
use crate::clock::Clock;
use crate::ledger::Entry;
use crate::model::access::Role;
use crate::model::id::TaskName;
use crate::model::pause::Pause;

/// Pause a task: none of its slots is run until it is resumed.
///
/// Runs that are there already go on, and whoever asks for a run gets one. The slots that pass are in the ledger as
/// skipped. A pause outlives the host; without a running host it is written to the ledger.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sandclock pause report\n\nExit codes: 0 paused (also if it was before), 1 the host failed, 2 wrong usage,\n3 configuration refused, 4 no such task, 5 a host runs that cannot be asked,\n6 no host answers at the address."
)]
pub(super) struct PauseArguments {
    #[command(flatten)]
    of: Of,
}

/// Resume a task that was paused.
///
/// Of the slots that passed meanwhile, `misfire` says which are run late.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sandclock resume report\n\nExit codes: 0 resumed (also if it was not paused), 1 the host failed, 2 wrong usage,\n3 configuration refused, 4 no such task, 5 a host runs that cannot be asked,\n6 no host answers at the address."
)]
pub(super) struct ResumeArguments {
    #[command(flatten)]
    of: Of,
}

#[derive(Debug, Args)]
struct Of {
    /// The task
    task: TaskName,
    #[command(flatten)]
    elsewhere: Elsewhere,
}

pub(super) fn pause(arguments: &PauseArguments, config: &Path, clock: Clock) -> anyhow::Result<Exit> {
    let pause = Pause { since: clock.now(), by: format!("uid {}", rustix::process::getuid().as_raw()) };
    set(&arguments.of, "pause", Some(pause), config, clock)
}

pub(super) fn resume(arguments: &ResumeArguments, config: &Path, clock: Clock) -> anyhow::Result<Exit> {
    set(&arguments.of, "resume", None, config, clock)
}

fn set(of: &Of, verb: &str, pause: Option<Pause>, file: &Path, clock: Clock) -> anyhow::Result<Exit> {
    let task = &of.task;
    let done = if pause.is_some() { "paused" } else { "resumed" };
    let asked = Asked::at(format!("/api/v1/tasks/{task}/{verb}"));
    if let Some(distant) = of.elsewhere.distant()? {
        ask(&Host::There(distant), asked)?;
        terminal::remark(format_args!("{task} is {done}"));
        return Ok(Exit::Done);
    }
    let config = match state::config(file, clock) {
        Ok(config) => config,
        Err(exit) => return Ok(exit),
    };
    let state: PathBuf = config.host.state.clone();
    if ask_if_running(&Host::Here(state.clone()), asked)?.is_some() {
        terminal::remark(format_args!("{task} is {done}"));
        return Ok(Exit::Done);
    }
    if !config.tasks.iter().any(|known| known.name == *task) {
        bail!(NotFound::task(task.as_str(), config.tasks.iter().map(Arc::as_ref)));
    }
    let ledger = offline::Opened::open(&state, clock)?;
    // Since when it was paused before stays true.
    let was_paused = ledger.recovered.standings.get(task).is_some_and(|standing| standing.pause.is_some());
    if was_paused != pause.is_some() {
        let entry = Entry::PauseSet { task: task.clone(), pause };
        ledger.append(entry, Role::Operate, &format!("sandclock {verb}"), Some(task.clone()))?;
    }
    terminal::remark(format_args!("{task} is {done}; no host is running, the next one goes by it"));
    Ok(Exit::Done)
}
