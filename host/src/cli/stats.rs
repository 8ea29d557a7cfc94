//! `sandclock stats`: what a task's attempts took of its limits, and limits that would suit it better.

mod show;

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use jiff::tz::TimeZone;

use super::exit::NotFound;
use super::{Exit, terminal};
use crate::clock::Clock;
use crate::config::{self, Surroundings};
use crate::ledger::Reader;
use crate::model::history::{ENOUGH, History};
use crate::model::id::TaskName;
use show::Stats;

/// Show how near a task's attempts come to its limits, and propose better ones
///
/// Below the table stand lines for the configuration: twice the largest use, rounded up. A limit that leaves less room is
/// proposed higher; timeout, fuel and memory that leave much more are proposed lower, once 20 attempts have succeeded.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  sandclock stats report\n  sandclock stats report -n 100 --json | jq .proposed")]
pub(super) struct Arguments {
    /// The task
    task: TaskName,
    /// How many of its attempts to look at, newest first
    #[arg(long, short = 'n', value_name = "N", default_value_t = 1000)]
    attempts: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, file: &Path, clock: Clock) -> anyhow::Result<Exit> {
    let config = match config::load(file, &Surroundings::of_process(clock.now())) {
        Ok(loaded) => loaded.config,
        Err(report) => {
            terminal::remark(report.coloured().trim_end());
            return Ok(Exit::ConfigRefused);
        }
    };
    let mut tasks = config.tasks.iter().map(Arc::as_ref);
    let task = tasks
        .find(|task| task.name == arguments.task)
        .with_context(|| NotFound::task(arguments.task.as_str(), config.tasks.iter().map(Arc::as_ref)))?;
    let records = Reader::open(&config.host.state)?.attempts_of_task(&task.name, arguments.attempts)?;
    let history = History::of(records.iter().map(|record| (&record.outcome, &record.usage)));
    let since = records.last().map(|record| record.started_at);
    let stats = Stats { task, history: &history, since };
    if arguments.json {
        terminal::print_json(&stats.json())?;
        return Ok(Exit::Done);
    }
    if history.attempts == 0 {
        terminal::remark(format_args!("no attempt of {} is over yet", task.name));
        return Ok(Exit::Done);
    }
    terminal::print(stats.table(&TimeZone::system()))?;
    match stats.toml() {
        Some(toml) => terminal::print(format_args!("\n{toml}"))?,
        None => terminal::remark("no limit should be another, as far as these attempts tell"),
    }
    if history.succeeded < ENOUGH {
        let so_far = history.succeeded;
        terminal::remark(format_args!("limits are proposed lower from {ENOUGH} successes on; so far {so_far}"));
    }
    Ok(Exit::Done)
}
