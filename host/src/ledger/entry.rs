//! What can be appended to the ledger. Each entry is one step of one run or of one task's cursor.

use std::sync::Arc;

use jiff::Timestamp;

use super::access::Access;
use super::alerts::AlertStep;
use super::keyvalue::StoreWrite;
use super::removal::Removal;
use crate::model::cause::Cause;
use crate::model::id::{Digest, RunId, TaskName};
use crate::model::key::Keyed;
use crate::model::keyvalue::Batch;
use crate::model::limits::Usage;
use crate::model::log::LogLine;
use crate::model::outcome::{AttemptOutcome, Outcome, PassedOver, Skip};
use crate::model::pause::Pause;
use crate::model::run::Run;
use crate::model::slot::Slot;

/// One step. Entries with a slot move the task's cursor to it, unless it is there or beyond already.
#[derive(Debug, Clone)]
pub enum Entry {
    /// A run exists from now on. Refused if its slot has an entry already.
    Admitted {
        /// The run.
        run: Arc<Run>,
        /// Whether its first attempt begins at once.
        admission: Admission,
    },
    /// A slot or a trigger is not run. Refused if the slot has an entry already.
    Skipped {
        /// The id of the entry.
        id: RunId,
        /// The task.
        task: TaskName,
        /// The slot; none for a trigger.
        slot: Option<Slot>,
        /// Why the run would have existed.
        cause: Cause,
        /// Why it does not.
        why: Skip,
        /// When that was decided.
        at: Timestamp,
    },
    /// Slots passed and are not run: nobody could, or their task was paused or disabled. Refused if one of them has an
    /// entry already. Skipped ones that follow directly upon others, for the same reason, lengthen the range of those.
    Missed {
        /// The task.
        task: TaskName,
        /// The first of them.
        first: Slot,
        /// The last of them.
        last: Slot,
        /// How many.
        count: u64,
        /// Why.
        why: PassedOver,
        /// When that was noticed.
        at: Timestamp,
    },
    /// Some slots of a range are to have entries of their own: the rest of it becomes these ranges. Refused unless the
    /// range is there as it is named.
    RangeCut {
        /// The task.
        task: TaskName,
        /// The range, by its id, its first and its last slot.
        range: (RunId, Slot, Slot),
        /// What is left of it, each as its first and its last slot and their count.
        rest: Vec<(Slot, Slot, u64)>,
        /// When that was decided.
        at: Timestamp,
    },
    /// No slot up to this one is of interest: the task is new, or has a new schedule.
    CursorSet {
        /// The task.
        task: TaskName,
        /// The slot, which need not be one of the schedule's.
        slot: Slot,
    },
    /// How a task is configured, as far as its slots depend on it.
    TaskSet {
        /// The task.
        task: TaskName,
        /// Its schedule, as [`Schedule::record`](crate::model::schedule::Schedule::record) writes it.
        schedule: String,
        /// Whether it is enabled.
        enabled: bool,
    },
    /// A task is paused from now on, or no longer.
    PauseSet {
        /// The task.
        task: TaskName,
        /// Since when and by whom; none if it goes on.
        pause: Option<Pause>,
    },
    /// A run that is over and did not succeed is queued again. Refused unless it is over without success, after as many
    /// attempts as were known of: it may have been opened and ended by somebody else meanwhile.
    Reopened {
        /// The run, with the cause and the payload that it has from now on.
        run: Arc<Run>,
        /// How many attempts it has had.
        attempts: u32,
        /// When.
        at: Timestamp,
    },
    /// A request for a run had a key. Refused if the task has it already.
    Keyed {
        /// The task.
        task: TaskName,
        /// The key, and what was asked for.
        keyed: Keyed,
        /// The run that it led to.
        run: RunId,
        /// When.
        at: Timestamp,
    },
    /// An attempt of a run that was queued or waiting begins. Refused unless it is the next one.
    Started {
        /// The run.
        run: RunId,
        /// Which attempt, from 1.
        attempt: u32,
        /// When.
        at: Timestamp,
    },
    /// A guest writes to a key-value store. A write that its rules refuse is entered all the same, as nothing.
    Stored(Arc<StoreWrite>),
    /// An attempt is over. Refused unless it is the one that is going on, and all that it wrote can be written.
    AttemptEnded {
        /// The run.
        run: RunId,
        /// Its task.
        task: TaskName,
        /// Which attempt, from 1.
        attempt: u32,
        /// How it ended.
        outcome: Arc<AttemptOutcome>,
        /// What it used.
        usage: Usage,
        /// Which bytes it executed; none if that is not known, as after a crash.
        plugin: Option<Digest>,
        /// What it logged.
        log: Arc<Vec<LogLine>>,
        /// What it wrote to key-value stores that is written with this entry.
        writes: Arc<Vec<Batch>>,
        /// When it began.
        started_at: Timestamp,
        /// When it was over.
        ended_at: Timestamp,
        /// What comes next.
        next: Next,
    },
    /// A run that was queued or waiting is over without another attempt. Refused if it is not queued or waiting.
    Ended {
        /// The run.
        run: RunId,
        /// How it ended.
        outcome: Outcome,
        /// When.
        at: Timestamp,
    },
    /// Who may do what, or who changed what.
    Access(Access),
    /// Old entries go. Never refused: what is not there, or not over, is left as it is.
    Removed(Removal),
    /// What alerts found out and did. Never refused.
    Alerted(Arc<AlertStep>),
}

/// Whether a run's first attempt begins as it is admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It waits for its turn; [`Entry::Started`] follows.
    Queued,
    /// It begins at once, without an entry of its own.
    Running,
}

/// What comes after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Another attempt; [`Entry::Started`] follows.
    Retry {
        /// When it is due.
        at: Timestamp,
    },
    /// Nothing: the run is over, and its outcome is that of the attempt.
    Final,
}
