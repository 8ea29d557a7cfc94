//! A run as most are: over after one attempt, with a log of one line.

use std::sync::Arc;

use jiff::Timestamp;
use sandclock_host::ledger::{Admission, Entry, Next};
use sandclock_host::model::cause::Cause;
use sandclock_host::model::id::{Digest, RunId};
use sandclock_host::model::limits::Usage;
use sandclock_host::model::log::{Level, LogLine, LogSource};
use sandclock_host::model::outcome::AttemptOutcome;
use sandclock_host::model::run::Run;
use sandclock_host::model::slot::Slot;
use sandclock_host::model::task::Task;

/// What such runs differ in.
pub(crate) struct Sample {
    pub id: RunId,
    pub task: Arc<Task>,
    pub cause: Cause,
    pub slot: Option<Slot>,
    /// When all of it happened.
    pub at: Timestamp,
}

impl Sample {
    /// Its first attempt begins.
    pub(crate) fn admitted(&self) -> Entry {
        let Self { id, task, cause, slot, at } = self;
        let run = Run {
            id: *id,
            task: task.clone(),
            cause: cause.clone(),
            slot: *slot,
            payload: None,
            trace: None,
            admitted_at: *at,
        };
        Entry::Admitted { run: Arc::new(run), admission: Admission::Running }
    }

    /// It ends with that attempt.
    pub(crate) fn ended(&self, outcome: AttemptOutcome, usage: Usage) -> Entry {
        let line = LogLine {
            at: self.at,
            level: Level::Info,
            source: LogSource::Log,
            message: "42 pages are as they were".to_owned(),
            fields: Vec::new(),
        };
        Entry::AttemptEnded {
            run: self.id,
            task: self.task.name.clone(),
            attempt: 1,
            outcome: Arc::new(outcome),
            usage,
            plugin: Some(Digest::from_bytes([7; 32])),
            log: Arc::new(vec![line]),
            writes: Arc::default(),
            started_at: self.at,
            ended_at: self.at,
            next: Next::Final,
        }
    }
}
