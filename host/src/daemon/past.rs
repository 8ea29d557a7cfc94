//! A backfill from the outside: its slots are looked up in the ledger and handed to the firing loop some at a time, so
//! that what is due meanwhile never waits for a large one.

use std::num::NonZeroU32;
use std::path::PathBuf;

use jiff::Timestamp;

use super::backfill::{MOST_SLOTS, Tally, before};
use super::dispatcher::Refusal;
use super::handle::{Command, Handle, Stopped};
use crate::ledger::{LedgerError, PastSlot, Reader};
use crate::model::id::TaskName;
use crate::model::slot::Slot;

/// A backfill that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The task.
    pub task: TaskName,
    /// The first moment at which a slot can lie.
    pub from: Timestamp,
    /// The last one.
    pub to: Timestamp,
    /// How many of its runs may go on at once.
    pub max_parallel: NonZeroU32,
}

/// A backfill cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum BackfillError {
    /// The dispatcher refuses it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It asks for too much at once.
    #[error("that is {asked} slots, and one backfill has at most {MOST_SLOTS}; ask for a shorter time")]
    TooManySlots {
        /// How many slots lie in its time.
        asked: u64,
    },
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The daemon is gone.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// How many slots are looked up, entered and begun at a time.
const LOT: usize = 256;

impl Handle {
    /// Runs the slots of a span of time that have no entry or did not succeed. Answers when all their runs are queued in
    /// the ledger; one that is cut off before has queued some of them, and can be asked for again.
    ///
    /// # Errors
    ///
    /// If it asks for too much, the daemon refuses or is gone, or the ledger cannot be read.
    pub async fn backfill(&self, request: Request) -> Result<Tally, BackfillError> {
        let Request { task: name, from, to, max_parallel } = request;
        let task = self.links.tasks.borrow().get(&name).cloned().ok_or(Refusal::NoSuchTask)?;
        let from = before(Slot::at(from));
        let asked = task.schedule.passed(from, to, 0).count;
        if asked > MOST_SLOTS {
            return Err(BackfillError::TooManySlots { asked });
        }
        let slots = task.schedule.passed(from, to, asked as usize).latest;
        let mut tally = Tally::default();
        for lot in slots.chunks(LOT) {
            let slots = look_up(self.links.state.to_path_buf(), name.clone(), lot.to_vec()).await?;
            let task = name.clone();
            let decided = self.ask(|answer| Command::Backfill { task, slots, max_parallel, answer }).await??;
            tally = tally.and(decided);
        }
        Ok(tally)
    }
}

async fn look_up(state: PathBuf, task: TaskName, slots: Vec<Slot>) -> Result<Vec<(Slot, PastSlot)>, LedgerError> {
    let read = tokio::task::spawn_blocking(move || {
        let past = Reader::open(&state)?.past(&task, &slots)?;
        Ok(slots.into_iter().zip(past).collect())
    });
    read.await.unwrap_or(Err(LedgerError::Stopped))
}
