//! Copies of the database that are whole by themselves: one file, without a write-ahead log beside it.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::error::LedgerError;
use super::reader::Reader;

/// Writes a copy of all that is committed, for the host's user only, and waits until the disk has it. The database may
/// be written to meanwhile: the copy is of one moment. An existing file is refused, and a copy that fails leaves none.
pub(super) fn write(connection: &Connection, to: &Path) -> Result<(), LedgerError> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)
        .map_err(LedgerError::file("make the copy", to))?;
    let result = fill(connection, to, &file);
    if result.is_err() {
        // What is left of it would only be taken for a copy.
        let _ = fs::remove_file(to);
    }
    result
}

fn fill(connection: &Connection, to: &Path, file: &File) -> Result<(), LedgerError> {
    // SQLite takes the name as text, and writes into a file that is there as long as it is empty.
    let name = to
        .to_str()
        .ok_or_else(|| LedgerError::file("name in UTF-8 the copy", to)(std::io::ErrorKind::InvalidInput.into()))?;
    connection.execute("VACUUM INTO ?", [name]).map_err(LedgerError::database("write a copy of the ledger"))?;
    file.sync_all().map_err(LedgerError::file("write to the disk", to))
}

impl Reader {
    /// Copies the ledger to a new file, checks the copy and returns how large it is. A host may go on writing meanwhile;
    /// the copy is of one moment.
    ///
    /// # Errors
    /// If there is such a file, if it cannot be written, or if the copy is not whole. Then there is no copy.
    pub fn backup(&self, to: &Path) -> Result<u64, LedgerError> {
        write(self.connection(), to)?;
        let checked = verify(to).and_then(|()| sync_folder_of(to));
        if checked.is_err() {
            let _ = fs::remove_file(to);
        }
        checked?;
        fs::metadata(to).map(|file| file.len()).map_err(LedgerError::file("look at", to))
    }
}

/// Reads a copy from end to end.
///
/// # Errors
/// If it is not whole.
fn verify(path: &Path) -> Result<(), LedgerError> {
    let check = || {
        let copy = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        copy.query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0))
    };
    match check().map_err(LedgerError::database("read the copy of the ledger"))? {
        found if found == "ok" => Ok(()),
        found => Err(LedgerError::BadCopy { path: path.to_owned(), found }),
    }
}

/// Waits until the disk has the names of a file's folder.
pub(super) fn sync_folder_of(path: &Path) -> Result<(), LedgerError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(LedgerError::file("write to the disk", folder))
}
