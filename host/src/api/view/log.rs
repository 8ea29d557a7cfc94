//! Logs of runs, attempt by attempt.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::{Outcome, Usage};
use crate::ledger::{AttemptRecord, ExcerptLine, ExcerptLines, RunRecord};
use crate::model::log::LogLine;
use crate::model::outcome::AttemptOutcome;

/// What a run logged.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RunLog {
    /// The run.
    pub run: String,
    /// Its task.
    pub task: String,
    /// How many lines its log has in all, whether they are here or not.
    pub lines: u64,
    /// Its attempts that are over.
    pub attempts: Vec<Attempt>,
}

/// An attempt that is over.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Attempt {
    /// Which one, from 1.
    pub attempt: u32,
    /// When it began.
    #[schema(format = DateTime)]
    pub started_at: String,
    /// When it was over.
    #[schema(format = DateTime)]
    pub ended_at: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Where the guest was when it was stopped, innermost first.
    pub backtrace: Vec<String>,
    /// The SHA-256 of the plugin that it executed; null if the host was cut off and could not say.
    pub plugin_sha256: Option<String>,
    /// What it used.
    pub usage: Usage,
    /// The lines of its log that were asked for, if any were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<Vec<Line>>,
}

/// A line of a log.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Line {
    /// Its number, from 1 through all attempts of the run.
    pub number: u64,
    /// When the host received it.
    #[schema(format = DateTime)]
    pub at: String,
    /// `trace`, `debug`, `info`, `warn` or `error`.
    #[schema(example = "info")]
    pub level: &'static str,
    /// Where it came from: `log`, `stdout`, `stderr` or `host`.
    #[schema(example = "log")]
    pub source: &'static str,
    /// The text.
    pub message: String,
    /// Names and values.
    pub fields: BTreeMap<String, String>,
}

/// A line of a log that is followed, with the run that it belongs to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LoggedLine {
    /// The run.
    pub run: String,
    /// Its task.
    pub task: String,
    /// The attempt that logged it.
    pub attempt: u32,
    /// The line.
    pub line: Line,
}

impl RunLog {
    /// The log of a run, with these of its attempts and lines.
    pub fn new(run: &RunRecord, attempts: &[AttemptRecord], log: &ExcerptLines) -> Self {
        let of_attempt = |attempt: &AttemptRecord| Attempt {
            lines: Some(lines_of(attempt, log).iter().map(Line::from).collect()),
            ..attempt.into()
        };
        Self {
            run: run.id.to_string(),
            task: run.task.to_string(),
            lines: log.of,
            attempts: attempts.iter().map(of_attempt).collect(),
        }
    }
}

/// The lines of an attempt, which follow each other.
pub fn lines_of<'a>(attempt: &AttemptRecord, log: &'a ExcerptLines) -> &'a [ExcerptLine] {
    let first = log.lines.partition_point(|line| line.attempt < attempt.attempt);
    let end = log.lines.partition_point(|line| line.attempt <= attempt.attempt);
    &log.lines[first..end]
}

/// Where a guest was when it was stopped.
pub fn backtrace(outcome: &AttemptOutcome) -> &[String] {
    match outcome {
        AttemptOutcome::Trapped(trap) => &trap.backtrace,
        AttemptOutcome::Exceeded(exceeded) => &exceeded.backtrace,
        _ => &[],
    }
}

impl From<&AttemptRecord> for Attempt {
    fn from(attempt: &AttemptRecord) -> Self {
        Self {
            attempt: attempt.attempt,
            started_at: attempt.started_at.to_string(),
            ended_at: attempt.ended_at.to_string(),
            outcome: (&attempt.outcome).into(),
            backtrace: backtrace(&attempt.outcome).to_vec(),
            plugin_sha256: attempt.plugin.map(|digest| digest.to_string()),
            usage: (&attempt.usage).into(),
            lines: None,
        }
    }
}

impl From<&ExcerptLine> for Line {
    fn from(ExcerptLine { number, line, .. }: &ExcerptLine) -> Self {
        Self::new(*number, line)
    }
}

impl Line {
    /// A line and its number.
    pub fn new(number: u64, line: &LogLine) -> Self {
        Self {
            number,
            at: line.at.to_string(),
            level: line.level.name(),
            source: line.source.name(),
            message: line.message.clone(),
            fields: line.fields.iter().cloned().collect(),
        }
    }
}
