//! `sandclock backfill`: runs the slots of a past time that were not run, or not with success.

use std::path::Path;

use clap::{Args, value_parser};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::control::{Asked, Reach, ask};
use super::when::{self, When};
use super::{Exit, terminal};
use crate::clock::Clock;
use crate::model::id::TaskName;
use crate::model::payload::Blob;

/// Ask the running host to run the slots of a past time that did not succeed.
///
/// A slot is run if it has no entry, was missed or skipped, or if its run is over without success; its run is then
/// opened again, and keeps the attempts that it had. No slot succeeds twice, and none has two runs. The runs wait for
/// their turn in the ledger and survive a restart. At most ten thousand slots can be asked for at once.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sandclock backfill report --from 2026-11-01 --to 2026-11-08
  sandclock backfill report --from 7d --to 1h --max-parallel 4
  sandclock runs report --cause backfill

Exit codes: 0 the runs are in the ledger, 1 refused or the host failed, 2 wrong usage,
3 configuration refused, 4 no such task, 6 no host is running.")]
pub(super) struct Arguments {
    /// The task
    task: TaskName,
    /// The first time at which a slot can lie: `7d` (ago), `2026-11-01`, `2026-11-01T18:00`
    #[arg(long, value_name = "WHEN", value_parser = when::parse_past)]
    from: When,
    /// The last time
    #[arg(long, value_name = "WHEN", value_parser = when::parse_past)]
    to: When,
    /// How many of the runs may go on at once; the task's own `max-concurrent` counts as well
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(1..))]
    max_parallel: u32,
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
    let (now, zone) = (clock.now(), TimeZone::system());
    let body = json!({
        "from": arguments.from.resolve(now, &zone)?.to_string(),
        "to": arguments.to.resolve(now, &zone)?.to_string(),
        "max_parallel": arguments.max_parallel,
    });
    let asked = Asked::at(format!("/api/v1/tasks/{}/backfill", arguments.task));
    let body = Blob { content_type: Blob::JSON.to_owned(), bytes: body.to_string().into_bytes() };
    let answer = ask(&host, Asked { body: Some(body), ..asked })?;
    if arguments.json {
        terminal::print_json(&answer)?;
    } else {
        terminal::print(format_args!("{}\n", in_words(&answer)))?;
    }
    Ok(Exit::Done)
}

/// `queued 12 runs; left alone: 30 succeeded, 1 not over`.
fn in_words(answer: &Value) -> String {
    let slots = |kind: &str| answer["slots"][kind].as_u64().unwrap_or(0);
    let left: Vec<String> = [
        (slots("succeeded"), "succeeded"),
        (slots("unfinished"), "not over"),
        (slots("undecided"), "still to come"),
        (slots("removed"), "refused: what became of them was removed from the ledger (`retention`)"),
        (slots("of_another_schedule"), "of another schedule"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    let queued = match answer["queued"].as_u64().unwrap_or(0) {
        1 => "queued 1 run".to_owned(),
        count => format!("queued {count} runs"),
    };
    if left.is_empty() { queued } else { format!("{queued}; left alone: {}", left.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_says_what_was_queued_and_what_was_left_alone() {
        let answer = |queued, succeeded, unfinished| {
            in_words(&json!({ "queued": queued, "slots": { "succeeded": succeeded, "unfinished": unfinished } }))
        };
        assert_eq!(answer(1, 0, 0), "queued 1 run");
        assert_eq!(answer(12, 30, 1), "queued 12 runs; left alone: 30 succeeded, 1 not over");
        let removed = in_words(&json!({ "queued": 0, "slots": { "removed": 3 } }));
        assert!(removed.contains("3 refused: what became of them was removed"), "{removed}");
        assert_eq!(answer(0, 30, 0), "queued 0 runs; left alone: 30 succeeded");
    }
}
