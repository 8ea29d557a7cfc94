//! `sandclock stats`: how tasks do; what a task's attempts took of its limits, and limits that would suit it better.

mod history;
mod show;
mod tasks;

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::exit::NotFound;
use super::{Exit, terminal};
use crate::api::view;
use crate::clock::Clock;
use crate::config::{self, Config, Surroundings};
use crate::ledger::Reader;
use crate::model::history::{ENOUGH, History};
use crate::model::id::TaskName;
use crate::model::task::Task;
use show::Stats;
use tasks::Tasks;

/// Show how tasks do, day by day, and how near one comes to its limits
///
/// Without a task: a line for each. Days are those of UTC; a run counts on the day on which it ended. The success rate is
/// that of runs which succeeded or failed, so those skipped or cancelled say nothing. Percentiles are exact to 1.6 %.
///
/// Of one task also: how near its attempts come to its limits. Below the table stand lines for the configuration: twice the largest use, rounded up. A limit that leaves less room is
/// proposed higher; timeout, fuel and memory that leave much more are proposed lower, once 20 attempts have succeeded.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sandclock stats\n  sandclock stats report\n  sandclock stats report -n 100 --json | jq .proposed"
)]
pub(super) struct Arguments {
    /// Only this task, in full
    task: Option<TaskName>,
    /// How many days to look at, today among them
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: u32,
    /// How many of its attempts to hold against its limits, newest first
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
    let today = clock.now().to_zoned(TimeZone::UTC).date();
    let since = today.saturating_sub((i64::from(arguments.days) - 1).days());
    match &arguments.task {
        None => of_all(arguments, &config, since),
        Some(name) => {
            let mut tasks = config.tasks.iter().map(Arc::as_ref);
            let task = tasks
                .find(|task| task.name == *name)
                .with_context(|| NotFound::task(name.as_str(), config.tasks.iter().map(Arc::as_ref)))?;
            of_task(arguments, &config, task, since)
        }
    }
}

fn of_all(arguments: &Arguments, config: &Config, since: Date) -> anyhow::Result<Exit> {
    let known = Reader::open(&config.host.state)?.tasks(since)?;
    let tasks = Tasks::new(config.tasks.iter().map(|task| task.name.clone()), known, arguments.days);
    match arguments.json {
        true => terminal::print_json(&tasks.json())?,
        false => terminal::print(tasks.table(&TimeZone::system()))?,
    }
    Ok(Exit::Done)
}

fn of_task(arguments: &Arguments, config: &Config, task: &Task, since: Date) -> anyhow::Result<Exit> {
    let reader = Reader::open(&config.host.state)?;
    let summary = reader.task(&task.name, since)?;
    let days = reader.days(&task.name, since)?;
    let records = reader.attempts_of_task(&task.name, arguments.attempts)?;
    let history = History::of(records.iter().map(|record| (&record.outcome, &record.usage)));
    let since = records.last().map(|record| record.started_at);
    if arguments.json {
        let of_runs = summary.map(|summary| view::History::new(&summary, &days));
        terminal::print_json(&view::TaskStats::new(task, &history, since, of_runs))?;
        return Ok(Exit::Done);
    }
    let zone = TimeZone::system();
    let stats = Stats { task, history: &history, since };
    if let Some(summary) = summary {
        terminal::print(history::text(&summary, &days, &zone))?;
    }
    if history.attempts == 0 {
        terminal::remark(format_args!("no attempt of {} is over yet", task.name));
        return Ok(Exit::Done);
    }
    terminal::print(format_args!("\n{}", stats.table(&zone)))?;
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
