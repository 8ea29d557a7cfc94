//! What a host that starts has to know of the one before it.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::error::LedgerError;
use super::rows::{self, Names};
use super::stored;
use super::tasks::Known;
use crate::model::cause::Cause;
use crate::model::id::{RunId, TaskName};
use crate::model::outcome::{AttemptOutcome, Interruption, OutcomeClass};
use crate::model::payload::Blob;
use crate::model::run::RunState;
use crate::model::slot::Slot;

/// What was found in the ledger when it was opened.
#[derive(Debug, Clone, Default)]
pub struct Recovered {
    /// How far each task's slots are decided. A task without a cursor here was never seen, or had triggers only.
    pub cursors: HashMap<TaskName, Slot>,
    /// The runs that are not over, in the order of their ids. One that was found running was cut off by the end of the
    /// host that ran it.
    pub unfinished: Vec<Unfinished>,
    /// The largest id that a run has. New ones have to be larger.
    pub last_run: Option<RunId>,
}

/// A run that is not over.
#[derive(Debug, Clone, PartialEq)]
pub struct Unfinished {
    /// Its id.
    pub run: RunId,
    /// Its task, which the configuration may no longer have.
    pub task: TaskName,
    /// Why it exists.
    pub cause: Cause,
    /// When it was due; none for a trigger.
    pub slot: Option<Slot>,
    /// What it works on.
    pub payload: Option<Arc<Blob>>,
    /// When it was admitted.
    pub admitted_at: Timestamp,
    /// Where it was found: queued, running or waiting. The ledger has one that was found running as waiting by now, its
    /// attempt as interrupted; what becomes of it is for the host to decide, and to be asked again until it has.
    pub state: RunState,
    /// How many attempts it has begun.
    pub attempts: u32,
}

/// The tasks with their keys and cursors.
pub(super) fn tasks(connection: &Connection) -> Result<Vec<(TaskName, Known)>, LedgerError> {
    rows::collect(connection, "the tasks", "SELECT name, id, cursor FROM tasks", [], |row| {
        let name = stored::task_name(row.get_ref(0)?.as_str()?)?;
        let cursor = row.get::<_, Option<i64>>(2)?.map(rows::slot).transpose()?;
        Ok((name, Known { key: row.get(1)?, cursor }))
    })
}

/// The largest id in a table.
pub(super) fn last_id(connection: &Connection, table: &'static str) -> Result<Option<RunId>, LedgerError> {
    let id: Option<i64> = connection
        .query_row(&format!("SELECT max(id) FROM {table}"), [], |row| row.get(0))
        .map_err(LedgerError::database("read the largest id"))?;
    Ok(id.and_then(RunId::from_i64))
}

/// Closes the attempts that were going on when the last host ended, and leaves their runs waiting.
///
/// Such a run is due the moment its attempt ends, by which [`unfinished`] knows it again until the host has decided
/// whether it is retried: a second crash in between changes nothing.
pub(super) fn interrupt(connection: &mut Connection, now: Timestamp) -> Result<(), LedgerError> {
    let failed = LedgerError::database("enter attempts as interrupted");
    let crash = AttemptOutcome::Interrupted(Interruption::Crash);
    let transaction = connection.transaction().map_err(failed)?;
    transaction
        .execute(
            "INSERT INTO attempts (run, attempt, outcome, detail, started_at, ended_at, duration_us, fuel, peak_memory,
                 log_bytes, log_dropped, http_requests)
             SELECT id, attempts, ?1, ?2, since, ?3, 0, 0, 0, 0, 0, 0 FROM runs WHERE outcome IS NULL AND state = 1",
            params![stored::class_code(crash.class()), stored::attempt_detail(&crash), now.as_millisecond()],
        )
        .map_err(failed)?;
    transaction
        .execute(
            "UPDATE runs SET state = 2, since = ?1, retry_at = ?1 WHERE outcome IS NULL AND state = 1",
            [now.as_millisecond()],
        )
        .map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// The runs that are not over, once the attempts that were cut off are closed.
pub(super) fn unfinished(connection: &Connection) -> Result<Vec<Unfinished>, LedgerError> {
    let sql = "SELECT runs.id, tasks.name, cause, cause_detail, slot, admitted_at, attempts, retry_at,
                   payloads.content_type, payloads.bytes,
                   CASE WHEN attempts.outcome = ?1 AND attempts.ended_at = retry_at THEN 1 ELSE state END
               FROM runs JOIN tasks ON tasks.id = runs.task
                   LEFT JOIN payloads ON payloads.run = runs.id
                   LEFT JOIN attempts ON attempts.run = runs.id AND attempts.attempt = runs.attempts
               WHERE runs.outcome IS NULL ORDER BY runs.id";
    let mut names = Names::default();
    let interrupted = stored::class_code(OutcomeClass::Interrupted);
    rows::collect(connection, "the unfinished runs", sql, [interrupted], |row| {
        let attempts = row.get(6)?;
        Ok(Unfinished {
            run: rows::run_id(row.get(0)?)?,
            task: names.get(row.get_ref(1)?.as_str()?)?,
            cause: stored::cause(row.get(2)?, row.get_ref(3)?.as_str_or_null()?)?,
            slot: row.get::<_, Option<i64>>(4)?.map(rows::slot).transpose()?,
            payload: rows::blob(row, 8)?.map(Arc::new),
            admitted_at: rows::timestamp(row.get(5)?)?,
            state: rows::unfinished_state(row.get(10)?, attempts, row.get(7)?)?,
            attempts,
        })
    })
}
