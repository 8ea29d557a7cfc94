//! How a connection to the database is set up, and what is refused before it is touched.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::error::LedgerError;
use super::folder;
use super::migrate::{self, MIGRATIONS};
use crate::ledger::Durability;

/// The schema that this version reads and writes.
pub(super) const KNOWN: i64 = MIGRATIONS.len() as i64;

/// What marks a SQLite file as a ledger (`PRAGMA application_id`): "sclk".
pub(super) const APPLICATION: i64 = 0x73_63_6c_6b;

/// How long to wait for whoever has the database locked: a person with the `sqlite3` shell, perhaps.
const BUSY: Duration = Duration::from_secs(5);

/// How much of the write-ahead log is kept on disk between checkpoints that empty it.
const WAL_KEPT: i64 = 64 << 20;

/// How many pages of 4 KiB the write-ahead log takes before they are copied into the database. Eight times SQLite's own
/// figure: the pages that every commit writes are copied once for so many commits.
const CHECKPOINT: u32 = 8_000;

/// Opens the database of a claimed folder for the writer, and brings it up to the schema of this version.
pub(super) fn open_writer(folder: &Path, durability: Durability) -> Result<Connection, LedgerError> {
    let path = folder::database(folder);
    folder::create_private(&path)?;
    let (mut connection, found) = connect(&path)?;
    set_up(&connection, durability).map_err(LedgerError::opening(&path))?;
    migrate::forward(&mut connection, &path, &MIGRATIONS, found)?;
    Ok(connection)
}

/// Opens the database of a claimed folder as it is, for what is done to it while no host runs.
pub(super) fn open_idle(folder: &Path) -> Result<(Connection, i64), LedgerError> {
    let path = folder::database(folder);
    let (connection, found) = connect(&path)?;
    set_up(&connection, Durability::Full).map_err(LedgerError::opening(&path))?;
    Ok((connection, found))
}

/// A connection that may write, and the schema that it found.
fn connect(path: &Path) -> Result<(Connection, i64), LedgerError> {
    let opened = LedgerError::opening(path);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(&opened)?;
    connection.busy_timeout(BUSY).map_err(&opened)?;
    let found = recognize(&connection, path)?;
    Ok((connection, found))
}

fn set_up(connection: &Connection, durability: Durability) -> rusqlite::Result<()> {
    let synchronous = match durability {
        Durability::Full => "FULL",
        Durability::Normal => "NORMAL",
    };
    connection.set_prepared_statement_cache_capacity(64);
    connection.execute_batch(&format!(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = {synchronous};
         PRAGMA foreign_keys = ON;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -16384;
         PRAGMA journal_size_limit = {WAL_KEPT};
         PRAGMA wal_autocheckpoint = {CHECKPOINT};"
    ))
}

/// Opens the database for reading, whether or not a host is writing to it at the same time.
pub(super) fn open_reader(folder: &Path) -> Result<Connection, LedgerError> {
    folder::expect_database(folder)?;
    let path = folder::database(folder);
    let opened = LedgerError::opening(&path);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&path, flags).map_err(&opened)?;
    connection.busy_timeout(BUSY).map_err(&opened)?;
    match recognize(&connection, &path)? {
        0 => Err(LedgerError::Absent { folder: folder.to_owned() }),
        KNOWN => Ok(connection),
        found => Err(LedgerError::Older { path, found }),
    }
}

/// The schema of a database, which is 0 for an empty one. Only reads, so that what is not ours stays as it is.
fn recognize(connection: &Connection, path: &Path) -> Result<i64, LedgerError> {
    let ask = |pragma| {
        connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).map_err(LedgerError::opening(path))
    };
    match (ask("application_id")?, ask("user_version")?) {
        // A host that was killed before its first migration leaves a database without a single page of content.
        (0, 0) if ask("schema_version")? == 0 => Ok(0),
        (APPLICATION, found @ 1..=KNOWN) => Ok(found),
        (APPLICATION, found) => Err(LedgerError::Newer { path: path.to_owned(), found, known: KNOWN }),
        _ => Err(LedgerError::Foreign { path: path.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_is_not_for_this_version_is_refused_untouched() {
        let check = |setup: &str, expected: &str| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder::database(folder.path());
            Connection::open(&path).unwrap().execute_batch(setup).unwrap();
            let before = std::fs::read(&path).unwrap();
            for error in [
                open_writer(folder.path(), Durability::Full).map(drop).unwrap_err(),
                open_reader(folder.path()).map(drop).unwrap_err(),
            ] {
                assert!(error.to_string().contains(expected), "{error}");
            }
            assert_eq!(std::fs::read(&path).unwrap(), before);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no file was left beside it");
        };
        check(&format!("PRAGMA application_id = {APPLICATION}; PRAGMA user_version = 99"), "has schema 99");
        check("CREATE TABLE theirs (a)", "not one of sandclock's");
        check("PRAGMA application_id = 1; CREATE TABLE theirs (a)", "not one of sandclock's");
    }

    #[test]
    fn a_migration_that_was_cut_off_is_made_up_for() {
        let folder = tempfile::tempdir().unwrap();
        folder::create_private(&folder::database(folder.path())).unwrap();
        assert!(matches!(open_reader(folder.path()), Err(LedgerError::Absent { .. })));
        open_writer(folder.path(), Durability::Full).unwrap();
        open_reader(folder.path()).unwrap();
    }

    #[test]
    fn durability_is_what_the_settings_say() {
        for (durability, synchronous) in [(Durability::Normal, 1), (Durability::Full, 2)] {
            let folder = tempfile::tempdir().unwrap();
            let connection = open_writer(folder.path(), durability).unwrap();
            let ask = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).unwrap();
            assert_eq!(ask("synchronous"), synchronous);
            let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
            assert_eq!(mode, "wal");
        }
    }
}
