//! `sandclock runs`: what became of runs and slots, newest first.

mod table;

use std::path::Path;
use std::time::Duration;

use clap::Args;
use jiff::tz::TimeZone;
use url::form_urlencoded;

use super::control::{Asked, Host, Reach, ask};
use super::shown::{self, Outcome, Record, Run};
use super::when::{self, When};
use super::{Exit, terminal};
use crate::api::{view, words};
use crate::clock::Clock;
use crate::ledger::{Filter, Reader};
use crate::model::cause::CauseKind;
use crate::model::id::{RunId, TaskName};
use crate::model::outcome::OutcomeClass;
use crate::model::text::inert;

pub(super) use table::{short, style};

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
    let records = match &host {
        Host::Here(state) => serde_json::to_value(
            Reader::open(state)?.records(&filter)?.iter().map(view::Record::from).collect::<Vec<_>>(),
        )?,
        Host::There(_) => ask(&host, Asked::get(address(&filter)))?["runs"].take(),
    };
    if arguments.json {
        terminal::print_json(&records)?;
        return Ok(Exit::Done);
    }
    let records: Vec<Record> = shown::read(records)?;
    terminal::print(table::of_records(&records, &zone))?;
    match records.last() {
        None => terminal::remark("no such runs"),
        Some(last) if records.len() == arguments.limit as usize => {
            terminal::remark(format_args!("more: --before {}", inert(last.id())));
        }
        Some(_) => {}
    }
    if let Some(run) = records.iter().find_map(failed) {
        terminal::hint(format_args!("why: sandclock logs {}", inert(&run.id)));
    }
    Ok(Exit::Done)
}

/// A run that had an attempt and went wrong: its log says more.
fn failed(record: &Record) -> Option<&Run> {
    match record {
        Record::Run(run) => {
            let went_wrong = |outcome: &Outcome| outcome.class().is_failure();
            (run.attempts > 0 && run.outcome.as_ref().is_some_and(went_wrong)).then_some(run)
        }
        Record::Missed(_) => None,
    }
}

/// The same question as the address of a host's answer.
fn address(filter: &Filter) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            query.append_pair(name, &value);
        }
    };
    add("task", filter.task.as_ref().map(ToString::to_string));
    let outcomes: Vec<&str> = filter.outcomes.iter().map(|class| class.name()).collect();
    add("outcome", (!outcomes.is_empty()).then(|| outcomes.join(",")));
    add("cause", filter.cause.map(|cause| cause.name().to_owned()));
    add("since", filter.since.map(|time| time.to_string()));
    add("until", filter.until.map(|time| time.to_string()));
    add("due_since", filter.due_since.map(|time| time.to_string()));
    add("due_until", filter.due_until.map(|time| time.to_string()));
    add("cursor", filter.before.map(|run| run.to_string()));
    add("limit", Some(filter.limit.to_string()));
    format!("/api/v1/runs?{}", query.finish())
}

/// What `--outcome` takes: a class, or `failed` for both kinds of failure.
#[derive(Debug, Clone)]
struct Ended(Vec<OutcomeClass>);

fn parse_outcome(text: &str) -> Result<Ended, String> {
    words::outcomes(text).map(Ended)
}
