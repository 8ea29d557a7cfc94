//! What a host that starts has to know of the one before it.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::Connection;

use super::error::LedgerError;
use super::rows::{self, Names};
use super::standing::Standing;
use super::stored;
use crate::model::cause::Cause;
use crate::model::id::{RunId, TaskName};
use crate::model::payload::Blob;
use crate::model::run::RunState;
use crate::model::slot::Slot;

/// What was found in the ledger when it was opened.
#[derive(Debug, Clone, Default)]
pub struct Recovered {
    /// How far each task's slots are decided. A task without a cursor here was never seen, or had triggers only.
    pub cursors: HashMap<TaskName, Slot>,
    /// How tasks stand beside their cursors.
    pub standings: HashMap<TaskName, Standing>,
    /// The runs that are not over, in the order of their ids. One that is found running was cut off by the end of the
    /// host that ran it; [`super::Entry::AttemptEnded`] closes that attempt, and a host that is cut off before it does
    /// leaves the same to the next.
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
    /// Where it stands: queued, running or waiting.
    pub state: RunState,
    /// Since when it stands there: of a run found running, when the attempt began that was cut off.
    pub since: Timestamp,
    /// How many attempts it has begun.
    pub attempts: u32,
    /// How many of those it had begun when a backfill opened it again.
    pub attempts_before: u32,
}

/// How far the tasks are decided.
pub(super) fn cursors(connection: &Connection) -> Result<HashMap<TaskName, Slot>, LedgerError> {
    let sql = "SELECT name, cursor FROM tasks WHERE cursor IS NOT NULL";
    let cursors = rows::collect(connection, "the tasks", sql, [], |row| {
        Ok((stored::task_name(row.get_ref(0)?.as_str()?)?, rows::slot(row.get(1)?)?))
    })?;
    Ok(cursors.into_iter().collect())
}

/// The largest id in a table.
pub(super) fn last_id(connection: &Connection, table: &'static str) -> Result<Option<RunId>, LedgerError> {
    let id: Option<i64> = connection
        .query_row(&format!("SELECT max(id) FROM {table}"), [], |row| row.get(0))
        .map_err(LedgerError::database("read the largest id"))?;
    Ok(id.and_then(RunId::from_i64))
}

/// The runs that are not over.
pub(super) fn unfinished(connection: &Connection) -> Result<Vec<Unfinished>, LedgerError> {
    let sql = "SELECT runs.id, tasks.name, cause, cause_detail, slot, admitted_at, state, since, attempts, retry_at,
                   payloads.content_type, payloads.bytes, attempts_before
               FROM runs CROSS JOIN tasks ON tasks.id = runs.task LEFT JOIN payloads ON payloads.run = runs.id
               WHERE outcome IS NULL ORDER BY runs.id";
    let mut names = Names::default();
    rows::collect(connection, "the unfinished runs", sql, [], |row| {
        let attempts = row.get(8)?;
        Ok(Unfinished {
            run: rows::run_id(row.get(0)?)?,
            task: names.get(row.get_ref(1)?.as_str()?)?,
            cause: stored::cause(row.get(2)?, row.get_ref(3)?.as_str_or_null()?)?,
            slot: row.get::<_, Option<i64>>(4)?.map(rows::slot).transpose()?,
            payload: rows::blob(row, 10)?.map(Arc::new),
            admitted_at: rows::timestamp(row.get(5)?)?,
            state: rows::unfinished_state(row.get(6)?, attempts, row.get(9)?)?,
            since: rows::timestamp(row.get(7)?)?,
            attempts,
            attempts_before: row.get(12)?,
        })
    })
}
