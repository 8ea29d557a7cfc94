//! What changes when a file does.

use std::fs;
use std::os::unix::fs::MetadataExt;

use jiff::Timestamp;

/// What the file system tells of a file's content. Also changes when only its name or its permissions do: a content
/// that was put in place with the times of the old one is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Stamp {
    /// Which file it is: the numbers of its device and of itself.
    pub inode: (u64, u64),
    /// How many bytes it has.
    pub size: u64,
    /// When its content was modified: Unix seconds, and nanoseconds within the second.
    pub modified: (i64, i64),
    /// When anything about it changed, which nobody can set back: the same.
    pub changed: (i64, i64),
}

impl Stamp {
    pub(super) fn of(meta: &fs::Metadata) -> Self {
        Self {
            inode: (meta.dev(), meta.ino()),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }

    /// When the content was last modified, as far as the file system tells.
    pub(super) fn modified(&self) -> Option<Timestamp> {
        time(self.modified)
    }

    /// When the file was last touched in any way, as far as the file system tells.
    pub(super) fn touched(&self) -> Option<Timestamp> {
        time(self.modified.max(self.changed))
    }
}

fn time((seconds, nanoseconds): (i64, i64)) -> Option<Timestamp> {
    Timestamp::new(seconds, i32::try_from(nanoseconds).ok()?).ok()
}

/// What changes when one of a plugin's files does, or comes, or goes: their names, each with its stamp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark(pub(super) Vec<(String, Option<Stamp>)>);
