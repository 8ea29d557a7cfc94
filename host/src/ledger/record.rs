//! What [`super::Reader`] answers with: records of runs, of missed slots and of attempts.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::cause::{Cause, CauseKind};
use crate::model::id::{Digest, RunId, TaskName};
use crate::model::limits::Usage;
use crate::model::log::LogLine;
use crate::model::outcome::{AttemptOutcome, OutcomeClass, PassedOver};
use crate::model::run::RunState;
use crate::model::slot::Slot;

/// Which records to list. What is not said does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Those of this task.
    pub task: Option<TaskName>,
    /// Those that ended in one of these ways; if there are none, all.
    pub outcomes: Vec<OutcomeClass>,
    /// Those that exist for this reason; slots that were not run are due to their schedule.
    pub cause: Option<CauseKind>,
    /// Those entered at this time or later, as their ids tell it: while a clock that was set back catches up, what is
    /// entered counts to the time before.
    pub since: Option<Timestamp>,
    /// Those entered before this time.
    pub until: Option<Timestamp>,
    /// Those with a slot at this time or later, and ranges that reach it. With this or the next, the list is in the order
    /// of slots, not of entry.
    pub due_since: Option<Timestamp>,
    /// Those with a slot before this time.
    pub due_until: Option<Timestamp>,
    /// Those older than this one: the last of one page leads to the next.
    pub before: Option<RunId>,
    /// How many at the most.
    pub limit: u32,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            task: None,
            outcomes: Vec::new(),
            cause: None,
            since: None,
            until: None,
            due_since: None,
            due_until: None,
            before: None,
            limit: 50,
        }
    }
}

impl Filter {
    /// Whether it asks for slots, and so in their order.
    pub(super) fn by_slot(&self) -> bool {
        self.due_since.is_some() || self.due_until.is_some()
    }
}

/// A line of a task's history.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// A run, or a slot or trigger that was skipped.
    Run(RunRecord),
    /// Slots that were not run, as a range.
    Missed(MissedRecord),
}

/// A run as the ledger has it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    /// Its id.
    pub id: RunId,
    /// Its task.
    pub task: TaskName,
    /// Why it exists.
    pub cause: Cause,
    /// When it was due; none for a trigger.
    pub slot: Option<Slot>,
    /// Where it stands. The output of a success is left out; [`super::Reader::output`] has it.
    pub state: RunState,
    /// Since when it stands there.
    pub since: Timestamp,
    /// How many attempts it has begun.
    pub attempts: u32,
    /// When it was admitted.
    pub admitted_at: Timestamp,
    /// When its first attempt began; none if none did.
    pub started_at: Option<Timestamp>,
    /// From the start of its first attempt to its end; none while it is not over, or if it never started.
    pub took: Option<Duration>,
}

/// A range of slots that were not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissedRecord {
    /// Its id.
    pub id: RunId,
    /// The task.
    pub task: TaskName,
    /// The first slot.
    pub first: Slot,
    /// The last slot.
    pub last: Slot,
    /// How many slots.
    pub count: u64,
    /// Why they were not run.
    pub why: PassedOver,
    /// When that was entered.
    pub entered_at: Timestamp,
}

/// An attempt that is over.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptRecord {
    /// Which one, from 1.
    pub attempt: u32,
    /// How it ended. The output of a success is left out; [`super::Reader::output`] has it.
    pub outcome: AttemptOutcome,
    /// What it used.
    pub usage: Usage,
    /// Which bytes it executed; none if the host was cut off and could not say.
    pub plugin: Option<Digest>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was over.
    pub ended_at: Timestamp,
}

/// What an attempt logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptLog {
    /// Which attempt, from 1.
    pub attempt: u32,
    /// Its lines, oldest first.
    pub lines: Vec<LogLine>,
}

impl Record {
    /// Its task.
    pub fn task(&self) -> &TaskName {
        match self {
            Record::Run(run) => &run.task,
            Record::Missed(missed) => &missed.task,
        }
    }

    /// Its id; ids order the records.
    pub fn id(&self) -> RunId {
        match self {
            Record::Run(run) => run.id,
            Record::Missed(missed) => missed.id,
        }
    }
}
