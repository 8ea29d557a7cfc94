//! The audit log of what others ask of the firing loop: each change has its entry in the transaction that makes it, so
//! that there is none without.

use std::sync::Arc;

use super::{Answer, Loop};
use crate::daemon::handle::{Command, LedgerHealth};
use crate::daemon::step::Step;
use crate::ledger::{Access, Entry};
use crate::model::audit::{Audited, Change};
use crate::model::id::{RunId, TaskName};

/// What the audit log is told of a command.
pub(super) struct Noting {
    change: Arc<Change>,
    task: Option<TaskName>,
    run: Option<RunId>,
}

impl Noting {
    /// What a command is about.
    pub(super) fn of(change: Arc<Change>, command: &Command) -> Self {
        let (task, run) = match command {
            Command::Trigger { request, .. } => (Some(request.task.clone()), None),
            Command::Retry { past, .. } => (Some(past.task.clone()), Some(past.id)),
            Command::Pause { task, .. } | Command::Resume { task, .. } | Command::Backfill { task, .. } => {
                (Some(task.clone()), None)
            }
            Command::Cancel { run, .. } => (None, Some(*run)),
            Command::Watch { .. }
            | Command::Access { .. }
            | Command::OnBehalf { .. }
            | Command::Open { .. }
            | Command::Plan { .. }
            | Command::Reload { .. }
            | Command::Drain
            | Command::Cut => (None, None),
        };
        Self { change, task, run }
    }
}

impl Loop {
    /// The command is about this run, too.
    pub(super) fn note_run(&mut self, run: RunId) {
        if let Some(noting) = &mut self.noting {
            noting.run = Some(run);
        }
    }

    /// Records a step together with its entry in the audit log, if somebody asked for it.
    ///
    /// What needs no other entry, which is the end of an attempt, is not held up by a ledger that cannot be written: a
    /// guest must be stopped all the same. Its entry follows when it can.
    pub(super) fn record_noted(&mut self, mut step: Step, answer: Answer) {
        let noted = self.noting.take().map(|Noting { change, task, run }| {
            let audited = Audited::done(&change, task, run, self.firing.clock.now());
            Entry::Access(Access::Audited(Arc::new(audited)))
        });
        let late = if self.health() != LedgerHealth::Writable && step.entries.is_empty() {
            noted
        } else {
            step.entries.extend(noted);
            None
        };
        self.record(step, Some(answer));
        if let Some(entry) = late {
            // Somebody may ask for the same over and over, and nothing else bounds how much waits.
            if self.unrecorded.is_full() || self.load.is_full() {
                tracing::warn!("a cancellation is not in the audit log: too much waits for the ledger");
            } else {
                self.record(Step { entries: vec![entry], ..Step::default() }, None);
            }
        }
    }

    /// Notes that a command was refused. Nothing was changed, so nobody waits for that; while the ledger cannot be
    /// written, it is left out.
    pub(super) fn note_refused(&mut self, code: &str) {
        if let Some(Noting { change, task, run }) = self.noting.take()
            && self.health() == LedgerHealth::Writable
        {
            let audited = Audited::refused(&change, task, run, code, self.firing.clock.now());
            let entries = vec![Entry::Access(Access::Audited(Arc::new(audited)))];
            self.record(Step { entries, ..Step::default() }, None);
        }
    }
}
