//! How much a guest may hand to the host at a time: in one of its calls, and when it returns.
//!
//! The engine has one such bound for both and reads it anew each time. So it is set anew, too: to that of calls when one
//! begins, and back when it ends.

use wasmtime::{CallHook, Store, StoreContextMut};

use crate::model::task::Task;
use crate::sandbox::Contract;
use crate::sandbox::guest::Guest;

/// What a guest may hand to the host at a time, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Carried {
    /// In one call. With HTTP that may be the body of a request.
    pub(crate) call: u64,
    /// When it returns: what is returned too much, by as much as a call may carry, is read and can be measured.
    pub(crate) returned: u64,
}

impl Carried {
    /// What a task's guest may hand over.
    pub(crate) fn of(task: &Task, contract: Contract) -> Self {
        let limits = &task.limits;
        let body = if task.grants.http.is_empty() { 0 } else { limits.http.body };
        let call = limits.hostcall.saturating_add(body);
        let returned = match contract {
            Contract::Task => limits.output.saturating_add(limits.hostcall),
            // They return nothing. What is read outside of calls is what streams carry.
            Contract::Command02 | Contract::Command03 => call,
        };
        Self { call, returned }
    }

    /// Bounds what comes outside of calls, as everything does at first.
    pub(crate) fn begin(self, store: &mut Store<Guest>) {
        store.set_hostcall_fuel(size(self.returned));
    }
}

/// Bounds what comes next, where a call begins or ends.
pub(crate) fn bound(store: &mut StoreContextMut<'_, Guest>, event: &CallHook) {
    let carried = store.data().carried();
    match event {
        CallHook::CallingHost => store.set_hostcall_fuel(size(carried.call)),
        CallHook::ReturningFromHost => store.set_hostcall_fuel(size(carried.returned)),
        CallHook::CallingWasm | CallHook::ReturningFromWasm => {}
    }
}

/// A number of bytes as the engine counts them.
pub(crate) fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
