//! Idempotency keys of requests for runs: entered with the run, looked up before one is decided.

use rusqlite::{Connection, params};

use super::Ledger;
use super::apply::Book;
use super::error::LedgerError;
use super::keyvalue::Look;
use super::rows;
use crate::model::id::{Digest, RunId, TaskName};
use crate::model::key::{Key, Keyed};

/// What is known of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRecord {
    /// The run that it led to, which may be gone from the ledger by now.
    pub run: RunId,
    /// What was asked for.
    pub request: Digest,
}

impl Ledger {
    /// What is known of a task's key, as far as it is durable.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn key(
        &self,
        task: TaskName,
        key: Key,
    ) -> impl Future<Output = Result<Option<KeyRecord>, LedgerError>> + Send + use<> {
        let looks = self.keyvalue();
        async move { looks.ask(|done| Look::RequestKey { task, key, done }).await }
    }
}

impl Book<'_> {
    /// Enters a key with the run that it leads to.
    pub(super) fn enter_key(&mut self, task: &TaskName, keyed: &Keyed, run: RunId, at: i64) -> Result<(), LedgerError> {
        let task = self.known(task)?.key;
        self.execute(
            "INSERT INTO request_keys (task, key, request, run, at) VALUES (?, ?, ?, ?, ?)",
            params![task, keyed.key.as_str(), keyed.request.as_bytes(), run.as_i64(), at],
        )?;
        Ok(())
    }

    /// Removes some of the keys that were entered before a time.
    pub(super) fn remove_keys(&self, before: i64, most: u32) -> Result<(), LedgerError> {
        self.execute(
            "DELETE FROM request_keys WHERE (task, key) IN
                 (SELECT task, key FROM request_keys WHERE at < ? ORDER BY at LIMIT ?)",
            params![before, most],
        )?;
        Ok(())
    }
}

/// What is known of a task's key.
pub(super) fn find(connection: &Connection, task: &TaskName, key: &Key) -> Result<Option<KeyRecord>, LedgerError> {
    let sql = "SELECT run, request FROM request_keys WHERE task = (SELECT id FROM tasks WHERE name = ?) AND key = ?";
    let found = rows::collect(connection, "a key", sql, params![task.as_str(), key.as_str()], |row| {
        Ok(KeyRecord { run: rows::run_id(row.get(0)?)?, request: Digest::from_bytes(row.get(1)?) })
    })?;
    Ok(found.into_iter().next())
}

/// Whether a key was entered before a time.
pub(super) fn any_before(connection: &Connection, before: i64) -> Result<bool, LedgerError> {
    let sql = "SELECT 1 FROM request_keys WHERE at < ? LIMIT 1";
    Ok(!rows::collect(connection, "old keys", sql, [before], |row| Ok(row.get::<_, i64>(0)?))?.is_empty())
}
