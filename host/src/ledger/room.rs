//! Whether the disk has room for another copy of the ledger, asked before the first byte of it is written.

use std::path::Path;

use rusqlite::Connection;

use super::error::LedgerError;

/// Refuses what takes the ledger's size so many times, beside the ledger, where there is less than that.
///
/// # Errors
/// [`LedgerError::NoRoom`], with the purpose.
pub(super) fn expect(
    connection: &Connection,
    path: &Path,
    times: u64,
    purpose: &'static str,
) -> Result<(), LedgerError> {
    let (needed, free) = (times * used(connection)?, free(path)?);
    match free < needed {
        true => Err(LedgerError::NoRoom { path: path.to_owned(), purpose, needed, free }),
        false => Ok(()),
    }
}

/// Bytes of pages that hold something: what a copy takes.
fn used(connection: &Connection) -> Result<u64, LedgerError> {
    let ask = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).map(i64::unsigned_abs);
    let measure = || Ok(ask("page_size")? * ask("page_count")?.saturating_sub(ask("freelist_count")?));
    measure().map_err(LedgerError::database("read the ledger's header"))
}

/// Bytes that a user may still write to the file system of a file.
fn free(path: &Path) -> Result<u64, LedgerError> {
    let disk =
        rustix::fs::statvfs(path).map_err(|error| LedgerError::file("ask for the room beside", path)(error.into()))?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}
