//! The end of an attempt, as it is entered: where its run goes from there, what it used, and what it logged.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::params;

use super::apply::{Book, in_order, integer};
use super::entry::Next;
use super::error::LedgerError;
use super::often::Often;
use super::rows::{FINAL, WAITING};
use super::tally::End;
use super::{lines, stored};
use crate::clock;
use crate::model::id::{Digest, RunId, TaskName};
use crate::model::limits::Usage;
use crate::model::log::LogLine;
use crate::model::outcome::{AttemptOutcome, OutcomeClass};
use crate::model::tally::Bucket;

impl Book<'_> {
    /// Brings a run from an attempt to what comes after it. `measured` is how long the attempt took, if that is known
    /// better than from the times.
    pub(super) fn leave_attempt(
        &mut self,
        (run, task): (RunId, &TaskName),
        attempt: u32,
        class: OutcomeClass,
        (started_at, ended_at): (Timestamp, Timestamp),
        measured: Option<Duration>,
        next: Next,
    ) -> Result<(), LedgerError> {
        let (state, retry_at, outcome) = match next {
            Next::Retry { at } => (WAITING, Some(at.as_millisecond()), None),
            Next::Final => (FINAL, None, Some(stored::class_code(class))),
        };
        let task = self.known(task)?.key;
        let left = self.often(
            Often::Leave,
            params![
                run.as_i64(),
                attempt,
                state,
                ended_at.as_millisecond(),
                retry_at,
                outcome,
                started_at.as_millisecond(),
                task
            ],
        )?;
        in_order(left, "end of an attempt", run)?;
        if next == Next::Final {
            let took = match attempt {
                1 => Some(measured.unwrap_or_else(|| clock::until(ended_at, started_at))),
                _ => self.beginning(run)?.1.map(|began| clock::until(ended_at, began)),
            };
            self.ended(&End { task, run, class, at: ended_at, took: took.map(Bucket::of) })?;
        }
        Ok(())
    }

    /// Which task's a run is, and when its first attempt began.
    pub(super) fn beginning(&self, run: RunId) -> Result<(i64, Option<Timestamp>), LedgerError> {
        let find = || {
            let mut query = self.connection.prepare_cached("SELECT task, started_at FROM runs WHERE id = ?")?;
            query.query_row([run.as_i64()], |row| Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?)))
        };
        let (task, began) = find().map_err(LedgerError::database("look up a run in the ledger"))?;
        Ok((task, began.and_then(|began| Timestamp::from_millisecond(began).ok())))
    }

    pub(super) fn insert_attempt(
        &mut self,
        run: RunId,
        attempt: u32,
        outcome: &AttemptOutcome,
        usage: &Usage,
        plugin: Option<Digest>,
        (started_at, ended_at): (Timestamp, Timestamp),
    ) -> Result<(), LedgerError> {
        let plugin = plugin.map(|digest| self.plugin(digest)).transpose()?;
        self.often(
            Often::Attempt,
            params![
                run.as_i64(),
                attempt,
                stored::class_code(outcome.class()),
                stored::attempt_detail(outcome),
                plugin,
                started_at.as_millisecond(),
                ended_at.as_millisecond(),
                micros(usage.duration),
                usage.fuel.map(integer),
                integer(usage.peak_memory),
                integer(usage.peak_table_elements),
                integer(usage.output),
                integer(usage.log.bytes),
                integer(usage.log.lines),
                integer(usage.log.dropped),
                usage.http.requests,
                usage.http.concurrent,
                integer(usage.http.largest_body),
                usage.kv_writes,
            ],
        )?;
        Ok(())
    }

    pub(super) fn insert_log(&mut self, run: RunId, attempt: u32, log: &[LogLine]) -> Result<(), LedgerError> {
        if !log.is_empty() {
            self.often(Often::Log, params![run.as_i64(), attempt, lines::encode(log)])?;
        }
        Ok(())
    }
}

fn micros(duration: Duration) -> i64 {
    duration.as_micros().try_into().unwrap_or(i64::MAX)
}
