//! `sandclock runs`: what became of runs and slots, newest first.

mod table;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use jiff::tz::TimeZone;

use super::when::{self, When};
use super::{Exit, state, terminal};
use crate::api::{view, words};
use crate::clock::Clock;
use crate::ledger::{Filter, Reader};
use crate::model::cause::CauseKind;
use crate::model::id::{RunId, TaskName};
use crate::model::outcome::OutcomeClass;

pub(super) use table::style;

/// Show what became of runs and slots, newest first
///
/// With --slot, --due-since or --due-until the list is of slots, the latest first, however late they were entered.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sandclock runs\n  sandclock runs report --outcome failed --since 2d\n  sandclock runs report --slot 2026-11-23T09:00\n  sandclock runs --since 2026-11-01 --json | jq '.[].outcome'"
)]
pub(super) struct Arguments {
    /// Only those of this task
    task: Option<TaskName>,
    /// Only those that ended so: succeeded, failed, trapped, exceeded, cancelled, skipped, missed, interrupted, broken
    /// (several with commas between)
    #[arg(long, value_name = "OUTCOME", value_delimiter = ',', value_parser = parse_outcome)]
    outcome: Vec<Ended>,
    /// Only those that exist for this reason: schedule, catch-up, manual, http, after, backfill
    #[arg(long, value_name = "CAUSE", value_parser = words::cause)]
    cause: Option<CauseKind>,
    /// Only those entered since then: `2h` (ago), `2026-11-23`, `2026-11-23T18:00`
    #[arg(long, value_name = "WHEN", value_parser = when::parse_past)]
    since: Option<When>,
    /// Only those entered before then
    #[arg(long, value_name = "WHEN", value_parser = when::parse_past)]
    until: Option<When>,
    /// Only those of this slot, a range of missed ones that holds it among them
    #[arg(long, value_name = "WHEN", value_parser = when::parse_past, conflicts_with_all = ["due_since", "due_until"])]
    slot: Option<When>,
    /// Only those due then or later
    #[arg(long, value_name = "WHEN", value_parser = when::parse_past)]
    due_since: Option<When>,
    /// Only those due before then
    #[arg(long, value_name = "WHEN", value_parser = when::parse_past)]
    due_until: Option<When>,
    /// Only those after this one in the list: the next page
    #[arg(long, value_name = "RUN")]
    before: Option<RunId>,
    /// How many at the most
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
    limit: u32,
    /// The state folder, if not that of the configuration
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, config: &Path, clock: Clock) -> anyhow::Result<Exit> {
    let state = match state::folder(arguments.state.as_deref(), config, clock) {
        Ok(state) => state,
        Err(exit) => return Ok(exit),
    };
    let zone = TimeZone::system();
    let now = clock.now();
    let time = |when: &Option<When>| when.as_ref().map(|when| when.resolve(now, &zone)).transpose();
    // A slot is a millisecond.
    let slot = time(&arguments.slot)?;
    let after_slot = slot.map(|slot| slot.checked_add(Duration::from_millis(1))).transpose()?;
    let filter = Filter {
        task: arguments.task.clone(),
        outcomes: arguments.outcome.iter().flat_map(|ended| ended.0.iter().copied()).collect(),
        cause: arguments.cause,
        since: time(&arguments.since)?,
        until: time(&arguments.until)?,
        due_since: slot.or(time(&arguments.due_since)?),
        due_until: after_slot.or(time(&arguments.due_until)?),
        before: arguments.before,
        limit: arguments.limit,
    };
    let records = Reader::open(&state)?.records(&filter)?;
    if arguments.json {
        terminal::print_json(&records.iter().map(view::Record::from).collect::<Vec<_>>())?;
        return Ok(Exit::Done);
    }
    terminal::print(table::of_records(&records, &zone))?;
    match records.last() {
        None => terminal::remark("no such runs"),
        Some(last) if records.len() == arguments.limit as usize => {
            terminal::remark(format_args!("more: --before {}", last.id()));
        }
        Some(_) => {}
    }
    Ok(Exit::Done)
}

/// What `--outcome` takes: a class, or `failed` for both kinds of failure.
#[derive(Debug, Clone)]
struct Ended(Vec<OutcomeClass>);

fn parse_outcome(text: &str) -> Result<Ended, String> {
    words::outcomes(text).map(Ended)
}
