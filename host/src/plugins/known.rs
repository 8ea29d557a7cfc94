//! What files of the folder held when they were last read, so that not every start has to read and hash them all.
//!
//! A file is known by its [stamp](Stamp), which has the time of its last change: that moves with every write and cannot
//! be set back. What is remembered is kept under a seal of this host, like the images that it leads to. It saves time
//! and nothing else: whatever is not there is read.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::private::{self, StateError};
use super::seal::SealKey;
use super::stamp::Stamp;
use crate::clock::until;
use crate::model::id::Digest;

/// A file that was touched more recently when it was read could be changed again within the same tick of the file
/// system's clock, and look the same.
const RESTED: Duration = Duration::from_secs(2);
/// More files than this are forgotten all at once, to be read at the next start.
const MOST: usize = 10_000;

/// The contents of files, by their stamps.
pub(super) struct Known {
    path: PathBuf,
    key: Arc<SealKey>,
    contents: Mutex<Contents>,
}

#[derive(Default)]
struct Contents {
    /// By the number of each file: a file that changes takes its own place.
    files: BTreeMap<(u64, u64), (Stamp, Digest)>,
    /// Whether it holds what was not kept yet.
    fresh: bool,
}

impl Known {
    /// What was kept at a path. Nothing, if that is not there or not this host's work.
    pub(super) fn open(path: PathBuf, key: Arc<SealKey>) -> Self {
        let files = fs::read(&path).ok().and_then(|bytes| unsealed(&bytes, &key)).unwrap_or_default();
        Self { path, key, contents: Mutex::new(Contents { files, fresh: false }) }
    }

    /// The content of a file that looks like this.
    pub(super) fn digest(&self, stamp: &Stamp) -> Option<Digest> {
        let contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        contents.files.get(&stamp.inode).filter(|(known, _)| known == stamp).map(|(_, digest)| *digest)
    }

    /// Takes note of what a file held that looked like this before and after it was read.
    pub(super) fn remember(&self, stamp: Stamp, digest: Digest, now: Timestamp) {
        if stamp.touched().is_none_or(|touched| until(now, touched) < RESTED) {
            return;
        }
        let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        if contents.files.len() >= MOST {
            contents.files.clear();
        }
        contents.fresh |= contents.files.insert(stamp.inode, (stamp, digest)) != Some((stamp, digest));
    }

    /// Keeps what is new for the next start.
    pub(super) fn keep(&self) -> Result<(), StateError> {
        let text = {
            let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
            if !std::mem::take(&mut contents.fresh) {
                return Ok(());
            }
            text(&contents.files)
        };
        let error = StateError::of("seal", &self.path);
        let seal = self.key.seal_list().read(&mut text.as_bytes()).map_err(error)?.make();
        private::write(&self.path, &[&seal, text.as_bytes()].concat())
    }
}

/// A line for each file.
fn text(files: &BTreeMap<(u64, u64), (Stamp, Digest)>) -> String {
    let line = |(stamp, digest): &(Stamp, Digest)| {
        let Stamp { inode, size, modified, changed } = stamp;
        let numbers = [inode.0, inode.1, *size].map(|number| number.to_string()).join(" ");
        let times = [modified.0, modified.1, changed.0, changed.1].map(|number| number.to_string()).join(" ");
        format!("{numbers} {times} {digest}\n")
    };
    files.values().map(line).collect()
}

/// The files of a text that this host has sealed.
fn unsealed(bytes: &[u8], key: &SealKey) -> Option<BTreeMap<(u64, u64), (Stamp, Digest)>> {
    let (seal, text) = bytes.split_at_checked(size_of::<super::seal::Seal>())?;
    let sealing = key.seal_list().read(&mut io::Cursor::new(text)).ok()?;
    let lines = sealing.fits(seal).then(|| std::str::from_utf8(text).ok())??.lines();
    lines.map(|line| read(line).map(|(stamp, digest)| (stamp.inode, (stamp, digest)))).collect()
}

fn read(line: &str) -> Option<(Stamp, Digest)> {
    let mut words = line.split(' ');
    let mut unsigned = || words.next()?.parse::<u64>().ok();
    let (inode, size) = ((unsigned()?, unsigned()?), unsigned()?);
    let mut signed = || words.next()?.parse::<i64>().ok();
    let (modified, changed) = ((signed()?, signed()?), (signed()?, signed()?));
    Some((Stamp { inode, size, modified, changed }, words.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::plugins::store::digest;

    const OLD: Stamp = Stamp { inode: (1, 2), size: 3, modified: (1_764_000_000, 4), changed: (1_764_000_000, 5) };

    fn open(root: &tempfile::TempDir) -> Known {
        Known::open(root.path().join("known"), Arc::new(SealKey::open(&root.path().join("key")).unwrap()))
    }

    fn now() -> Timestamp {
        Timestamp::constant(1_764_000_000, 0) + jiff::SignedDuration::from_mins(1)
    }

    #[test]
    fn what_looks_the_same_is_known_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let known = open(&root);
        known.remember(OLD, digest(b"old"), now());
        assert_eq!(known.digest(&OLD), Some(digest(b"old")));
        for other in [
            Stamp { inode: (0, 2), ..OLD },
            Stamp { inode: (1, 3), ..OLD },
            Stamp { size: 4, ..OLD },
            Stamp { modified: (1_764_000_000, 5), ..OLD },
            Stamp { changed: (1_764_000_000, 6), ..OLD },
            Stamp { changed: (1_764_000_001, 5), ..OLD },
        ] {
            assert_eq!(known.digest(&other), None, "{other:?}");
        }
    }

    #[test]
    fn a_file_that_was_just_touched_is_not_remembered() {
        let root = tempfile::tempdir().unwrap();
        let known = open(&root);
        let just = now().as_second() - 1;
        for fresh in [Stamp { modified: (just, 0), ..OLD }, Stamp { changed: (just, 0), ..OLD }] {
            known.remember(fresh, digest(b"fresh"), now());
            assert_eq!(known.digest(&fresh), None, "{fresh:?}");
        }
    }

    #[test]
    fn it_lasts_unless_somebody_changes_it() {
        let root = tempfile::tempdir().unwrap();
        let known = open(&root);
        let others = (0..100).map(|number| Stamp { inode: (1, 100 + number), modified: (-7, 8), ..OLD });
        others.chain([OLD]).for_each(|stamp| known.remember(stamp, digest(b"old"), now()));
        known.keep().unwrap();
        assert_eq!(open(&root).digest(&OLD), Some(digest(b"old")));
        assert_eq!(open(&root).digest(&Stamp { inode: (1, 199), modified: (-7, 8), ..OLD }), Some(digest(b"old")));

        let whole = fs::read(root.path().join("known")).unwrap();
        for at in [0, 31, 32, 40, whole.len() - 1] {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            private::write(&root.path().join("known"), &damaged).unwrap();
            assert_eq!(open(&root).digest(&OLD), None, "byte {at}");
        }
        for length in [0, 31, 32, whole.len() / 2] {
            private::write(&root.path().join("known"), &whole[..length]).unwrap();
            assert_eq!(open(&root).digest(&OLD), None, "{length} bytes");
        }
        private::write(&root.path().join("known"), &whole).unwrap();
        fs::remove_file(root.path().join("key")).unwrap();
        assert_eq!(open(&root).digest(&OLD), None, "another key");
    }

    #[test]
    fn every_change_of_a_file_changes_its_stamp() {
        type Change = fn(&std::path::Path);
        let written: Change = |path| {
            let before = fs::metadata(path).unwrap().modified().unwrap();
            let mut file = File::options().write(true).open(path).unwrap();
            file.write_all(b"NEW").unwrap();
            file.set_modified(before).unwrap();
        };
        let replaced: Change = |path| {
            let before = fs::metadata(path).unwrap().modified().unwrap();
            let other = path.with_extension("other");
            fs::write(&other, b"NEW").unwrap();
            File::options().write(true).open(&other).unwrap().set_modified(before).unwrap();
            fs::rename(other, path).unwrap();
        };
        let shortened: Change = |path| File::options().write(true).open(path).unwrap().set_len(1).unwrap();
        let made_executable: Change = |path| fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        for change in [written, replaced, shortened, made_executable] {
            let root = tempfile::tempdir().unwrap();
            let path = root.path().join("plugin.wasm");
            fs::write(&path, b"old").unwrap();
            let stamp = || Stamp::of(&fs::metadata(&path).unwrap());
            let before = stamp();
            // The file system's clock has ticks; a change within one of them is what RESTED is for.
            let seen = (0..1_000_000).any(|_| {
                change(&path);
                stamp() != before
            });
            assert!(seen);
        }
    }
}
