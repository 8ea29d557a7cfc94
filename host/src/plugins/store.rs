//! Copies of plugins under the SHA-256 of their content.
//!
//! A plugin is compiled from its copy: what was hashed is what is compiled, whatever becomes of the file meanwhile.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::private::{self, StateError};
use super::room::Kept;
use crate::model::id::Digest;
use crate::model::task::Build;

/// The SHA-256 of bytes.
pub(crate) fn digest(bytes: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(bytes).into())
}

/// The folder with the copies.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
}

impl Store {
    /// Opens the store in a folder, which is made if need be. Copies that were not compiled for
    /// long are removed.
    pub(super) fn open(folder: PathBuf, now: Timestamp) -> Result<Self, StateError> {
        private::folder(&folder)?;
        private::sweep(&folder, now)?;
        Ok(Self { folder })
    }

    /// Where the copy of a content is, once it is kept.
    pub(super) fn path(&self, digest: Digest) -> PathBuf {
        self.folder.join(format!("{digest}.wasm"))
    }

    /// All copies. A task needs those of these contents.
    pub(super) fn list(&self, needed: &BTreeMap<Build, Digest>) -> Result<Vec<Kept>, StateError> {
        private::list(&self.folder, &needed.values().map(Digest::to_string).collect())
    }

    /// Keeps a copy. One that is there already stays if it is what its name says.
    pub(super) fn keep(&self, digest: Digest, bytes: &[u8]) -> Result<(), StateError> {
        let path = self.path(digest);
        match read_copy(&path, digest) {
            Ok(_) => {
                if let Ok(copy) = File::open(&path) {
                    private::touch(&copy);
                }
                Ok(())
            }
            Err(_) => private::write(&path, bytes),
        }
    }
}

/// A copy cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum CopyError {
    #[error("cannot read the copy {}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("the copy {} is not what its name says", path.display())]
    Changed { path: PathBuf },
}

/// Reads a copy back and checks that it still is what its name says.
pub(super) fn read_copy(path: &Path, expected: Digest) -> Result<Vec<u8>, CopyError> {
    let bytes = fs::read(path).map_err(|source| CopyError::Unreadable { path: path.to_owned(), source })?;
    if digest(&bytes) == expected { Ok(bytes) } else { Err(CopyError::Changed { path: path.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_back_or_refused() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path().join("plugins"), Timestamp::MIN).unwrap();
        let id = digest(b"content");
        store.keep(id, b"content").unwrap();
        assert_eq!(read_copy(&store.path(id), id).unwrap(), b"content");

        private::write(&store.path(id), b"c0ntent").unwrap();
        assert!(matches!(read_copy(&store.path(id), id), Err(CopyError::Changed { .. })));

        store.keep(id, b"content").unwrap();
        assert_eq!(read_copy(&store.path(id), id).unwrap(), b"content", "a damaged copy is replaced");
    }

    #[test]
    fn digests_are_sha_256() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digest(b"").to_string(), empty);
    }
}
