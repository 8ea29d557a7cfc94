//! Key-value stores as rows: writes inside the writer's transaction, and looks at what is durable.
//!
//! The rules are those of `model::keyvalue`. A write that they refuse has changed nothing, so it needs no rollback.

use rusqlite::{Connection, OptionalExtension, params};

use super::apply::Book;
use super::error::LedgerError;
use super::rows;
use crate::model::id::RunId;
use crate::model::keyvalue::{
    Batch, Change, Current, Found, Held, Quota, Refused, Store, Value, Write, admit, sum, within,
};

/// A store's row.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    /// None if the store has never been written to.
    id: Option<i64>,
    revision: i64,
    held: Held,
}

impl Book<'_> {
    /// Makes a write, unless it is refused. The number is that to which something was added.
    pub(super) fn store(
        &self,
        store: &Store,
        quota: Quota,
        write: &Write,
    ) -> Result<Result<Option<i64>, Refused>, LedgerError> {
        let row = row(self.connection, store)?;
        Ok(match self.change(store, row, quota, write)? {
            Ok((_, number)) => Ok(number),
            Err(refused) => Err(refused),
        })
    }

    /// Makes an attempt's writes. If one of them is refused, so is the attempt's end, and the caller undoes it all.
    pub(super) fn store_all(&self, run: RunId, batches: &[Batch]) -> Result<(), LedgerError> {
        for Batch { store, quota, writes } in batches {
            let refused =
                |key: &str, why| LedgerError::WriteRefused { run, store: store.clone(), key: key.to_owned(), why };
            let before = row(self.connection, store)?;
            let mut after = before;
            for write in writes {
                // Only what comes of all of them has to fit: some may make room for others.
                let changed = self.change(store, after, Quota::UNLIMITED, write)?;
                (after, _) = changed.map_err(|why| refused(&write.key, why))?;
            }
            let last = writes.last().map_or("", |write| write.key.as_str());
            within(before.held, after.held, *quota).map_err(|why| refused(last, why))?;
        }
        Ok(())
    }

    /// Makes one write. Returns the store's row as it is then.
    fn change(
        &self,
        store: &Store,
        mut row: Row,
        quota: Quota,
        write: &Write,
    ) -> Result<Result<(Row, Option<i64>), Refused>, LedgerError> {
        let wants_value = matches!(write.change, Change::Add(_));
        let present = self.present(row, &write.key, wants_value)?;
        let current = present.as_ref().map(|present| present.current);
        let (value, number) = match &write.change {
            Change::Set(bytes) => (Some(bytes.clone()), None),
            Change::Delete => (None, None),
            Change::Add(delta) => match sum(present.and_then(|present| present.value).as_deref(), *delta) {
                Ok(sum) => (Some(sum.to_string().into_bytes()), Some(sum)),
                Err(refused) => return Ok(Err(refused)),
            },
        };
        let size = value.as_ref().map(|bytes| bytes.len() as u64);
        match admit(write, size, current, row.held, quota) {
            Ok(held) => row.held = held,
            Err(refused) => return Ok(Err(refused)),
        }
        if value.is_none() && current.is_none() {
            return Ok(Ok((row, None)));
        }
        row.revision += 1;
        let (keys, bytes) = (signed(row.held.keys), signed(row.held.bytes));
        let id = match row.id {
            Some(id) => {
                self.execute(
                    "UPDATE stores SET revision = ?2, keys = ?3, bytes = ?4 WHERE id = ?1",
                    params![id, row.revision, keys, bytes],
                )?;
                id
            }
            None => {
                let (kind, name) = named(store);
                self.execute(
                    "INSERT INTO stores (kind, name, revision, keys, bytes) VALUES (?, ?, ?, ?, ?)",
                    params![kind, name, row.revision, keys, bytes],
                )?;
                *row.id.insert(self.connection.last_insert_rowid())
            }
        };
        match value {
            Some(value) => self.execute(
                "INSERT INTO store_values (store, key, revision, value) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (store, key) DO UPDATE SET revision = ?3, value = ?4",
                params![id, write.key, row.revision, value],
            )?,
            None => self.execute("DELETE FROM store_values WHERE store = ? AND key = ?", params![id, write.key])?,
        };
        Ok(Ok((row, number)))
    }

    /// What a key has: its revision and size, and its value where that is wanted.
    fn present(&self, row: Row, key: &str, wants_value: bool) -> Result<Option<Present>, LedgerError> {
        let ask = || {
            self.connection
                .prepare_cached(
                    "SELECT revision, length(value), CASE WHEN ?3 THEN value END FROM store_values WHERE store = ?1 AND key = ?2",
                )?
                .query_row(params![row.id, key, wants_value], |row| {
                    let current = Current { revision: unsigned(row.get(0)?), size: unsigned(row.get(1)?) };
                    Ok(Present { current, value: row.get(2)? })
                })
                .optional()
        };
        ask().map_err(LedgerError::database("look at a key of a store"))
    }
}

/// What a key has when it is written to; its value where that was wanted.
struct Present {
    current: Current,
    value: Option<Vec<u8>>,
}

/// Looks at a key.
pub(super) fn find(connection: &Connection, store: &Store, key: &str) -> Result<Found, LedgerError> {
    let row = row(connection, store)?;
    let ask = || {
        connection
            .prepare_cached("SELECT revision, value FROM store_values WHERE store = ? AND key = ?")?
            .query_row(params![row.id, key], |row| Ok(Value { revision: unsigned(row.get(0)?), bytes: row.get(1)? }))
            .optional()
    };
    let value = ask().map_err(LedgerError::database("look at a key of a store"))?;
    Ok(Found { value, held: row.held })
}

/// So many keys, in the order of their bytes, from the first one after the given one. No key is empty.
pub(super) fn keys(
    connection: &Connection,
    store: &Store,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<String>, LedgerError> {
    let sql = "SELECT key FROM store_values WHERE store = ? AND key > ? ORDER BY key LIMIT ?";
    let id = row(connection, store)?.id;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    rows::collect(
        connection,
        "the keys of a store",
        sql,
        params![id, after.unwrap_or(""), limit],
        |row| Ok(row.get(0)?),
    )
}

/// All that a store has.
pub(super) fn entries(connection: &Connection, store: &Store) -> Result<Vec<(String, Vec<u8>)>, LedgerError> {
    let sql = "SELECT key, value FROM store_values WHERE store = ? ORDER BY key";
    let id = row(connection, store)?.id;
    rows::collect(connection, "a store", sql, [id], |row| Ok((row.get(0)?, row.get(1)?)))
}

fn row(connection: &Connection, store: &Store) -> Result<Row, LedgerError> {
    let (kind, name) = named(store);
    let ask = || {
        connection
            .prepare_cached("SELECT id, revision, keys, bytes FROM stores WHERE kind = ? AND name = ?")?
            .query_row(params![kind, name], |row| {
                let held = Held { keys: unsigned(row.get(2)?), bytes: unsigned(row.get(3)?) };
                Ok(Row { id: Some(row.get(0)?), revision: row.get(1)?, held })
            })
            .optional()
    };
    ask().map(Option::unwrap_or_default).map_err(LedgerError::database("look for a store"))
}

/// `stores.kind` and `stores.name`.
fn named(store: &Store) -> (i64, &str) {
    match store {
        Store::Own(task) => (0, task.as_str()),
        Store::Shared(name) => (1, name.as_str()),
    }
}

/// The schema has it that none of these is negative.
fn unsigned(number: i64) -> u64 {
    number.try_into().unwrap_or_default()
}

fn signed(number: u64) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}
