//! `sandclock logs`: what a run logged, attempt by attempt, and how each ended; or what it logs, as it does.

mod choice;
mod follow;
mod source;

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use anstyle::{AnsiColor, Effects, Style};
use anyhow::bail;
use clap::{ArgGroup, Args};
use jiff::tz::TimeZone;

use self::choice::Choice;
use self::follow::{Form, Whose};
use super::control::Reach;
use super::exit::NotFound;
use super::runs::style;
use super::shown::{self, Attempt, Line, Run, RunLog};
use super::{Exit, terminal};
use crate::clock::Clock;
use crate::ledger::Excerpt;
use crate::model::id::{RunId, TaskName};
use crate::model::quantity;
use crate::model::text::inert;

/// Show what a run logged, attempt by attempt, and how each ended; or what it logs, as it does.
///
/// With --follow the lines of a running host are shown as they come: those of a run from its beginning to its end, those
/// of a task's runs until Ctrl-C.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("which").args(["run", "task"]).required(true),
    after_help = "Examples:\n  sandclock logs 01KB2M8Q4Z7XN\n  sandclock logs 01KB2M8Q4Z7XN --attempt 2\n  sandclock logs -f --task report\n  sandclock logs --task report --tail 20\n  sandclock logs --task report --level warn --json | jq '.attempts[].lines[].message'"
)]
pub(super) struct Arguments {
    /// The run, as `sandclock runs` shows it
    run: Option<RunId>,
    /// The last run of this task that had an attempt; with --follow all of its runs
    #[arg(long)]
    task: Option<TaskName>,
    /// Show lines as they are logged
    #[arg(long, short, conflicts_with_all = ["attempt", "lines", "level", "since", "until", "tail"])]
    follow: bool,
    #[command(flatten)]
    choice: Choice,
    /// Print JSON; with --follow an object a line
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
    let whose = match (arguments.run, &arguments.task) {
        (Some(run), _) => Whose::Run(run),
        (None, Some(task)) => Whose::Task(task),
        (None, None) => bail!(NotFound("the ledger has no run".to_owned())),
    };
    if arguments.follow {
        return follow::follow(&host, &whose, if arguments.json { Form::Json } else { Form::Text });
    }
    let zone = TimeZone::system();
    let excerpt = arguments.choice.excerpt(clock.now(), &zone)?;
    let Some((run, log)) = source::find(&host, &whose, &excerpt)? else {
        let what = match &whose {
            Whose::Run(run) => format!("run {run}"),
            Whose::Task(task) => format!("run of the task {task}"),
        };
        bail!(NotFound(format!("the ledger has no {what}")));
    };
    if arguments.json {
        terminal::print_json(&log)?;
        return Ok(Exit::Done);
    }
    let mut log: RunLog = shown::read(log)?;
    let found = log.attempts.len();
    if excerpt.chooses_lines() {
        log.attempts.retain(|attempt| !attempt.lines.is_empty());
    }
    terminal::print(text(&log.attempts, &zone))?;
    if let Some(remark) = remark(&run, found, &excerpt, &log) {
        terminal::remark(remark);
    }
    Ok(Exit::Done)
}

/// What to tell a person who may miss something.
fn remark(run: &Run, attempts: usize, excerpt: &Excerpt, log: &RunLog) -> Option<String> {
    let (id, attempt) = (inert(&run.id), excerpt.attempt);
    match &run.outcome {
        None if run.state == "running" && attempt.is_none_or(|wanted| wanted == run.attempts) => {
            Some(format!("attempt {} of run {id} is still going: sandclock logs -f {id}", run.attempts))
        }
        _ if attempts > 0 => {
            let shown: usize = log.attempts.iter().map(|attempt| attempt.lines.len()).sum();
            excerpt.chooses_lines().then(|| format!("{shown} of {} lines", log.lines))
        }
        _ if attempt.is_some() => Some(format!("run {id} had {} attempts", run.attempts)),
        Some(outcome) => Some(format!("run {id} had no attempt: {}", inert(&outcome.message))),
        None => Some(format!("run {id} had no attempt yet")),
    }
}

const DIM: Style = Style::new().effects(Effects::DIMMED);

/// The logs for people: a heading for each attempt, its lines, and where it was when it was stopped.
fn text(attempts: &[Attempt], zone: &TimeZone) -> String {
    let mut text = String::new();
    for attempt in attempts {
        text.push_str(&heading(attempt, zone));
        for line in &attempt.lines {
            text.push_str(&line_text(line, zone));
        }
        if attempt.usage.log_dropped > 0 {
            let dropped = quantity::bytes(attempt.usage.log_dropped);
            text.push_str(&format!("{DIM}({dropped} more were dropped at the log limit){DIM:#}\n"));
        }
        for frame in &attempt.backtrace {
            text.push_str(&format!("    at {}\n", inert(frame)));
        }
    }
    text
}

fn heading(Attempt { attempt, outcome, usage, started_at, .. }: &Attempt, zone: &TimeZone) -> String {
    let started = started_at.to_zoned(zone.clone());
    let style = style(outcome.class());
    format!(
        "{DIM}attempt {attempt}, {}, {}{DIM:#} {style}{}{style:#}\n",
        started.strftime("%Y-%m-%d %H:%M:%S%.3f"),
        quantity::duration(Duration::from_secs_f64(usage.duration_ms / 1e3)),
        inert(&outcome.message),
    )
}

/// A line of a log for people.
pub(super) fn line_text(line: &Line, zone: &TimeZone) -> String {
    let style = match line.level.as_str() {
        "error" => AnsiColor::Red.on_default(),
        "warn" => AnsiColor::Yellow.on_default(),
        "info" => Style::new(),
        _ => DIM,
    };
    let mut text = format!(
        "{DIM}{} {:6}{DIM:#} {style}{:5}{style:#} {}",
        line.at.to_zoned(zone.clone()).strftime("%H:%M:%S%.3f"),
        inert(&line.source).to_string(),
        inert(&line.level).to_string(),
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
    use jiff::Timestamp;

    use super::*;
    use crate::api::view;
    use crate::ledger::{AttemptRecord, ExcerptLine, ExcerptLines, RunRecord};
    use crate::model::cause::Cause;
    use crate::model::limits::{LogUsage, Usage};
    use crate::model::log::{Level, LogLine, LogSource};
    use crate::model::outcome::{AttemptOutcome, Trap};
    use crate::model::run::RunState;

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
        let run = RunRecord {
            id: RunId::from_i64(1_795_474_800_000 << 21).unwrap(),
            task: "tick".parse().unwrap(),
            cause: Cause::Schedule,
            slot: None,
            since: time(0),
            attempts: 2,
            admitted_at: time(0),
            started_at: Some(time(12)),
            took: None,
            state: RunState::Queued,
        };
        let log = view::RunLog::new(&run, &attempts, &ExcerptLines { lines, of: 2 });
        let shown = text(&shown::of::<RunLog>(&log).unwrap().attempts, &TimeZone::UTC);
        insta::assert_snapshot!(anstream::adapter::strip_str(&shown).to_string(), @r"
        attempt 1, 2026-11-23 23:00:00.012, 14.3ms trapped: wasm `unreachable` instruction executed
        23:00:00.013 log    warn  page evil\n=\u{1b}[2J n=3
        23:00:00.014 stdout info  \u{1b}]0;title\u{7}hello\r
        (2KiB more were dropped at the log limit)
            at <a>::b
        attempt 2, 2026-11-23 23:00:00.012, 14.3ms succeeded
        ");
    }
}
