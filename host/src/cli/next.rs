//! `sandclock next`: when tasks are due.

mod show;
mod upcoming;

use std::path::Path;
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::{Exit, terminal};
use crate::clock::Clock;
use crate::config::{self, Surroundings};
use crate::model::id::TaskName;
use crate::model::schedule::at;
use crate::model::task::Task;
use upcoming::upcoming;

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
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, file: &Path, clock: Clock) -> anyhow::Result<Exit> {
    let now = clock.now();
    let config = match config::load(file, &Surroundings::of_process(now)) {
        Ok(loaded) => loaded.config,
        Err(report) => {
            terminal::remark(report.coloured().trim_end());
            return Ok(Exit::ConfigRefused);
        }
    };
    let zone = &config.host.timezone;
    let from = match &arguments.from {
        Some(text) => match parse_from(text, zone) {
            Some(from) => from,
            None => {
                let expected = "a time such as 2027-03-13, 2027-03-13T18:00 or 2027-03-13T18:00:00Z";
                terminal::error(&anyhow::anyhow!("--from expects {expected}, found {text:?}"));
                return Ok(Exit::Usage);
            }
        },
        None => now,
    };
    let tasks: Vec<&Task> = config.tasks.iter().map(Arc::as_ref).filter(|task| arguments.wants(task)).collect();
    if let (Some(name), true) = (&arguments.task, tasks.is_empty()) {
        let names: Vec<&str> = config.tasks.iter().map(|task| task.name.as_str()).collect();
        terminal::error(&anyhow::anyhow!("no task is called {name}; there are {}", names.join(", ")));
        return Ok(Exit::NotFound);
    }
    let slots = upcoming(&tasks, from, arguments.count);
    if arguments.json {
        terminal::print_json(&show::json(&slots, zone));
        return Ok(Exit::Done);
    }
    terminal::print(show::table(&slots, zone, now));
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

/// A time as a person gives it; without a zone of its own, it is that of the host.
fn parse_from(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    match at::parse(text) {
        Ok(time) => Some(time.timestamp()),
        Err(_) => zone.to_timestamp(text.parse::<DateTime>().ok()?).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_read_in_the_zone_of_the_host_unless_it_has_its_own() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(parse_from(text, &zone), expected.map(|time| time.parse().unwrap()), "{text}");
        };
        check("2027-03-13", Some("2027-03-12T23:00:00Z"));
        check("2027-03-13T18:30", Some("2027-03-13T17:30:00Z"));
        check("2027-03-13 18:30", Some("2027-03-13T17:30:00Z"));
        check("2027-03-13T18:30:00Z", Some("2027-03-13T18:30:00Z"));
        check("2027-03-13T18:30:00[America/New_York]", Some("2027-03-13T23:30:00Z"));
        check("tomorrow", None);
    }
}
