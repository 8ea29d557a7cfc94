//! Questions to the ledger, asked beside a host that is writing to it or when there is none.
//!
//! Outputs and payloads can be large, so lists leave them out; they are read one at a time.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, Row, params, params_from_iter};

use super::error::LedgerError;
use super::listing::{self, Place, Query};
use super::record::{AttemptLog, AttemptRecord, Filter, MissedRecord, Record, RunRecord};
use super::rows::{self, FINAL, Names, RowError};
use super::{lines, schema, stored, stores};
use crate::clock;
use crate::model::id::{Digest, RunId, TaskName};
use crate::model::keyvalue::Store;
use crate::model::limits::{HttpUsage, LogUsage, Usage};
use crate::model::payload::Blob;
use crate::model::run::RunState;

/// A ledger opened for reading. Each question sees all that was durable when it was asked.
#[derive(Debug)]
pub struct Reader(pub(super) Connection);

impl Reader {
    /// Opens the ledger of a state folder. A host may be using it meanwhile.
    ///
    /// # Errors
    /// [`LedgerError::Absent`] if there is none; see the enum for the others.
    pub fn open(state: &Path) -> Result<Self, LedgerError> {
        schema::open_reader(state).map(Self)
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.0
    }

    /// Records, newest first; if the filter asks for slots, the latest slot first.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn records(&self, filter: &Filter) -> Result<Vec<Record>, LedgerError> {
        let runs = self.placed_runs(filter)?.into_iter().map(|(place, run)| (place, Record::Run(run)));
        let missed = self.missed(filter)?.into_iter().map(|(place, missed)| (place, Record::Missed(missed)));
        Ok(unplaced(first_of(runs.chain(missed).collect(), filter)))
    }

    /// Runs in the same order: [`Reader::records`] without ranges of missed slots.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn runs(&self, filter: &Filter) -> Result<Vec<RunRecord>, LedgerError> {
        Ok(unplaced(self.placed_runs(filter)?))
    }

    fn placed_runs(&self, filter: &Filter) -> Result<Vec<(Place, RunRecord)>, LedgerError> {
        let mut names = Names::default();
        let mut found: Vec<(Place, RunRecord)> = Vec::new();
        for mut part in listing::parts(filter, || self.names())? {
            if let Some((_, last)) = found.get((filter.limit as usize).saturating_sub(1))
                && !filter.by_slot()
            {
                // What is older than all that was found so far is not among the newest, and need not be read.
                part.since = part.since.max(rows::timestamp(last.id.millis()).ok());
            }
            let query = listing::runs(&part);
            found.extend(rows::collect(&self.0, "runs", &query.sql, params_from_iter(query.values), |row| {
                let run = run(row, &mut names)?;
                let place = match run.slot {
                    Some(slot) if filter.by_slot() => (slot.as_millis(), row.get(14)?),
                    _ => (run.id.as_i64(), 0),
                };
                Ok((place, run))
            })?);
            found = first_of(found, filter);
        }
        Ok(found)
    }

    fn names(&self) -> Result<Vec<TaskName>, LedgerError> {
        rows::collect(&self.0, "the tasks", "SELECT name FROM tasks", [], |row| {
            Ok(stored::task_name(row.get_ref(0)?.as_str()?)?)
        })
    }

    /// One run; none if there is none with this id.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn run(&self, id: RunId) -> Result<Option<RunRecord>, LedgerError> {
        let mut query = Query::new(&listing::select_runs(""));
        query.and("runs.id = ?", id.as_i64());
        let mut names = Names::default();
        let found =
            rows::collect(&self.0, "a run", &query.sql, params_from_iter(query.values), |row| run(row, &mut names));
        Ok(found?.pop())
    }

    /// The runs that are not over, so many at the most: first those of which an attempt goes on, then by how long they
    /// stand where they do.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn unfinished(&self, limit: u32) -> Result<Vec<RunRecord>, LedgerError> {
        let sql = format!(
            "{} AND runs.outcome IS NULL ORDER BY runs.state <> 1, runs.since, runs.id LIMIT ?",
            listing::select_runs("INDEXED BY runs_unfinished")
        );
        let mut names = Names::default();
        rows::collect(&self.0, "runs that are not over", &sql, [limit], |row| run(row, &mut names))
    }

    /// The attempts of a run that are over, in order.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn attempts(&self, run: RunId) -> Result<Vec<AttemptRecord>, LedgerError> {
        let sql = format!(
            "SELECT {ATTEMPT} FROM attempts LEFT JOIN plugins ON plugins.id = attempts.plugin
             WHERE run = ? ORDER BY attempt"
        );
        rows::collect(&self.0, "the attempts of a run", &sql, [run.as_i64()], attempt)
    }

    /// The attempts of a task that are over and were measured, newest first, `limit` of them at the most.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn attempts_of_task(&self, task: &TaskName, limit: u32) -> Result<Vec<AttemptRecord>, LedgerError> {
        rows::collect(&self.0, "the attempts of a task", &of_task(), params![task.as_str(), limit], attempt)
    }

    /// What a run logged: one attempt, or all that logged anything, in order.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn log(&self, run: RunId, attempt: Option<u32>) -> Result<Vec<AttemptLog>, LedgerError> {
        let sql = "SELECT attempt, lines FROM logs WHERE run = ?1 AND (?2 IS NULL OR attempt = ?2) ORDER BY attempt";
        rows::collect(&self.0, "the log of a run", sql, params![run.as_i64(), attempt], |row| {
            Ok(AttemptLog { attempt: row.get(0)?, lines: lines::decode(row.get_ref(1)?.as_blob()?)? })
        })
    }

    /// What a run works on.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn payload(&self, run: RunId) -> Result<Option<Blob>, LedgerError> {
        self.blob("the payload of a run", "SELECT content_type, bytes FROM payloads WHERE run = ?", run)
    }

    /// What a run put out.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn output(&self, run: RunId) -> Result<Option<Blob>, LedgerError> {
        self.blob("the output of a run", "SELECT content_type, bytes FROM outputs WHERE run = ?", run)
    }

    /// All that a key-value store holds.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn store(&self, store: &Store) -> Result<Vec<(String, Vec<u8>)>, LedgerError> {
        stores::entries(&self.0, store)
    }

    fn blob(&self, what: &'static str, sql: &str, run: RunId) -> Result<Option<Blob>, LedgerError> {
        let found = rows::collect(&self.0, what, sql, [run.as_i64()], |row| rows::blob(row, 0))?;
        Ok(found.into_iter().flatten().next())
    }

    fn missed(&self, filter: &Filter) -> Result<Vec<(Place, MissedRecord)>, LedgerError> {
        let Some(query) = listing::missed(filter) else { return Ok(Vec::new()) };
        let mut names = Names::default();
        rows::collect(&self.0, "missed slots", &query.sql, params_from_iter(query.values), |row| {
            let record = MissedRecord {
                id: rows::run_id(row.get(0)?)?,
                task: names.get(row.get_ref(1)?.as_str()?)?,
                first: rows::slot(row.get(2)?)?,
                last: rows::slot(row.get(3)?)?,
                count: rows::count(row, 4)?,
                why: stored::passed_over(row.get(5)?)?,
                entered_at: rows::timestamp(row.get(6)?)?,
            };
            let place = match filter.by_slot() {
                true => (record.last.as_millis(), row.get(7)?),
                false => (record.id.as_i64(), 0),
            };
            Ok((place, record))
        })
    }
}

/// The beginning of a list that was found in parts.
fn first_of<T>(mut found: Vec<(Place, T)>, filter: &Filter) -> Vec<(Place, T)> {
    found.sort_unstable_by_key(|(place, _)| std::cmp::Reverse(*place));
    found.truncate(filter.limit as usize);
    found
}

fn unplaced<T>(found: Vec<(Place, T)>) -> Vec<T> {
    found.into_iter().map(|(_, record)| record).collect()
}

/// What [`attempt`] reads.
const ATTEMPT: &str = "\
    attempts.attempt, attempts.outcome, attempts.detail, attempts.started_at, ended_at, duration_us, fuel, peak_memory,
    peak_table_elements, output_bytes, log_bytes, log_lines, log_dropped, http_requests, http_concurrent,
    http_largest_body, kv_writes, plugins.sha256";

/// An attempt that a crash cut off names no plugin, and nothing of it was measured.
fn of_task() -> String {
    format!(
        "SELECT {ATTEMPT}
         FROM runs CROSS JOIN attempts ON attempts.run = runs.id CROSS JOIN plugins ON plugins.id = attempts.plugin
         WHERE runs.task = (SELECT id FROM tasks WHERE name = ?)
         ORDER BY runs.id DESC, attempts.attempt DESC LIMIT ?"
    )
}

fn run(row: &Row<'_>, names: &mut Names) -> Result<RunRecord, RowError> {
    let attempts = row.get(7)?;
    let since = rows::timestamp(row.get(6)?)?;
    let started_at = row.get::<_, Option<i64>>(9)?.map(rows::timestamp).transpose()?;
    let state = match row.get(5)? {
        FINAL => RunState::Final(stored::outcome(row.get(11)?, row.get_ref(12)?.as_str_or_null()?, None)?),
        code => rows::unfinished_state(code, attempts, row.get(10)?)?,
    };
    let took = match (&state, row.get::<_, Option<i64>>(13)?) {
        (RunState::Final(_), Some(micros)) => Some(Duration::from_micros(micros.unsigned_abs())),
        (RunState::Final(_), None) => started_at.map(|start| clock::until(since, start)),
        _ => None,
    };
    Ok(RunRecord {
        id: rows::run_id(row.get(0)?)?,
        task: names.get(row.get_ref(1)?.as_str()?)?,
        cause: stored::cause(row.get(2)?, row.get_ref(3)?.as_str_or_null()?)?,
        slot: row.get::<_, Option<i64>>(4)?.map(rows::slot).transpose()?,
        state,
        since,
        attempts,
        admitted_at: rows::timestamp(row.get(8)?)?,
        started_at,
        took,
    })
}

fn attempt(row: &Row<'_>) -> Result<AttemptRecord, RowError> {
    Ok(AttemptRecord {
        attempt: row.get(0)?,
        outcome: stored::attempt_outcome(row.get(1)?, row.get_ref(2)?.as_str_or_null()?, None)?,
        started_at: rows::timestamp(row.get(3)?)?,
        ended_at: rows::timestamp(row.get(4)?)?,
        usage: Usage {
            duration: Duration::from_micros(rows::count(row, 5)?),
            fuel: row.get::<_, Option<i64>>(6)?.map(|_| rows::count(row, 6)).transpose()?,
            peak_memory: rows::count(row, 7)?,
            peak_table_elements: rows::count(row, 8)?,
            output: rows::count(row, 9)?,
            log: LogUsage {
                bytes: rows::count(row, 10)?,
                lines: rows::count(row, 11)?,
                dropped: rows::count(row, 12)?,
            },
            http: HttpUsage {
                requests: row.get(13)?,
                concurrent: row.get(14)?,
                largest_body: rows::count(row, 15)?,
                ..HttpUsage::default()
            },
            kv_writes: row.get(16)?,
        },
        plugin: row.get::<_, Option<[u8; 32]>>(17)?.map(Digest::from_bytes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Durability;

    #[test]
    fn the_newest_attempts_of_a_task_are_found_by_its_index() {
        let folder = tempfile::tempdir().unwrap();
        let connection = schema::open_writer(folder.path(), Durability::Normal).unwrap();
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", of_task())).unwrap();
        let steps = explain.raw_query().mapped(|row| row.get("detail")).map(Result::unwrap);
        let steps: Vec<String> = steps.filter(|step: &String| step.contains("runs") || step.contains("TEMP")).collect();
        assert_eq!(steps, ["SEARCH runs USING COVERING INDEX runs_task (task=?)"]);
    }
}
