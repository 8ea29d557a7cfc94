//! The plugins that attempts were made with, each once, for as long as there is an attempt of it.
//!
//! How many attempts there are of each is counted as they come and go, in their transaction and once for all of it. Without
//! that, only an index that every run pays for could say when a plugin's last attempt is gone.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, Result};

use super::apply::Book;
use super::error::LedgerError;
use crate::model::id::{Digest, RunId};

/// What the writer remembers of them.
#[derive(Debug, Default)]
pub(super) struct Plugins {
    /// The keys of those met so far. To be forgotten with a transaction that may have added one.
    keys: HashMap<Digest, i64>,
    /// By how many attempts the open transaction has more or fewer of each.
    changes: BTreeMap<i64, i64>,
}

impl Plugins {
    /// Takes note of an attempt with a plugin. Returns the plugin's key.
    pub(super) fn used(&mut self, connection: &Connection, digest: Digest) -> Result<i64> {
        let key = match self.keys.get(&digest) {
            Some(key) => *key,
            None => {
                // An update that changes nothing makes the statement return the row that is there already.
                let key = connection
                    .prepare_cached(
                        "INSERT INTO plugins (sha256) VALUES (?)
                         ON CONFLICT DO UPDATE SET sha256 = excluded.sha256 RETURNING id",
                    )?
                    .query_row([digest.as_bytes()], |row| row.get(0))?;
                self.keys.insert(digest, key);
                key
            }
        };
        *self.changes.entry(key).or_default() += 1;
        Ok(key)
    }

    /// Takes note that so many attempts with a plugin are gone.
    fn unused(&mut self, key: i64, attempts: i64) {
        *self.changes.entry(key).or_default() -= attempts;
    }

    /// Tells the database how many there are. A plugin without any goes.
    pub(super) fn write(&mut self, connection: &Connection) -> Result<()> {
        let mut count = connection
            .prepare_cached("UPDATE plugins SET attempts = attempts + ?2 WHERE id = ?1 RETURNING attempts")?;
        for (key, change) in std::mem::take(&mut self.changes) {
            let left: i64 = count.query_row([key, change], |row| row.get(0))?;
            if left == 0 {
                connection.prepare_cached("DELETE FROM plugins WHERE id = ?")?.execute([key])?;
                self.keys.retain(|_, known| *known != key);
            }
        }
        Ok(())
    }

    /// The transaction, or the part of it that was not written yet, is undone.
    pub(super) fn forget(&mut self) {
        self.keys.clear();
        self.changes.clear();
    }
}

impl Book<'_> {
    /// The plugins that a run's attempts were made with, each with how many.
    pub(super) fn plugins_of(&self, run: RunId) -> Result<Vec<(i64, i64)>> {
        self.connection
            .prepare_cached(
                "SELECT plugin, count(*) FROM attempts WHERE run = ? AND plugin IS NOT NULL GROUP BY plugin",
            )?
            .query_map([run.as_i64()], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect()
    }

    /// Takes note that a run is gone whose attempts were made with these.
    pub(super) fn release_plugins(&mut self, plugins: Vec<(i64, i64)>) {
        plugins.into_iter().for_each(|(key, attempts)| self.plugins.unused(key, attempts));
    }

    pub(super) fn plugin(&mut self, digest: Digest) -> std::result::Result<i64, LedgerError> {
        self.plugins.used(self.connection, digest).map_err(LedgerError::database("enter a plugin"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_goes_with_its_last_attempt() {
        let connection = Connection::open_in_memory().unwrap();
        let tables = "CREATE TABLE plugins (id INTEGER PRIMARY KEY, sha256 BLOB UNIQUE, attempts INTEGER DEFAULT 0)";
        connection.execute_batch(tables).unwrap();
        let rows = || -> Vec<(i64, i64)> {
            let mut query = connection.prepare("SELECT id, attempts FROM plugins ORDER BY id").unwrap();
            query
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
                .unwrap()
                .map(std::result::Result::unwrap)
                .collect()
        };
        let [a, b] = [[7; 32], [8; 32]].map(Digest::from_bytes);
        let mut plugins = Plugins::default();
        let keys = [a, b, a].map(|digest| plugins.used(&connection, digest).unwrap());
        assert_eq!(keys, [1, 2, 1]);
        plugins.write(&connection).unwrap();
        assert_eq!(rows(), [(1, 2), (2, 1)]);
        // A host that comes later knows no keys.
        let mut plugins = Plugins::default();
        plugins.unused(1, 1);
        plugins.unused(2, 1);
        plugins.used(&connection, a).unwrap();
        plugins.write(&connection).unwrap();
        assert_eq!(rows(), [(1, 2)], "one of the other is gone, and as many of this one are there as before");
        plugins.unused(1, 2);
        plugins.write(&connection).unwrap();
        assert_eq!((rows(), plugins.keys.len()), (vec![], 0));
        plugins.used(&connection, a).unwrap();
        plugins.forget();
        plugins.write(&connection).unwrap();
        assert_eq!(rows(), [(1, 0)], "the caller undoes that in the database");
    }
}
