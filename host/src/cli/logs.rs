//! `sandclock logs`: what a run logged, attempt by attempt, and how each ended.

mod choice;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Effects, Style};
use anyhow::bail;
use clap::{ArgGroup, Args};
use jiff::tz::TimeZone;

use self::choice::Choice;
use super::exit::NotFound;
use super::runs::style;
use super::{Exit, state, terminal};
use crate::api::view::{RunLog, backtrace, lines_of};
use crate::clock::Clock;
use crate::ledger::{AttemptRecord, Excerpt, ExcerptLine, ExcerptLines, Filter, Reader, RunRecord};
use crate::model::id::{RunId, TaskName};
use crate::model::log::{Level, LogLine};
use crate::model::quantity;
use crate::model::run::RunState;
use crate::model::text::inert;

/// Show what a run logged, attempt by attempt, and how each ended.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("which").args(["run", "task"]).required(true),
    after_help = "Examples:\n  sandclock logs 01KB2M8Q4Z7XN\n  sandclock logs 01KB2M8Q4Z7XN --attempt 2\n  sandclock logs --task report --tail 20\n  sandclock logs --task report --level warn --json | jq '.attempts[].lines[].message'"
)]
pub(super) struct Arguments {
    /// The run, as `sandclock runs` shows it
    run: Option<RunId>,
    /// The last run of this task that had an attempt
    #[arg(long)]
    task: Option<TaskName>,
    #[command(flatten)]
    choice: Choice,
    /// The state folder, if not that of the configuration
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, config: &Path, clock: Clock) -> anyhow::Result<Exit> {
    let reader = match state::folder(arguments.state.as_deref(), config, clock) {
        Ok(state) => Reader::open(&state)?,
        Err(exit) => return Ok(exit),
    };
    let found = match (arguments.run, &arguments.task) {
        (Some(run), _) => reader.run(run)?,
        (None, Some(task)) => last_run(&reader, task)?,
        (None, None) => None,
    };
    let Some(run) = found else {
        let what = match (&arguments.run, &arguments.task) {
            (Some(run), _) => format!("run {run}"),
            (None, Some(task)) => format!("run of the task {task}"),
            (None, None) => "run".to_owned(),
        };
        bail!(NotFound(format!("the ledger has no {what}")));
    };
    let zone = TimeZone::system();
    let excerpt = arguments.choice.excerpt(clock.now(), &zone)?;
    let mut attempts = reader.attempts(run.id)?;
    attempts.retain(|attempt| excerpt.attempt.is_none_or(|wanted| wanted == attempt.attempt));
    let log = reader.excerpt(run.id, &excerpt)?;
    if arguments.json {
        terminal::print_json(&RunLog::new(&run, &attempts, &log))?;
        return Ok(Exit::Done);
    }
    let found = attempts.len();
    if excerpt.chooses_lines() {
        attempts.retain(|attempt| !lines_of(attempt, &log).is_empty());
    }
    terminal::print(text(&attempts, &log, &zone))?;
    if let Some(remark) = remark(&run, found, &excerpt, &log) {
        terminal::remark(remark);
    }
    Ok(Exit::Done)
}

/// How far back a run with an attempt is looked for: tasks whose runs are all skipped have nothing to show.
const LOOK_BACK: u32 = 1000;

fn last_run(reader: &Reader, task: &TaskName) -> anyhow::Result<Option<RunRecord>> {
    let mut filter = Filter { task: Some(task.clone()), limit: 1, ..Filter::default() };
    let newest = reader.runs(&filter)?;
    if newest.iter().all(|run| run.attempts > 0) {
        return Ok(newest.into_iter().next());
    }
    filter.limit = LOOK_BACK;
    let recent = reader.runs(&filter)?;
    Ok(recent.into_iter().find(|run| run.attempts > 0).or_else(|| newest.into_iter().next()))
}

/// What to tell a person who may miss something.
fn remark(run: &RunRecord, attempts: usize, excerpt: &Excerpt, log: &ExcerptLines) -> Option<String> {
    let (id, attempt) = (run.id, excerpt.attempt);
    match &run.state {
        RunState::Running { attempt: current } if attempt.is_none_or(|wanted| wanted == *current) => {
            Some(format!("attempt {current} of run {id} is still going; its log is kept when it ends"))
        }
        _ if attempts > 0 => {
            let (shown, of) = (log.lines.len(), log.of);
            excerpt.chooses_lines().then(|| format!("{shown} of {of} lines"))
        }
        _ if attempt.is_some() => Some(format!("run {id} had {} attempts", run.attempts)),
        RunState::Final(outcome) => Some(format!("run {id} had no attempt: {}", inert(&outcome.to_string()))),
        _ => Some(format!("run {id} had no attempt yet")),
    }
}

const DIM: Style = Style::new().effects(Effects::DIMMED);

/// The logs for people: a heading for each attempt, its lines, and where it was when it was stopped.
fn text(attempts: &[AttemptRecord], log: &ExcerptLines, zone: &TimeZone) -> String {
    let mut text = String::new();
    for attempt in attempts {
        text.push_str(&heading(attempt, zone));
        for ExcerptLine { line, .. } in lines_of(attempt, log) {
            text.push_str(&line_text(line, zone));
        }
        if attempt.usage.log.dropped > 0 {
            let dropped = quantity::bytes(attempt.usage.log.dropped);
            text.push_str(&format!("{DIM}({dropped} more were dropped at the log limit){DIM:#}\n"));
        }
        for frame in backtrace(&attempt.outcome) {
            text.push_str(&format!("    at {}\n", inert(frame)));
        }
    }
    text
}

fn heading(AttemptRecord { attempt, outcome, usage, started_at, .. }: &AttemptRecord, zone: &TimeZone) -> String {
    let started = started_at.to_zoned(zone.clone());
    let style = style(outcome.class());
    format!(
        "{DIM}attempt {attempt}, {}, {}{DIM:#} {style}{}{style:#}\n",
        started.strftime("%Y-%m-%d %H:%M:%S%.3f"),
        quantity::duration(usage.duration),
        inert(&outcome.to_string()),
    )
}

fn line_text(line: &LogLine, zone: &TimeZone) -> String {
    let style = match line.level {
        Level::Error => AnsiColor::Red.on_default(),
        Level::Warn => AnsiColor::Yellow.on_default(),
        Level::Info => Style::new(),
        Level::Debug | Level::Trace => DIM,
    };
    let mut text = format!(
        "{DIM}{} {:6}{DIM:#} {style}{:5}{style:#} {}",
        line.at.to_zoned(zone.clone()).strftime("%H:%M:%S%.3f"),
        line.source.name(),
        line.level.name(),
        inert(&line.message),
    );
    for (name, value) in &line.fields {
        // Writing to a string cannot fail.
        let _ = write!(text, " {DIM}{}={DIM:#}{}", inert(name), inert(value));
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;
    use crate::model::limits::{LogUsage, Usage};
    use crate::model::log::LogSource;
    use crate::model::outcome::{AttemptOutcome, Trap};

    fn time(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_795_474_800_000 + millis).unwrap()
    }

    fn attempt(number: u32, outcome: AttemptOutcome, log_dropped: u64) -> AttemptRecord {
        let duration = Duration::from_micros(14_321);
        let (started_at, ended_at) = (time(12), time(27));
        let log = LogUsage { dropped: log_dropped, ..LogUsage::default() };
        let usage = Usage { duration, log, ..Usage::default() };
        AttemptRecord { attempt: number, outcome, usage, plugin: None, started_at, ended_at }
    }

    #[test]
    fn a_log_is_shown_by_attempt_and_cannot_act_on_the_terminal() {
        let line = |at, level, source, message: &str, fields: &[(&str, &str)]| LogLine {
            at: time(at),
            level,
            source,
            message: message.to_owned(),
            fields: fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        };
        let trap =
            Trap { reason: "wasm `unreachable` instruction executed".to_owned(), backtrace: vec!["<a>::b".into()] };
        let attempts = [
            attempt(1, AttemptOutcome::Trapped(trap), 2048),
            attempt(2, AttemptOutcome::Succeeded { output: None }, 0),
        ];
        let lines = vec![
            line(13, Level::Warn, LogSource::Log, "page", &[("n", "3"), ("evil\n", "\u{1b}[2J")]),
            line(14, Level::Info, LogSource::Stdout, "\u{1b}]0;title\u{7}hello\r", &[]),
        ];
        let lines = lines.into_iter().zip(1..).map(|(line, number)| ExcerptLine { attempt: 1, number, line }).collect();
        let shown = text(&attempts, &ExcerptLines { lines, of: 2 }, &TimeZone::UTC);
        insta::assert_snapshot!(anstream::adapter::strip_str(&shown).to_string(), @r"
        attempt 1, 2026-11-23 23:00:00.012, 14.3ms trapped: wasm `unreachable` instruction executed
        23:00:00.013 log    warn  page n=3 evil\n=\u{1b}[2J
        23:00:00.014 stdout info  \u{1b}]0;title\u{7}hello\r
        (2KiB more were dropped at the log limit)
            at <a>::b
        attempt 2, 2026-11-23 23:00:00.012, 14.3ms succeeded
        ");
    }
}
