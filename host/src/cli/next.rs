//! `sandclock next`: when tasks are due.

mod show;

use std::path::Path;
use std::sync::Arc;

use anyhow::bail;
use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::control::{Asked, Elsewhere, Host, ask};
use super::exit::NotFound;
use super::shown::{self, Slot};
use super::when::{self, When};
use super::{Exit, state, terminal};
use crate::api::view;
use crate::clock::Clock;
use crate::config::Config;
use crate::model::id::TaskName;
use crate::model::task::Task;
use crate::model::upcoming::upcoming;

/// Show when tasks are due, and where clocks are changed on the way.
///
/// Times are those of the task's time zone. A slot that comes within a day after the clocks were changed says so: which
/// times they skip, or show twice.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sandclock next\n  sandclock next report -n 5\n  sandclock next report --from 2027-03-13 --json | jq -r '.[].due'"
)]
pub(super) struct Arguments {
    /// Only the slots of this task
    task: Option<TaskName>,
    /// How many slots
    #[arg(long, short = 'n', value_name = "N", default_value_t = 10)]
    count: usize,
    /// Slots after this time rather than from now on: `2027-03-13`, `2027-03-13T18:00` (in `host.timezone`, with --url in
    /// that of this machine), `2027-03-13T18:00:00Z`
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    from: Option<When>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    elsewhere: Elsewhere,
}

pub(super) fn run(arguments: &Arguments, file: &Path, clock: Clock) -> anyhow::Result<Exit> {
    let now = clock.now();
    let found = match arguments.elsewhere.distant()? {
        Some(distant) => arguments.there(&Host::There(distant), now)?,
        None => match state::config(file, clock) {
            Ok(config) => arguments.here(&config, now)?,
            Err(exit) => return Ok(exit),
        },
    };
    if arguments.json {
        terminal::print_json(&found.slots)?;
        return Ok(Exit::Done);
    }
    let slots: Vec<Slot> = shown::read(found.slots)?;
    terminal::print(show::table(&slots, now))?;
    if slots.is_empty() && arguments.count > 0 {
        terminal::remark(found.nothing);
    }
    Ok(Exit::Done)
}

/// What was found.
struct Found {
    /// The slots, in the form in which a host tells them.
    slots: Value,
    /// What to say if there are none.
    nothing: String,
}

impl Arguments {
    /// As the configuration says.
    fn here(&self, config: &Config, now: Timestamp) -> anyhow::Result<Found> {
        let zone = &config.host.timezone;
        let wanted = |task: &&Task| self.task.as_ref().is_none_or(|name| *name == task.name);
        let tasks: Vec<&Task> = config.tasks.iter().map(Arc::as_ref).filter(wanted).collect();
        if let (Some(name), true) = (&self.task, tasks.is_empty()) {
            bail!(NotFound::task(name.as_str(), config.tasks.iter().map(Arc::as_ref)));
        }
        let from = self.from.as_ref().map_or(Ok(now), |from| from.resolve(now, zone))?;
        let slots: Vec<view::Slot> =
            upcoming(&tasks, from, self.count).iter().map(|next| view::Slot::new(next, zone)).collect();
        Ok(Found { slots: serde_json::to_value(slots)?, nothing: show::nothing(&tasks) })
    }

    /// As a running host says.
    fn there(&self, host: &Host, now: Timestamp) -> anyhow::Result<Found> {
        let mut path = format!("/api/v1/slots?count={}", self.count);
        if let Some(task) = &self.task {
            path += &format!("&task={task}");
        }
        if let Some(from) = &self.from {
            path += &format!("&from={}", from.resolve(now, &TimeZone::system())?);
        }
        let slots = ask(host, Asked::get(path))?["slots"].take();
        let nothing = match &self.task {
            Some(task) => format!("{task} is never due again, or has no schedule"),
            None => "no task is due again".to_owned(),
        };
        Ok(Found { slots, nothing })
    }
}
