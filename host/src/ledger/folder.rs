//! The state folder as the ledger sees it: its files, and the lock that keeps a second host out.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process;

use super::error::LedgerError;

/// The database's file in a state folder.
pub(super) fn database(folder: &Path) -> PathBuf {
    folder.join("ledger.db")
}

/// Refuses a folder that has no database in it.
pub(super) fn expect_database(folder: &Path) -> Result<(), LedgerError> {
    let path = database(folder);
    match path.try_exists().map_err(LedgerError::file("look for", &path))? {
        true => Ok(()),
        false => Err(LedgerError::Absent { folder: folder.to_owned() }),
    }
}

/// Makes a file for the host's user only, if it is not there. SQLite gives its other files the same permissions.
pub(super) fn create_private(path: &Path) -> Result<(), LedgerError> {
    let created = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    created.map(drop).map_err(LedgerError::file("open", path))
}

/// A state folder that is ours alone for as long as this exists. The kernel ends that with the process, however it ends.
#[derive(Debug)]
pub(super) struct Claim {
    _lock: File,
}

impl Claim {
    /// Claims a folder, and makes it first if it is not there. What it holds is for the host's user only: payloads,
    /// outputs and logs may be confidential.
    pub(super) fn take(folder: &Path) -> Result<Self, LedgerError> {
        create(folder).map_err(LedgerError::file("make the state folder", folder))?;
        let path = folder.join("lock");
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(LedgerError::file("open the lock file", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LedgerError::InUse { folder: folder.to_owned(), pid: read_pid(&mut lock) });
            }
            Err(TryLockError::Error(error)) => return Err(LedgerError::file("lock", &path)(error)),
        }
        // The number is for the message above only. Not even a full disk is a reason not to start for want of it.
        let _ = lock.set_len(0).and_then(|()| lock.rewind()).and_then(|()| writeln!(lock, "{}", process::id()));
        Ok(Self { _lock: lock })
    }
}

/// Makes a folder that is still there after a power cut, if it is not there at all.
fn create(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    match std::path::absolute(folder)?.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

fn read_pid(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_claim_is_refused_and_names_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("a/state");
        let claim = Claim::take(&state).unwrap();
        let error = Claim::take(&state).unwrap_err();
        assert!(matches!(error, LedgerError::InUse { pid: Some(pid), .. } if pid == process::id()));
        assert!(error.to_string().ends_with(&format!("in use by another sandclock (process {})", process::id())));
        drop(claim);
        Claim::take(&state).unwrap();
    }
}
