//! The real ledger, beside the one in memory.

use crate::clock::Clock;
use crate::ledger::{Durability, Entry, Ledger, PastSlot, Reader, Recovered, Settings};
use crate::model::id::TaskName;
use crate::model::slot::Slot;

/// A real ledger, in a folder of its own.
pub(super) struct Durable {
    folder: tempfile::TempDir,
    ledger: Ledger,
}

impl Durable {
    pub(super) fn new() -> Self {
        // Where nothing is written to a disk, if there is such a place.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let (ledger, _) = open(&folder);
        Self { folder, ledger }
    }

    pub(super) fn append(&self, entries: &[Entry]) {
        if !entries.is_empty() {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(self.ledger.append(entries.to_vec())).unwrap();
        }
    }

    /// What a backfill asks of slots that have passed.
    pub(super) fn past(&self, task: &TaskName, slots: &[Slot]) -> Vec<PastSlot> {
        Reader::open(self.folder.path()).unwrap().past(task, slots).unwrap()
    }

    pub(super) fn reopen(self) -> (Self, Recovered) {
        let Self { folder, ledger } = self;
        drop(ledger);
        let (ledger, recovered) = open(&folder);
        (Self { folder, ledger }, recovered)
    }
}

fn open(folder: &tempfile::TempDir) -> (Ledger, Recovered) {
    let settings = Settings { state: folder.path().to_owned(), durability: Durability::Normal };
    crate::ledger::tests::opened(&settings, Clock::system())
}
