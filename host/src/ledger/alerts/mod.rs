//! What the ledger holds for alerts: causes that wait to be judged, what is known of each trouble, notices and messages.
//!
//! A cause is entered in the transaction that ends the run, and leaves in the one that enters the verdict, so none is lost
//! whenever the host dies. What is told and how it is sent is decided elsewhere.

mod codes;
mod enter;
mod read;

use jiff::Timestamp;

use crate::model::alert::{Kind, Notice, Problem, Subject};
use crate::model::id::{AlertName, RunId, TaskName};
use crate::model::outcome::{OutcomeClass, PassedOver};
use crate::model::slot::Slot;

pub(in crate::ledger) use enter::Causes;
pub use read::{AlertChannelSummary, UnfinishedRun, WaitingNotice};

/// Something that waits to be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertCause {
    /// Its place among the others.
    pub seq: i64,
    /// The task.
    pub task: TaskName,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub what: Caused,
}

/// What happened to a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caused {
    /// A run is over, or was skipped.
    Ended {
        /// The run, which may be gone from the ledger.
        run: RunId,
        /// How it ended.
        class: OutcomeClass,
    },
    /// Slots were missed.
    Missed {
        /// The first slot.
        first: Slot,
        /// The last slot.
        last: Slot,
        /// How many slots.
        count: u64,
        /// Why.
        why: PassedOver,
    },
}

/// Whom a trouble concerns: a channel, and what it is about.
pub type ProblemKey = (AlertName, Subject, Kind);

/// One step of the alerts: all of it is entered, or nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AlertStep {
    /// Causes up to this one are judged.
    pub judged: Option<i64>,
    /// What is known of troubles from now on; none for one that is forgotten.
    pub problems: Vec<(ProblemKey, Option<Problem>)>,
    /// What is to be told, and since when.
    pub notices: Vec<(AlertName, Notice, Timestamp)>,
    /// Notices that become messages.
    pub messages: Vec<NewMessage>,
    /// Attempts to deliver messages.
    pub tries: Vec<MessageTry>,
    /// A host with alerts runs from now on, or no longer.
    pub host: Option<(HostMark, Timestamp)>,
}

impl AlertStep {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether a host with alerts runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostMark {
    /// One does, or was killed.
    Up,
    /// The last one ended as it should.
    Down,
}

/// Notices that become a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// Whom it is for.
    pub channel: AlertName,
    /// What all attempts to deliver it are known by.
    pub key: String,
    /// When.
    pub at: Timestamp,
    /// The notices, by their ids.
    pub notices: Vec<i64>,
}

/// What came of an attempt to deliver a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageTry {
    /// The message.
    pub message: i64,
    /// What came of it.
    pub result: TryResult,
}

/// What came of an attempt to deliver a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TryResult {
    /// Somebody took it.
    Delivered {
        /// When.
        at: Timestamp,
    },
    /// It is tried again.
    Failed {
        /// Why.
        error: String,
        /// When.
        next: Timestamp,
    },
    /// It is not tried again.
    GivenUp {
        /// Why.
        error: String,
    },
}

/// A message on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingMessage {
    /// Its id.
    pub id: i64,
    /// Whom it is for.
    pub channel: AlertName,
    /// What all attempts to deliver it are known by.
    pub key: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// How often it was tried.
    pub tries: u32,
    /// When it is tried next.
    pub next_at: Timestamp,
}
