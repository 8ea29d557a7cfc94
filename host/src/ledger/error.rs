//! What can go wrong with the ledger.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::stored::Unreadable;
use crate::model::id::{RunId, TaskName};
use crate::model::keyvalue::{Refused, Store};
use crate::model::quantity;
use crate::model::slot::Slot;

/// The ledger could not do what it was asked to. Cheap to clone: one failed commit is the answer to many.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LedgerError {
    /// Another host uses the state folder.
    #[error("the state folder {} is in use by another sandclock{}", folder.display(), pid.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    InUse {
        /// The state folder.
        folder: PathBuf,
        /// The process that uses it, if it said so.
        pid: Option<u32>,
    },
    /// The state folder or a file in it cannot be used.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: Arc<io::Error>,
    },
    /// There is no ledger here yet.
    #[error("there is no ledger in {}; `sandclock serve` makes one", folder.display())]
    Absent {
        /// The state folder.
        folder: PathBuf,
    },
    /// The file is some other program's database.
    #[error("{} is a database, but not one of sandclock's", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer sandclock wrote the ledger. It was not touched.
    #[error("the ledger {} has schema {found}, and this sandclock knows up to {known}; use the newer version", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema that this version knows.
        known: i64,
    },
    /// An older sandclock wrote the ledger, and a reader cannot bring it up to date.
    #[error("the ledger {} has the old schema {found}; `sandclock serve` brings it up to date", path.display())]
    Older {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
    },
    /// No way leads from the ledger's schema to the one that was asked for. It was not touched.
    #[error("the ledger {} has schema {found}, and no way leads from there to schema {to}", path.display())]
    NoWayBack {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The schema that was asked for.
        to: i64,
    },
    /// There is too little room on the disk for what writes the ledger anew. It was not touched.
    #[error("no room beside the ledger {} {purpose}: that takes {}, and {} are free", path.display(), quantity::bytes(*needed), quantity::bytes(*free))]
    NoRoom {
        /// The file.
        path: PathBuf,
        /// What for.
        purpose: &'static str,
        /// Bytes that it takes.
        needed: u64,
        /// Bytes that there are.
        free: u64,
    },
    /// The file is damaged, or no database at all.
    #[error("the ledger {} is damaged: put a backup in its place; `sandclock ledger verify` says what is wrong", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        source: Arc<rusqlite::Error>,
    },
    /// A copy of the ledger is not whole.
    #[error("the copy {} is not whole: {found}", path.display())]
    BadCopy {
        /// The copy.
        path: PathBuf,
        /// What was found.
        found: String,
    },
    /// The database refused a step: the disk is full, say, or the file damaged. Nothing of the call was recorded.
    #[error("cannot {action}")]
    Database {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: Arc<rusqlite::Error>,
    },
    /// Something in the ledger cannot be understood.
    #[error("cannot understand {what} in the ledger: {reason}")]
    Unreadable {
        /// What.
        what: String,
        /// Why.
        reason: String,
    },
    /// The slot of a run has an entry already. Nothing of the call was recorded.
    #[error("cannot enter the slot {slot} of the task {task}: it has an entry already")]
    SlotTaken {
        /// The task.
        task: TaskName,
        /// The slot.
        slot: Slot,
    },
    /// One of a range of slots has an entry already. Nothing of the call was recorded.
    #[error("cannot enter the slots {first} to {last} of the task {task} as missed: one of them has an entry already")]
    RangeTaken {
        /// The task.
        task: TaskName,
        /// The first slot that was to be entered.
        first: Slot,
        /// The last one.
        last: Slot,
        /// The first entry among them, by its first and its last slot, which may lie outside.
        taken: (Slot, Slot),
    },
    /// A range of slots is not there as it was to be cut. Nothing of the call was recorded.
    #[error("cannot cut the range {range} of the task {task}: it has changed")]
    RangeChanged {
        /// The task.
        task: TaskName,
        /// The range.
        range: RunId,
    },
    /// The entry does not follow from where its run stands. Nothing of the call was recorded.
    #[error("cannot enter the {entry} of the run {run}: that cannot follow from where it stands")]
    OutOfOrder {
        /// What was to be entered.
        entry: &'static str,
        /// The run.
        run: RunId,
    },
    /// What an attempt wrote to a key-value store cannot be written any more. Nothing of the call was recorded.
    #[error("cannot write what the run {run} has for {key:?} in {store}: {why}")]
    WriteRefused {
        /// The run.
        run: RunId,
        /// The store.
        store: Store,
        /// The key.
        key: String,
        /// Why.
        why: Refused,
    },
    /// The entry breaks one of the database's own rules. Nothing of the call was recorded.
    #[error("the ledger refuses the entry")]
    Refused {
        /// Which rule.
        source: Arc<rusqlite::Error>,
    },
    /// The writer is gone: it panicked.
    #[error("the ledger's writer has stopped")]
    Stopped,
}

impl LedgerError {
    /// Whether the entries themselves are at fault, so that appending them again can never succeed. For all other
    /// errors it can, once the cause has gone away.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::SlotTaken { .. }
                | Self::RangeTaken { .. }
                | Self::RangeChanged { .. }
                | Self::OutOfOrder { .. }
                | Self::WriteRefused { .. }
                | Self::Refused { .. }
        )
    }

    /// Whether the database itself is damaged: no later attempt can succeed, and whatever is written may be lost.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } => true,
            Self::Database { source, .. } => damages(source),
            _ => false,
        }
    }

    /// For `map_err` on what the database returns while it is opened.
    pub(super) fn opening(path: &Path) -> impl Fn(rusqlite::Error) -> Self + use<> {
        let path = path.to_owned();
        move |error| match damages(&error) {
            true => Self::Damaged { path: path.clone(), source: Arc::new(error) },
            false => Self::Database { action: "open the ledger", source: Arc::new(error) },
        }
    }

    /// For `map_err` on what the database returns.
    pub(super) fn database(action: &'static str) -> impl Fn(rusqlite::Error) -> Self + Copy {
        move |error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::ConstraintViolation) => Self::Refused { source: Arc::new(error) },
            _ => Self::Database { action, source: Arc::new(error) },
        }
    }

    /// For `map_err` on what the file system returns.
    pub(super) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |error| Self::File { action, path, source: Arc::new(error) }
    }

    /// For `map_err` on what was decoded.
    pub(super) fn unreadable(what: impl Into<String>) -> impl FnOnce(Unreadable) -> Self {
        let what = what.into();
        move |reason| Self::Unreadable { what, reason: reason.to_string() }
    }
}

fn damages(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}
