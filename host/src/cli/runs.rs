//! `sandclock runs`: what became of runs and slots, newest first.

mod json;
mod table;

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::{Exit, state, terminal};
use crate::clock::Clock;
use crate::ledger::{Filter, Reader};
use crate::model::cause::CauseKind;
use crate::model::id::{RunId, TaskName};
use crate::model::outcome::OutcomeClass;
use crate::model::quantity;

pub(super) use json::{millis, outcome_json};
pub(super) use table::style;

/// Show what became of runs and slots, newest first.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sandclock runs\n  sandclock runs report --outcome failed --since 2d\n  sandclock runs --since 2026-11-01 --json | jq '.[].outcome'"
)]
pub(super) struct Arguments {
    /// Only those of this task
    task: Option<TaskName>,
    /// Only those that ended so: succeeded, failed, trapped, exceeded, cancelled, skipped, missed, interrupted, broken
    #[arg(long, value_name = "OUTCOME", value_delimiter = ',', value_parser = parse_outcome)]
    outcome: Vec<Ended>,
    /// Only those that exist for this reason: schedule, catch-up, manual, http, after
    #[arg(long, value_name = "CAUSE", value_parser = parse_cause)]
    cause: Option<CauseKind>,
    /// Only those entered since then: `2h` (ago), `2026-11-23`, `2026-11-23T18:00`
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Only those entered before then
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Only those older than this run: the next page
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
    let when = |text: &Option<String>| text.as_deref().map(|text| parse_when(text, clock.now(), &zone)).transpose();
    let filter = Filter {
        task: arguments.task.clone(),
        outcomes: arguments.outcome.iter().flat_map(|ended| ended.0.iter().copied()).collect(),
        cause: arguments.cause,
        since: when(&arguments.since)?,
        until: when(&arguments.until)?,
        before: arguments.before,
        limit: arguments.limit,
    };
    let records = Reader::open(&state)?.records(&filter)?;
    if arguments.json {
        terminal::print_json(&json::of_records(&records));
        return Ok(Exit::Done);
    }
    terminal::print(table::of_records(&records, &zone));
    match records.last() {
        None => terminal::remark("no such runs"),
        Some(last) if records.len() == arguments.limit as usize => {
            terminal::remark(format_args!("older ones: --before {}", last.id()));
        }
        Some(_) => {}
    }
    Ok(Exit::Done)
}

/// What `--outcome` takes: a class, or `failed` for both kinds of failure.
#[derive(Debug, Clone)]
struct Ended(Vec<OutcomeClass>);

fn parse_outcome(text: &str) -> Result<Ended, String> {
    let classes: Vec<OutcomeClass> = OutcomeClass::ALL
        .into_iter()
        .filter(|class| class.name() == text || text == "failed" && class.name().starts_with("failed-"))
        .collect();
    match classes.is_empty() {
        false => Ok(Ended(classes)),
        true => Err(format!("expected failed, or one of {}", OutcomeClass::ALL.map(OutcomeClass::name).join(", "))),
    }
}

fn parse_cause(text: &str) -> Result<CauseKind, String> {
    let known = CauseKind::ALL.into_iter().find(|kind| kind.name() == text);
    known.ok_or_else(|| format!("expected one of {}", CauseKind::ALL.map(CauseKind::name).join(", ")))
}

/// A point in time as a person gives it: how long ago, or when.
fn parse_when(text: &str, now: Timestamp, zone: &TimeZone) -> anyhow::Result<Timestamp> {
    if let Ok(ago) = quantity::parse_duration(text) {
        return Ok(now.saturating_sub(ago)?);
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    match text.parse::<DateTime>() {
        Ok(civil) => Ok(zone.to_timestamp(civil)?),
        Err(_) => anyhow::bail!("expected a time such as 2h (ago), 2026-11-23 or 2026-11-23T18:00, found {text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let check = |text: &str, expected: &str| {
            assert_eq!(parse_when(text, now, &zone).unwrap(), expected.parse().unwrap(), "{text}");
        };
        check("90m", "2026-11-23T10:30:00Z");
        check("2d", "2026-11-21T12:00:00Z");
        check("2026-11-01", "2026-10-31T23:00:00Z");
        check("2026-11-01T18:30", "2026-11-01T17:30:00Z");
        check("2026-11-01T18:30:00Z", "2026-11-01T18:30:00Z");
        assert!(parse_when("yesterday", now, &zone).is_err());
    }

    #[test]
    fn an_outcome_is_a_class_or_both_kinds_of_failure() {
        assert_eq!(parse_outcome("trapped").unwrap().0, [OutcomeClass::Trapped]);
        assert_eq!(parse_outcome("failed").unwrap().0, [OutcomeClass::FailedTransient, OutcomeClass::FailedPermanent]);
        assert!(parse_outcome("great").unwrap_err().contains("succeeded, failed-transient"));
    }
}
