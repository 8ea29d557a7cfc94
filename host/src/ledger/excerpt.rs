//! A part of what a run logged. A log may be as long as its limit allows; only the part that is asked for is kept in memory.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use jiff::Timestamp;
use rusqlite::params;

use super::error::LedgerError;
use super::lines;
use super::reader::Reader;
use super::rows;
use crate::model::id::RunId;
use crate::model::log::{Level, LogLine};

/// Which lines of a run's log. What is not said does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Excerpt {
    /// Those of this attempt.
    pub attempt: Option<u32>,
    /// Those with these numbers. The lines of a run are numbered from 1, through all of its attempts.
    pub numbers: Option<RangeInclusive<u64>>,
    /// Those that matter as much or more.
    pub level: Option<Level>,
    /// Those that came then or later.
    pub since: Option<Timestamp>,
    /// Those that came before then.
    pub until: Option<Timestamp>,
    /// The last ones of them all, so many at the most.
    pub tail: Option<usize>,
}

/// A part of a run's log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExcerptLines {
    /// The lines, oldest first.
    pub lines: Vec<ExcerptLine>,
    /// How many lines the run's log has in all.
    pub of: u64,
}

/// A line and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExcerptLine {
    /// The attempt that logged it.
    pub attempt: u32,
    /// Its number, from 1 through all attempts of the run.
    pub number: u64,
    /// What it says.
    pub line: LogLine,
}

impl Excerpt {
    /// Whether it chooses among lines, and not just attempts.
    pub fn chooses_lines(&self) -> bool {
        *self != Self { attempt: self.attempt, ..Self::default() }
    }

    fn takes(&self, attempt: u32, number: u64, line: &LogLine) -> bool {
        self.attempt.is_none_or(|wanted| wanted == attempt)
            && self.numbers.as_ref().is_none_or(|numbers| numbers.contains(&number))
            && self.level.is_none_or(|level| line.level >= level)
            && self.since.is_none_or(|since| line.at >= since)
            && self.until.is_none_or(|until| line.at < until)
    }
}

impl Reader {
    /// A part of what a run logged.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn excerpt(&self, run: RunId, excerpt: &Excerpt) -> Result<ExcerptLines, LedgerError> {
        let sql = "SELECT attempt, lines FROM logs WHERE run = ? ORDER BY attempt";
        let tail = excerpt.tail.unwrap_or(usize::MAX);
        let (mut kept, mut number) = (VecDeque::new(), 0);
        rows::collect(&self.0, "the log of a run", sql, params![run.as_i64()], |row| {
            let attempt = row.get(0)?;
            for line in lines::iter(row.get_ref(1)?.as_blob()?)? {
                let line = line?;
                number += 1;
                if excerpt.takes(attempt, number, &line) {
                    kept.push_back(ExcerptLine { attempt, number, line });
                    if kept.len() > tail {
                        kept.pop_front();
                    }
                }
            }
            Ok(())
        })?;
        Ok(ExcerptLines { lines: kept.into(), of: number })
    }
}
