//! How attempts and runs end.

use std::fmt;
use std::time::Duration;

use crate::model::id::RunId;
use crate::model::limits::Limit;
use crate::model::payload::Blob;

mod display;

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It had attempts, and this is how the last one ended.
    Attempted(AttemptOutcome),
    /// It was due and was not started.
    Skipped(Skip),
    /// It was due while nobody could start it.
    Missed(Miss),
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub enum AttemptOutcome {
    /// The guest did its work.
    Succeeded {
        /// What it put out, if anything.
        output: Option<Blob>,
    },
    /// The guest said that it could not do its work.
    Failed(Failure),
    /// The guest did something that WebAssembly forbids.
    Trapped(Trap),
    /// The guest reached a limit.
    Exceeded(Exceeded),
    /// Somebody ended it.
    Cancelled(CancelledBy),
    /// The host went away under it.
    Interrupted(Interruption),
    /// The host was at fault.
    Broken {
        /// What went wrong, with its causes.
        message: String,
    },
}

/// A failure that the guest itself reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Whether another attempt could help.
    pub kind: FailureKind,
    /// The guest's words.
    pub message: String,
}

/// Whether another attempt could help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// It could.
    Transient {
        /// How long the guest asks to wait first.
        retry_after: Option<Duration>,
    },
    /// It could not.
    Permanent,
}

/// What the guest did that WebAssembly forbids, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trap {
    /// The engine's words, such as "wasm `unreachable` instruction executed".
    pub reason: String,
    /// The guest's frames, innermost first, names demangled.
    pub backtrace: Vec<String>,
}

/// Which limit ended an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exceeded {
    /// The limit.
    pub limit: Limit,
    /// What it allows, in the limit's unit.
    pub allowed: u64,
    /// What the guest used or asked for, in the limit's unit.
    pub used: u64,
    /// Where the guest was, where that is known: its frames, innermost first.
    pub backtrace: Vec<String>,
}

/// Who ended a run before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelledBy {
    /// A person.
    Operator,
    /// A newer run of the same task, under `overlap = "replace"`.
    Replaced {
        /// The newer run.
        by: RunId,
    },
}

/// Why the host ends an attempt before its time: what an attempt in progress is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Somebody ended the run; it gets no further attempt.
    Cancel(CancelledBy),
    /// The host goes away; the run may go on after a restart.
    Interrupt(Interruption),
}

impl From<Stop> for AttemptOutcome {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Cancel(by) => AttemptOutcome::Cancelled(by),
            Stop::Interrupt(why) => AttemptOutcome::Interrupted(why),
        }
    }
}

/// Why the host went away under an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interruption {
    /// It crashed or was killed.
    Crash,
    /// It shut down, and its grace period was over.
    Shutdown,
}

/// Why a run that was due was not started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Skip {
    /// An earlier run of the task was still going, and the task's overlap policy is `skip`.
    Overlap,
    /// The queue was full.
    QueueFull,
    /// The task's plugin could not be used.
    PluginUnusable,
    /// The task is no longer configured.
    TaskRemoved,
    /// The task was paused.
    Paused,
    /// The task is configured with `enabled = false`.
    Disabled,
}

/// Why nobody could start a run when it was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Miss {
    /// The host was not running.
    Down,
    /// The host was running but did not get to it: the machine slept or was stalled.
    Suspended,
    /// The wall clock was stepped over it.
    ClockStep,
    /// The misfire policy would have run it late, but it was older than the policy's window.
    OutsideWindow,
    /// The host was not running, and when it came back the task had another schedule.
    ScheduleChanged,
}

/// Why none of a range of slots was run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PassedOver {
    /// They were due while nobody could start them.
    Missed(Miss),
    /// They were due and were not to be started.
    Skipped(Skip),
}

impl From<PassedOver> for Outcome {
    fn from(why: PassedOver) -> Self {
        match why {
            PassedOver::Missed(why) => Outcome::Missed(why),
            PassedOver::Skipped(why) => Outcome::Skipped(why),
        }
    }
}

/// An outcome without its details: what retries, metrics, filters and exit codes go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OutcomeClass {
    /// The work was done.
    Succeeded,
    /// The guest reported a failure that may pass.
    FailedTransient,
    /// The guest reported a failure that will not pass.
    FailedPermanent,
    /// The guest trapped.
    Trapped,
    /// The guest reached a limit.
    Exceeded,
    /// Somebody ended it.
    Cancelled,
    /// It was due and was not started.
    Skipped,
    /// It was due while nobody could start it.
    Missed,
    /// The host went away under it.
    Interrupted,
    /// The host was at fault.
    Broken,
}

impl OutcomeClass {
    /// Every class.
    pub const ALL: [OutcomeClass; 10] = [
        OutcomeClass::Succeeded,
        OutcomeClass::FailedTransient,
        OutcomeClass::FailedPermanent,
        OutcomeClass::Trapped,
        OutcomeClass::Exceeded,
        OutcomeClass::Cancelled,
        OutcomeClass::Skipped,
        OutcomeClass::Missed,
        OutcomeClass::Interrupted,
        OutcomeClass::Broken,
    ];

    /// The classes that `retry.on` may name: those of an attempt that went wrong by itself. What becomes of one that
    /// the host went away under is [`OnInterrupt`](crate::model::retry::OnInterrupt).
    pub const RETRYABLE: [OutcomeClass; 5] = [
        OutcomeClass::FailedTransient,
        OutcomeClass::FailedPermanent,
        OutcomeClass::Trapped,
        OutcomeClass::Exceeded,
        OutcomeClass::Broken,
    ];

    /// Whether something went wrong: what a streak of failures and a success rate count.
    pub fn is_failure(self) -> bool {
        Self::RETRYABLE.contains(&self) || self == OutcomeClass::Interrupted
    }

    /// The word for it in the configuration, the ledger, JSON and metrics.
    pub fn name(self) -> &'static str {
        match self {
            OutcomeClass::Succeeded => "succeeded",
            OutcomeClass::FailedTransient => "failed-transient",
            OutcomeClass::FailedPermanent => "failed-permanent",
            OutcomeClass::Trapped => "trapped",
            OutcomeClass::Exceeded => "exceeded",
            OutcomeClass::Cancelled => "cancelled",
            OutcomeClass::Skipped => "skipped",
            OutcomeClass::Missed => "missed",
            OutcomeClass::Interrupted => "interrupted",
            OutcomeClass::Broken => "broken",
        }
    }
}

impl fmt::Display for OutcomeClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Outcome {
    /// The outcome without its details.
    pub fn class(&self) -> OutcomeClass {
        match self {
            Outcome::Attempted(outcome) => outcome.class(),
            Outcome::Skipped(_) => OutcomeClass::Skipped,
            Outcome::Missed(_) => OutcomeClass::Missed,
        }
    }
}

impl AttemptOutcome {
    /// The outcome without its details.
    pub fn class(&self) -> OutcomeClass {
        match self {
            AttemptOutcome::Succeeded { .. } => OutcomeClass::Succeeded,
            AttemptOutcome::Failed(failure) => match failure.kind {
                FailureKind::Transient { .. } => OutcomeClass::FailedTransient,
                FailureKind::Permanent => OutcomeClass::FailedPermanent,
            },
            AttemptOutcome::Trapped(_) => OutcomeClass::Trapped,
            AttemptOutcome::Exceeded(_) => OutcomeClass::Exceeded,
            AttemptOutcome::Cancelled(_) => OutcomeClass::Cancelled,
            AttemptOutcome::Interrupted(_) => OutcomeClass::Interrupted,
            AttemptOutcome::Broken { .. } => OutcomeClass::Broken,
        }
    }
}

impl Skip {
    /// Every reason.
    pub const ALL: [Skip; 6] =
        [Skip::Overlap, Skip::QueueFull, Skip::PluginUnusable, Skip::TaskRemoved, Skip::Paused, Skip::Disabled];

    /// The word for it in the ledger and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Skip::Overlap => "overlap",
            Skip::QueueFull => "queue-full",
            Skip::PluginUnusable => "plugin-unusable",
            Skip::TaskRemoved => "task-removed",
            Skip::Paused => "paused",
            Skip::Disabled => "disabled",
        }
    }
}

impl Miss {
    /// Every reason.
    pub const ALL: [Miss; 5] =
        [Miss::Down, Miss::Suspended, Miss::ClockStep, Miss::OutsideWindow, Miss::ScheduleChanged];

    /// The word for it in the ledger and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Miss::Down => "down",
            Miss::Suspended => "suspended",
            Miss::ClockStep => "clock-step",
            Miss::OutsideWindow => "outside-window",
            Miss::ScheduleChanged => "schedule-changed",
        }
    }
}
