//! `sandclock stats`: how tasks do; what a task's attempts took of its limits, and limits that would suit it better.

mod history;
mod show;
mod tasks;

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use jiff::ToSpan;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::control::{Asked, Host, Reach, ask};
use super::exit::NotFound;
use super::shown::{self, TaskStats, TaskSummary};
use super::{Exit, state, terminal};
use crate::api::view;
use crate::clock::Clock;
use crate::config::Config;
use crate::ledger::Reader;
use crate::model::history::{ENOUGH, History};
use crate::model::id::TaskName;
use crate::model::text::inert;

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
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=731))]
    days: u32,
    /// How many of its attempts to hold against its limits, newest first
    #[arg(long, short = 'n', value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    attempts: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

pub(super) fn run(arguments: &Arguments, file: &Path, clock: Clock) -> anyhow::Result<Exit> {
    let host = match arguments.reach.host(file, clock)? {
        Ok(host) => host,
        Err(exit) => return Ok(exit),
    };
    let answer = match &host {
        Host::There(_) => of_host(arguments, &host)?,
        Host::Here(state) => {
            let config = match state::config(file, clock) {
                Ok(config) => config,
                Err(exit) => return Ok(exit),
            };
            of_ledger(arguments, &config, state, clock)?
        }
    };
    if arguments.json {
        terminal::print_json(&answer)?;
        return Ok(Exit::Done);
    }
    let zone = TimeZone::system();
    match &arguments.task {
        None => {
            let tasks: Vec<TaskSummary> = shown::read(answer)?;
            terminal::print(tasks::table(&tasks, arguments.days, &zone))?;
        }
        Some(_) => print_task(&shown::read(answer)?, &zone)?,
    }
    Ok(Exit::Done)
}

fn of_host(arguments: &Arguments, host: &Host) -> anyhow::Result<Value> {
    let Arguments { task, days, attempts, .. } = arguments;
    match task {
        None => Ok(ask(host, Asked::get(format!("/api/v1/stats?days={days}")))?["tasks"].take()),
        Some(task) => ask(host, Asked::get(format!("/api/v1/tasks/{task}/stats?days={days}&attempts={attempts}"))),
    }
}

/// What the ledger says, in the form in which a host tells it.
fn of_ledger(arguments: &Arguments, config: &Config, state: &Path, clock: Clock) -> anyhow::Result<Value> {
    let today = clock.now().to_zoned(TimeZone::UTC).date();
    let since = today.saturating_sub((i64::from(arguments.days) - 1).days());
    let mut tasks = config.tasks.iter().map(Arc::as_ref);
    let Some(name) = &arguments.task else {
        let known = Reader::open(state)?.tasks(since)?;
        return Ok(serde_json::to_value(view::summaries(tasks.map(|task| &task.name), &known, arguments.days))?);
    };
    let task = tasks
        .find(|task| task.name == *name)
        .with_context(|| NotFound::task(name.as_str(), config.tasks.iter().map(Arc::as_ref)))?;
    let reader = Reader::open(state)?;
    let (summary, days) = (reader.task(name, since)?, reader.days(name, since)?);
    let records = reader.attempts_of_task(name, arguments.attempts)?;
    let history = History::of(records.iter().map(|record| (&record.outcome, &record.usage)));
    let since = records.last().map(|record| record.started_at);
    let of_runs = summary.map(|summary| view::History::new(&summary, &days));
    Ok(serde_json::to_value(view::TaskStats::new(task, &history, since, of_runs))?)
}

fn print_task(stats: &TaskStats, zone: &TimeZone) -> anyhow::Result<()> {
    if let Some(history) = &stats.history {
        terminal::print(history::text(&stats.task, history, zone))?;
    }
    if stats.attempts == 0 {
        terminal::remark(format_args!("no attempt of {} is over yet", inert(&stats.task)));
        return Ok(());
    }
    terminal::print(format_args!("\n{}", show::table(stats, zone)))?;
    match show::toml(stats) {
        Some(toml) => terminal::print(format_args!("\n{toml}"))?,
        None => terminal::remark("no limit should be another, as far as these attempts tell"),
    }
    if stats.succeeded < ENOUGH {
        let so_far = stats.succeeded;
        terminal::remark(format_args!("limits are proposed lower from {ENOUGH} successes on; so far {so_far}"));
    }
    Ok(())
}
