//! Changes without a running host: written to the ledger, each with its entry in the audit log.

use std::path::Path;
use std::sync::Arc;

use crate::clock::Clock;
use crate::ledger::{Access, Durability, Entry, Ledger, LedgerError, Reader, Recovered, Settings};
use crate::model::access::Role;
use crate::model::audit::{Actor, Audited, Change};
use crate::model::id::TaskName;

/// The ledger of a state folder that no host uses.
pub(super) struct Opened {
    ledger: Ledger,
    pub(super) recovered: Recovered,
    clock: Clock,
}

impl Opened {
    /// Opens it, and makes it if there is none.
    pub(super) fn open(state: &Path, clock: Clock) -> Result<Self, LedgerError> {
        let settings = Settings { state: state.to_owned(), durability: Durability::Full };
        let (ledger, recovered) = Ledger::open(&settings, clock)?;
        Ok(Self { ledger, recovered, clock })
    }

    pub(super) fn reader(&self) -> Result<Reader, LedgerError> {
        self.ledger.reader()
    }

    /// Makes a change, which takes this role of whoever asks a host for it.
    pub(super) fn append(&self, entry: Entry, role: Role, command: &str, task: Option<TaskName>) -> anyhow::Result<()> {
        let actor = Actor::User(rustix::process::getuid().as_raw());
        let change = Change { actor, role, action: command.to_owned(), request: String::new() };
        let audited = Audited::done(&change, task, None, self.clock.now());
        let entries = vec![entry, Entry::Access(Access::Audited(Arc::new(audited)))];
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(self.ledger.append(entries))?)
    }
}
