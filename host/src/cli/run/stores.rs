//! The key-value stores of a run in the foreground: those of the host as they are now, in memory.
//!
//! The run sees what its task has, and what it writes is gone with it: so it works beside a running host, and can be
//! repeated.

use std::path::Path;

use anyhow::Context;

use crate::ledger::{LedgerError, Reader};
use crate::model::keyvalue::Store;
use crate::model::task::Task;
use crate::sandbox::Memory;

/// What the stores hold that a task may use; nothing, where there is no ledger to look into.
pub(super) fn copied(task: &Task, state: Option<&Path>) -> anyhow::Result<Memory> {
    let memory = Memory::default();
    let (Some(grant), Some(state)) = (&task.grants.kv, state) else { return Ok(memory) };
    let reader = match Reader::open(state) {
        // A host of this version has yet to run here.
        Err(LedgerError::Absent { .. } | LedgerError::Older { .. }) => return Ok(memory),
        opened => opened.context("cannot look into the task's key-value stores")?,
    };
    let shared = grant.shared.iter().cloned().map(Store::Shared);
    for store in shared.chain([Store::Own(task.name.clone())]) {
        memory.fill(&store, reader.store(&store).with_context(|| format!("cannot look into {store}"))?);
    }
    Ok(memory)
}
