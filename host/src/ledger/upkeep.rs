//! What is done to a ledger while no host uses it: giving space back, and leading its schema back for an older version.
//!
//! Both take the state folder's lock, so that a running host refuses them.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::error::LedgerError;
use super::folder::{self, Claim};
use super::migrate::{self, MIGRATIONS};
use super::{room, schema};

/// How large a file was and is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// Bytes before.
    pub before: u64,
    /// Bytes now.
    pub after: u64,
}

/// Writes the database anew without its free pages, and gives their space back to the file system.
///
/// # Errors
/// [`LedgerError::InUse`] while a host runs; [`LedgerError::NoRoom`] if there is none for two further copies, which it takes
/// while it works. The ledger is as it was then.
pub fn compact(state: &Path) -> Result<Compacted, LedgerError> {
    let (_claim, connection, _) = open(state)?;
    let path = folder::database(state);
    let size = || fs::metadata(&path).map(|file| file.len()).map_err(LedgerError::file("look at", &path));
    // Whatever still lies in the write-ahead log counts before as well as after.
    let settle = || connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    let failed = LedgerError::database("compact the ledger");
    settle().map_err(failed)?;
    let before = size()?;
    // The ledger is written twice: anew to a file, which memory may not hold, and from there through the write-ahead log.
    room::expect(&connection, &path, 2, "to compact it")?;
    vacuum(&connection, state).map_err(failed)?;
    settle().map_err(failed)?;
    Ok(Compacted { before, after: size()? })
}

/// Compacts by way of a file beside the ledger: where SQLite would put it otherwise may be small, or in memory.
fn vacuum(connection: &Connection, state: &Path) -> rusqlite::Result<()> {
    connection.execute_batch("PRAGMA temp_store = FILE")?;
    connection.pragma_update(None, "temp_store_directory", state.to_string_lossy())?;
    connection.execute_batch("VACUUM")
}

/// Leads the schema back to an earlier one, for an older version of the program. Returns the schema it was.
///
/// # Errors
/// [`LedgerError::InUse`] while a host runs; [`LedgerError::NoWayBack`] if there is none.
pub fn downgrade(state: &Path, to: i64) -> Result<i64, LedgerError> {
    let (_claim, mut connection, found) = open(state)?;
    migrate::back(&mut connection, &folder::database(state), &MIGRATIONS, found, to)?;
    Ok(found)
}

/// Claims a folder that has a ledger; one that has none is left as it is.
fn open(state: &Path) -> Result<(Claim, Connection, i64), LedgerError> {
    folder::expect_database(state)?;
    let claim = Claim::take(state)?;
    let (connection, found) = schema::open_idle(state)?;
    Ok((claim, connection, found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Durability;

    #[test]
    fn compacting_gives_back_what_is_free_and_keeps_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let connection = schema::open_writer(folder.path(), Durability::Full).unwrap();
        connection
            .execute_batch(
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
                 INSERT INTO tasks (name) SELECT printf('task-%050d', i) FROM n;
                 DELETE FROM tasks WHERE id > 100",
            )
            .unwrap();
        drop(connection);
        let compacted = compact(folder.path()).unwrap();
        assert!(compacted.after < compacted.before / 2, "{compacted:?}");
        let connection = schema::open_reader(folder.path()).unwrap();
        let count: i64 = connection.query_row("SELECT count(*) FROM tasks", [], |row| row.get(0)).unwrap();
        assert_eq!(count, 100);
    }

    #[test]
    fn a_folder_that_is_in_use_or_has_no_ledger_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(compact(folder.path()), Err(LedgerError::Absent { .. })));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let _claim = Claim::take(folder.path()).unwrap();
        schema::open_writer(folder.path(), Durability::Full).unwrap();
        assert!(matches!(compact(folder.path()), Err(LedgerError::InUse { .. })));
        assert!(matches!(downgrade(folder.path(), 1), Err(LedgerError::InUse { .. })));
    }

    #[test]
    fn the_way_back_ends_at_the_first_schema() {
        let folder = tempfile::tempdir().unwrap();
        schema::open_writer(folder.path(), Durability::Full).unwrap();
        assert_eq!(downgrade(folder.path(), schema::KNOWN).unwrap(), schema::KNOWN);
        assert!(matches!(downgrade(folder.path(), 0), Err(LedgerError::NoWayBack { to: 0, .. })));
        schema::open_reader(folder.path()).unwrap();
    }
}
