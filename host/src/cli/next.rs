//! `sandclock next`: when tasks are due.

mod show;

use std::path::Path;
use std::sync::Arc;

use anyhow::bail;
use clap::Args;

use super::exit::NotFound;
use super::when::{self, When};
use super::{Exit, state, terminal};
use crate::clock::Clock;
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
    /// Slots after this time rather than from now on: `2027-03-13`, `2027-03-13T18:00`, `2027-03-13T18:00:00Z`
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    from: Option<When>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, file: &Path, clock: Clock) -> anyhow::Result<Exit> {
    let now = clock.now();
    let config = match state::config(file, clock) {
        Ok(config) => config,
        Err(exit) => return Ok(exit),
    };
    let zone = &config.host.timezone;
    let from = arguments.from.as_ref().map_or(Ok(now), |from| from.resolve(now, zone))?;
    let tasks: Vec<&Task> = config.tasks.iter().map(Arc::as_ref).filter(|task| arguments.wants(task)).collect();
    if let (Some(name), true) = (&arguments.task, tasks.is_empty()) {
        bail!(NotFound::task(name.as_str(), config.tasks.iter().map(Arc::as_ref)));
    }
    let slots = upcoming(&tasks, from, arguments.count);
    if arguments.json {
        terminal::print_json(&show::json(&slots, zone))?;
        return Ok(Exit::Done);
    }
    terminal::print(show::table(&slots, zone, now))?;
    if slots.is_empty() && arguments.count > 0 {
        terminal::remark(show::nothing(&tasks));
    }
    Ok(Exit::Done)
}

impl Arguments {
    fn wants(&self, task: &Task) -> bool {
        self.task.as_ref().is_none_or(|name| *name == task.name)
    }
}
