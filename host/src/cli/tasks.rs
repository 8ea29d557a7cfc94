//! `sandclock tasks`: what is configured, and how each task stands.

mod show;

use std::path::Path;
use std::sync::Arc;

use anyhow::bail;
use clap::Args;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::control::{Asked, Host, Reach, ask_if_running};
use super::exit::NotFound;
use super::shown::{self, Task, TaskDetail};
use super::{Exit, state, terminal};
use crate::api::view;
use crate::clock::Clock;
use crate::config::Config;
use crate::ledger::{LedgerError, Reader};
use crate::model::id::TaskName;
use crate::model::text::inert;
use crate::model::upcoming::upcoming;

/// Show the tasks: when each is due, how it stands, and how its last run ended.
///
/// The running host tells. Without one it is what the configuration and the ledger say; what runs is then unknown.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sandclock tasks
  sandclock tasks report
  sandclock tasks --json | jq '.[] | select(.failures_in_a_row > 0) | .task'

Exit codes: 0 done, 1 the host failed, 2 wrong usage, 3 configuration refused, 4 no such task,
6 no host answers at the address.")]
pub(super) struct Arguments {
    /// Only this task, in full
    task: Option<TaskName>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

pub(super) fn run(arguments: &Arguments, config: &Path, clock: Clock) -> anyhow::Result<Exit> {
    let host = match arguments.reach.host(config, clock)? {
        Ok(host) => host,
        Err(exit) => return Ok(exit),
    };
    let path = match &arguments.task {
        Some(task) => format!("/api/v1/tasks/{task}"),
        None => "/api/v1/tasks".to_owned(),
    };
    let answer = match (ask_if_running(&host, Asked::get(path))?, &host) {
        (Some(mut answer), _) if arguments.task.is_none() => answer["tasks"].take(),
        (Some(answer), _) => answer,
        (None, Host::There(_)) => bail!(host.not_running()),
        (None, Host::Here(state)) => {
            let config = match state::config(config, clock) {
                Ok(config) => config,
                Err(exit) => return Ok(exit),
            };
            let answer = without_host(arguments.task.as_ref(), &config, state, clock)?;
            let state = state.display();
            terminal::remark(format_args!("no host is running on {state}: what runs is unknown, and nothing will"));
            answer
        }
    };
    if arguments.json {
        terminal::print_json(&answer)?;
        return Ok(Exit::Done);
    }
    let zone = TimeZone::system();
    if arguments.task.is_some() {
        let detail: TaskDetail = shown::read(answer)?;
        terminal::print(show::page(&detail, &zone))?;
        terminal::hint(format_args!("its runs: sandclock runs {}", inert(&detail.task.task)));
        return Ok(Exit::Done);
    }
    let tasks: Vec<Task> = shown::read(answer)?;
    terminal::print(show::table(&tasks, &zone))?;
    let failing: Vec<&Task> = tasks.iter().filter(|task| task.failures_in_a_row > 0).collect();
    match failing[..] {
        [] if tasks.is_empty() => terminal::remark("there are no tasks"),
        [] => {}
        [task] => terminal::hint(format_args!("more: sandclock runs {}", inert(&task.task))),
        _ => terminal::hint("more of each: sandclock runs TASK"),
    }
    Ok(Exit::Done)
}

/// What the configuration and the ledger say, in the form in which a host tells it.
fn without_host(task: Option<&TaskName>, config: &Config, state: &Path, clock: Clock) -> anyhow::Result<Value> {
    let now = clock.now();
    let known = match Reader::open(state) {
        Ok(reader) => view::Standings::of(&reader, task, now.to_zoned(TimeZone::UTC).date())?,
        // No host has served this configuration yet.
        Err(LedgerError::Absent { .. }) => view::Standings::none(),
        Err(error) => return Err(error.into()),
    };
    let unknown = |task: &view::Task| -> anyhow::Result<Value> {
        let mut task = serde_json::to_value(task)?;
        (task["running"], task["waiting"]) = (Value::Null, Value::Null);
        Ok(task)
    };
    let Some(name) = task else {
        return config.tasks.iter().map(|task| unknown(&known.show(task, now))).collect();
    };
    let Some(task) = config.tasks.iter().find(|task| task.name == *name) else {
        bail!(NotFound::task(name.as_str(), config.tasks.iter().map(Arc::as_ref)));
    };
    let next = upcoming(&[task], now, 5);
    let detail = view::TaskDetail {
        task: known.show(task, now),
        settings: (&**task).into(),
        next: next.iter().map(|next| view::Slot::new(next, &config.host.timezone)).collect(),
    };
    let mut shown = serde_json::to_value(&detail)?;
    shown["task"] = unknown(&detail.task)?;
    Ok(shown)
}
