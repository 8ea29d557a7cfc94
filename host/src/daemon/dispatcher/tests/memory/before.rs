//! What a step changes, so that one that is refused leaves nothing: to copy the whole ledger for each step took most of the
//! time of long sequences.

use super::{Entered, Memory};
use crate::ledger::{Standing, Unfinished};
use crate::model::id::{RunId, TaskName};
use crate::model::slot::Slot;

/// Something as it was; none if it was not there.
#[derive(Debug, Clone)]
pub(super) enum Before {
    Cursor(TaskName, Option<Slot>),
    Standing(TaskName, Option<Standing>),
    Run(RunId, Option<Unfinished>),
    Slot(TaskName, Slot, Option<Entered>),
}

impl Memory {
    pub(super) fn put_back(&mut self, before: Before) {
        match before {
            Before::Cursor(task, Some(cursor)) => _ = self.cursors.insert(task, cursor),
            Before::Cursor(task, None) => _ = self.cursors.remove(&task),
            Before::Standing(task, Some(standing)) => _ = self.standings.insert(task, standing),
            Before::Standing(task, None) => _ = self.standings.remove(&task),
            Before::Run(id, Some(run)) => _ = self.runs.insert(id, run),
            Before::Run(id, None) => _ = self.runs.remove(&id),
            Before::Slot(task, slot, entered) => {
                let slots = self.slots.entry(task).or_default();
                _ = match entered {
                    Some(entered) => slots.insert(slot, entered),
                    None => slots.remove(&slot),
                };
            }
        }
    }
}
