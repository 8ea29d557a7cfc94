//! Questions to the ledger, asked beside a host that is writing to it or when there is none.
//!
//! Outputs and payloads can be large, so lists leave them out; they are read one at a time.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};

use super::error::LedgerError;
use super::record::{AttemptLog, AttemptRecord, Filter, MissedRecord, Record, RunRecord};
use super::rows::{self, FINAL, Names, RowError};
use super::{lines, schema, stored, stores};
use crate::clock;
use crate::model::cause::CauseKind;
use crate::model::id::{Digest, RunId, TaskName};
use crate::model::keyvalue::Store;
use crate::model::limits::{HttpUsage, LogUsage, Usage};
use crate::model::outcome::OutcomeClass;
use crate::model::payload::Blob;
use crate::model::run::RunState;

/// A ledger opened for reading. Each question sees all that was durable when it was asked.
#[derive(Debug)]
pub struct Reader(Connection);

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

    /// Records, newest first.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn records(&self, filter: &Filter) -> Result<Vec<Record>, LedgerError> {
        let mut records: Vec<Record> = self.runs(filter)?.into_iter().map(Record::Run).collect();
        records.extend(self.missed(filter)?.into_iter().map(Record::Missed));
        records.sort_unstable_by_key(|record| std::cmp::Reverse(record.id()));
        records.truncate(filter.limit as usize);
        Ok(records)
    }

    /// Runs, newest first: [`Reader::records`] without ranges of missed slots.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn runs(&self, filter: &Filter) -> Result<Vec<RunRecord>, LedgerError> {
        let query = Query::of_runs(filter);
        let mut names = Names::default();
        rows::collect(&self.0, "runs", &query.sql, params_from_iter(query.values), |row| run(row, &mut names))
    }

    /// One run; none if there is none with this id.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn run(&self, id: RunId) -> Result<Option<RunRecord>, LedgerError> {
        let mut query = Query::new(RUNS);
        query.and("runs.id = ?", id.as_i64());
        let mut names = Names::default();
        let found =
            rows::collect(&self.0, "a run", &query.sql, params_from_iter(query.values), |row| run(row, &mut names));
        Ok(found?.pop())
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

    fn missed(&self, filter: &Filter) -> Result<Vec<MissedRecord>, LedgerError> {
        let wants = |class| filter.outcomes.is_empty() || filter.outcomes.contains(&class);
        let (missed, skipped) = (wants(OutcomeClass::Missed), wants(OutcomeClass::Skipped));
        if !missed && !skipped || filter.cause.is_some_and(|kind| kind != CauseKind::Schedule) {
            return Ok(Vec::new());
        }
        let mut query = Query::new(
            "SELECT missed.id, tasks.name, first_slot, last_slot, count, why, entered_at
             FROM missed CROSS JOIN tasks ON tasks.id = missed.task WHERE 1",
        );
        query.common(filter, "missed.id", "missed.task", "missed.entered_at");
        match (missed, skipped) {
            (true, false) => query.and("missed.why < ?", stored::SKIPPED),
            (false, true) => query.and("missed.why >= ?", stored::SKIPPED),
            _ => {}
        }
        query.newest_first("missed.id", filter.limit);
        let mut names = Names::default();
        rows::collect(&self.0, "missed slots", &query.sql, params_from_iter(query.values), |row| {
            Ok(MissedRecord {
                id: rows::run_id(row.get(0)?)?,
                task: names.get(row.get_ref(1)?.as_str()?)?,
                first: rows::slot(row.get(2)?)?,
                last: rows::slot(row.get(3)?)?,
                count: rows::count(row, 4)?,
                why: stored::passed_over(row.get(5)?)?,
                entered_at: rows::timestamp(row.get(6)?)?,
            })
        })
    }
}

/// `CROSS JOIN` keeps SQLite from beginning with the tasks.
const RUNS: &str = "\
    SELECT runs.id, tasks.name, cause, cause_detail, slot, state, since, runs.attempts, admitted_at, runs.started_at,
        retry_at, runs.outcome, coalesce(runs.detail, last.detail), iif(runs.attempts = 1 AND runs.detail IS NULL AND last.plugin IS NOT NULL, last.duration_us, NULL)
    FROM runs CROSS JOIN tasks ON tasks.id = runs.task
        LEFT JOIN attempts AS last ON last.run = runs.id AND last.attempt = runs.attempts
    WHERE 1";

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
            http: HttpUsage { requests: row.get(13)?, concurrent: row.get(14)?, largest_body: rows::count(row, 15)? },
            kv_writes: row.get(16)?,
        },
        plugin: row.get::<_, Option<[u8; 32]>>(17)?.map(Digest::from_bytes),
    })
}

/// A query put together from the parts of a filter.
struct Query {
    sql: String,
    values: Vec<Value>,
}

impl Query {
    fn new(sql: &str) -> Self {
        Self { sql: sql.to_owned(), values: Vec::new() }
    }

    fn of_runs(filter: &Filter) -> Self {
        let mut query = Self::new(RUNS);
        query.common(filter, "runs.id", "runs.task", "runs.admitted_at");
        if let [first, others @ ..] = &filter.outcomes[..] {
            query.and("runs.outcome IN (?", stored::class_code(*first));
            others.iter().for_each(|class| query.more(", ?", stored::class_code(*class)));
            query.sql.push(')');
            if !filter.outcomes.contains(&OutcomeClass::Succeeded) {
                // Says in constants what lets the index of all other outcomes be used.
                query.sql.push_str(" AND runs.outcome > 0");
            }
        }
        if let Some(kind) = filter.cause {
            query.and("runs.cause = ?", stored::cause_code(kind));
        }
        query.newest_first("runs.id", filter.limit);
        query
    }

    fn and(&mut self, condition: &str, value: impl Into<Value>) {
        self.sql.push_str(" AND ");
        self.more(condition, value);
    }

    fn more(&mut self, part: &str, value: impl Into<Value>) {
        self.sql.push_str(part);
        self.values.push(value.into());
    }

    fn common(&mut self, filter: &Filter, id: &str, task: &str, entered_at: &str) {
        if let Some(name) = &filter.task {
            self.and(&format!("{task} = (SELECT id FROM tasks WHERE name = ?)"), name.as_str().to_owned());
        }
        if let Some(since) = filter.since {
            let since = since.as_millisecond();
            // Ids never lag behind the clock, so none below this one was entered later; this is what ends the search.
            self.and(&format!("{id} >= ?"), RunId::next(since, 0, None).as_i64());
            self.and(&format!("{entered_at} >= ?"), since);
        }
        if let Some(until) = filter.until {
            self.and(&format!("{entered_at} < ?"), until.as_millisecond());
        }
        if let Some(before) = filter.before {
            self.and(&format!("{id} < ?"), before.as_i64());
        }
    }

    fn newest_first(&mut self, id: &str, limit: u32) {
        self.more(&format!(" ORDER BY {id} DESC LIMIT ?"), limit);
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::ledger::Durability;

    /// How SQLite goes about a query: which indexes it searches, and whether it has to sort.
    fn plan(connection: &Connection, sql: &str) -> Vec<String> {
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps = explain.raw_query().mapped(|row| row.get("detail")).map(Result::unwrap);
        steps.filter(|step: &String| step.contains("runs") || step.contains("TEMP")).collect()
    }

    #[test]
    fn no_list_reads_more_of_a_long_history_than_it_has_to() {
        let folder = tempfile::tempdir().unwrap();
        let connection = schema::open_writer(folder.path(), Durability::Normal).unwrap();
        let check = |filter: Filter, expected: &str| {
            assert_eq!(plan(&connection, &Query::of_runs(&filter).sql), [expected], "{filter:?}");
        };
        let all = Filter::default;
        let task = Some("a".parse().unwrap());
        let (since, before) = (Some(Timestamp::UNIX_EPOCH), RunId::from_i64(9));
        check(all(), "SCAN runs");
        check(Filter { before, ..all() }, "SEARCH runs USING INTEGER PRIMARY KEY (rowid<?)");
        check(Filter { since, ..all() }, "SEARCH runs USING INTEGER PRIMARY KEY (rowid>?)");
        check(Filter { outcomes: vec![OutcomeClass::Succeeded], ..all() }, "SCAN runs");
        check(
            Filter { outcomes: vec![OutcomeClass::Trapped], ..all() },
            "SEARCH runs USING INDEX runs_not_succeeded (outcome=?)",
        );
        check(Filter { task: task.clone(), ..all() }, "SEARCH runs USING INDEX runs_task (task=?)");
        check(Filter { task: task.clone(), before, ..all() }, "SEARCH runs USING INDEX runs_task (task=? AND id<?)");
        check(
            Filter { task, outcomes: vec![OutcomeClass::Succeeded], ..all() },
            "SEARCH runs USING INDEX runs_task (task=?)",
        );
        assert_eq!(plan(&connection, &of_task()), ["SEARCH runs USING COVERING INDEX runs_task (task=?)"]);
    }
}
