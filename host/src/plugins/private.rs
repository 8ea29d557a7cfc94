//! Files that only this user can read and nobody changes: private folders, and files that appear whole or not at all.
//!
//! Nothing waits for the disk: after a power cut a file may be torn or gone. Whoever reads one checks it, and can make it
//! again. Knows nothing of what is in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use tempfile::NamedTempFile;

use super::room::Kept;

/// Something in the state folder cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {}", path.display())]
pub struct StateError {
    operation: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl StateError {
    /// Names the operation and the object of an error, for `map_err`.
    pub(super) fn of(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { operation, path, source }
    }
}

/// Makes a folder that only this user can enter, or makes an existing one so.
pub(super) fn folder(path: &Path) -> Result<(), StateError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(StateError::of("create the folder", path))?;
    let permissions = fs::metadata(path).map_err(StateError::of("read the permissions of", path))?.permissions();
    if permissions.mode() & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(0o700))
            .map_err(StateError::of("keep others out of the folder", path))?;
    }
    Ok(())
}

/// How the names of drafts begin.
const DRAFT: &str = ".draft-";

/// A new file of a hidden name in a folder: to be written, and then [published](publish).
pub(super) fn draft(folder: &Path) -> Result<NamedTempFile, StateError> {
    tempfile::Builder::new().prefix(DRAFT).tempfile_in(folder).map_err(StateError::of("create a file in", folder))
}

/// Gives a draft its name, in the folder where it is. From then on nobody can write to it; whoever had an older file
/// of that name open keeps that one.
pub(super) fn publish(draft: NamedTempFile, target: &Path) -> Result<File, StateError> {
    let error = |operation| StateError::of(operation, target);
    draft.as_file().set_permissions(Permissions::from_mode(0o400)).map_err(error("protect"))?;
    draft.persist(target).map_err(|failed| error("put in place")(failed.error))
}

/// Writes a file whole or not at all; see [`publish`].
pub(super) fn write(target: &Path, bytes: &[u8]) -> Result<(), StateError> {
    let mut draft = draft(target.parent().unwrap_or(Path::new(".")))?;
    draft.write_all(bytes).map_err(StateError::of("write", target))?;
    publish(draft, target).map(drop)
}

/// Notes that a file is still in use, so that it is not [swept](sweep).
pub(super) fn touch(file: &File) {
    let now = rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW };
    // At worst the file is made again one day.
    let _ = rustix::fs::futimens(file, &rustix::fs::Timestamps { last_access: now, last_modification: now });
}

/// A file that was not in use for this long is swept.
const KEPT_UNUSED: SignedDuration = SignedDuration::from_hours(30 * 24);
/// A draft this old was left behind by a host that was killed.
const KEPT_DRAFT: SignedDuration = SignedDuration::from_hours(24);

/// Removes the files of a folder that nobody has [touched](touch) for a long time.
pub(super) fn sweep(folder: &Path, now: Timestamp) -> Result<(), StateError> {
    let entries = fs::read_dir(folder).map_err(StateError::of("list", folder))?;
    for entry in entries.filter_map(Result::ok) {
        let draft = entry.file_name().as_encoded_bytes().starts_with(DRAFT.as_bytes());
        let kept = if draft { KEPT_DRAFT } else { KEPT_UNUSED };
        let since = now.as_second().saturating_sub(kept.as_secs());
        if entry.metadata().is_ok_and(|meta| meta.is_file() && meta.mtime() < since) {
            // Another host may sweep too; whoever comes second finds nothing.
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

/// The files of a folder, those of one stem together. A task needs those whose stem is among `needed`.
pub(super) fn list(folder: &Path, needed: &BTreeSet<String>) -> Result<Vec<Kept>, StateError> {
    let mut kept: BTreeMap<String, Kept> = BTreeMap::new();
    let entries = fs::read_dir(folder).map_err(StateError::of("list", folder))?;
    for entry in entries.filter_map(Result::ok) {
        let (path, Ok(meta)) = (entry.path(), entry.metadata()) else { continue };
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        if !meta.is_file() || stem.starts_with(DRAFT) {
            continue;
        }
        let nothing = Kept { files: Vec::new(), bytes: 0, used: (0, 0), needed: needed.contains(&stem) };
        let together = kept.entry(stem).or_insert(nothing);
        together.files.push(path);
        together.bytes += meta.len();
        together.used = together.used.max((meta.mtime(), meta.mtime_nsec()));
    }
    Ok(kept.into_values().collect())
}

/// Removes files. Another host may do so too; whoever comes second finds nothing.
pub(super) fn remove(kept: &[Kept]) {
    for file in kept.iter().flat_map(|kept| &kept.files) {
        let _ = fs::remove_file(file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_has_touched_is_swept() {
        let root = tempfile::tempdir().unwrap();
        let now = Timestamp::constant(1_764_000_000, 0);
        for (name, days) in [("old", 31), ("new", 29), ("used", 31), (".draft-old", 2), (".draft-new", 0)] {
            let path = root.path().join(name);
            write(&path, b"").unwrap();
            let modified = now - SignedDuration::from_hours(24 * days);
            File::open(path).unwrap().set_modified(modified.into()).unwrap();
        }
        touch(&File::open(root.path().join("used")).unwrap());
        sweep(root.path(), now).unwrap();
        let mut left: Vec<_> = fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".draft-new", "new", "used"]);
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn folders_keep_others_out_even_if_they_let_them_in_before() {
        let root = tempfile::tempdir().unwrap();
        let (fresh, open) = (root.path().join("a/b"), root.path().join("open"));
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
        for path in [&fresh, &open] {
            folder(path).unwrap();
            assert_eq!(mode(path), 0o700);
        }
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_is_read_only() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("file");
        write(&path, b"first").unwrap();
        let before = File::open(&path).unwrap();
        write(&path, b"second, longer").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second, longer");
        assert_eq!(io::read_to_string(before).unwrap(), "first", "a reader keeps what it opened");
        assert_eq!(mode(&path), 0o400);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn errors_name_the_operation_and_the_object() {
        let error = write(Path::new("/proc/none/x"), b"").unwrap_err();
        assert_eq!(error.to_string(), "cannot create a file in /proc/none");
    }
}
