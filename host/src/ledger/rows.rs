//! From the columns of a row to the types of the model.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::types::FromSqlError;
use rusqlite::{Connection, Params, Row};

use super::error::LedgerError;
use super::stored::{self, Unreadable};
use crate::model::id::{RunId, TaskName};
use crate::model::payload::Blob;
use crate::model::run::RunState;
use crate::model::slot::Slot;

/// `runs.state`: no attempt has begun.
pub(super) const QUEUED: i64 = 0;
/// `runs.state`: an attempt is going on.
pub(super) const RUNNING: i64 = 1;
/// `runs.state`: the next attempt has a time.
pub(super) const WAITING: i64 = 2;
/// `runs.state`: the run is over.
pub(super) const FINAL: i64 = 3;

/// Why a row could not be read.
#[derive(Debug)]
pub(super) enum RowError {
    Database(rusqlite::Error),
    Unreadable(Unreadable),
}

impl From<rusqlite::Error> for RowError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl From<FromSqlError> for RowError {
    fn from(error: FromSqlError) -> Self {
        Self::Unreadable(Unreadable::new(error.to_string()))
    }
}

impl From<Unreadable> for RowError {
    fn from(error: Unreadable) -> Self {
        Self::Unreadable(error)
    }
}

/// Everything that a query returns, each row read by `read`.
pub(super) fn collect<T>(
    connection: &Connection,
    what: &'static str,
    sql: &str,
    values: impl Params,
    mut read: impl FnMut(&Row<'_>) -> Result<T, RowError>,
) -> Result<Vec<T>, LedgerError> {
    let run = || {
        let mut query = connection.prepare_cached(sql)?;
        let mut rows = query.query(values)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(read(row)?);
        }
        Ok(all)
    };
    run().map_err(|error| match error {
        RowError::Database(error) => LedgerError::database("read the ledger")(error),
        RowError::Unreadable(reason) => LedgerError::unreadable(what)(reason),
    })
}

/// Task names met in the rows of one query, so that each is checked and allocated once.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<String, TaskName>);

impl Names {
    /// The task name with this text.
    pub(super) fn get(&mut self, text: &str) -> Result<TaskName, Unreadable> {
        if let Some(name) = self.0.get(text) {
            return Ok(name.clone());
        }
        let name = stored::task_name(text)?;
        self.0.insert(text.to_owned(), name.clone());
        Ok(name)
    }
}

/// The state of a run that is not over.
pub(super) fn unfinished_state(code: i64, attempts: u32, retry_at: Option<i64>) -> Result<RunState, Unreadable> {
    match (code, retry_at) {
        (QUEUED, None) => Ok(RunState::Queued),
        (RUNNING, None) => Ok(RunState::Running { attempt: attempts }),
        (WAITING, Some(at)) => Ok(RunState::Waiting { next_attempt: attempts + 1, until: timestamp(at)? }),
        _ => Err(Unreadable::new(format!("a run that is not over has the state {code}"))),
    }
}

/// Bytes from a column of media type and the column after it.
pub(super) fn blob(row: &Row<'_>, column: usize) -> Result<Option<Blob>, RowError> {
    Ok(match row.get(column)? {
        Some(content_type) => Some(Blob { content_type, bytes: row.get(column + 1)? }),
        None => None,
    })
}

/// A count, or any other number that is never negative.
pub(super) fn count(row: &Row<'_>, column: usize) -> Result<u64, RowError> {
    Ok(row.get::<_, i64>(column)?.unsigned_abs())
}

/// A run's id.
pub(super) fn run_id(id: i64) -> Result<RunId, Unreadable> {
    RunId::from_i64(id).ok_or_else(|| Unreadable::new(format!("no run has the id {id}")))
}

/// A time.
pub(super) fn timestamp(millis: i64) -> Result<Timestamp, Unreadable> {
    Timestamp::from_millisecond(millis).map_err(|error| Unreadable::new(error.to_string()))
}

/// A slot.
pub(super) fn slot(millis: i64) -> Result<Slot, Unreadable> {
    Slot::from_millis(millis).ok_or_else(|| Unreadable::new(format!("no year has the slot {millis}")))
}
