//! A step: what the dispatcher decides at one event, as what to record and what to do once that is durable.

use std::sync::Arc;

use crate::ledger::{Access, Entry, LedgerError};
use crate::model::event::Event;
use crate::model::id::{RunId, TaskName};
use crate::model::outcome::Stop;
use crate::model::run::Run;
use crate::model::slot::Slot;

/// What to record, in one transaction, and what to do once that is durable.
#[derive(Debug, Default)]
pub struct Step {
    /// What to record, in order.
    pub entries: Vec<Entry>,
    /// What to do afterwards, in order.
    pub effects: Vec<Effect>,
}

/// What to do once a step is durable.
#[derive(Debug)]
pub enum Effect {
    /// Start an attempt.
    Start {
        /// The run.
        run: Arc<Run>,
        /// Which attempt, from 1.
        attempt: u32,
    },
    /// End an attempt that goes on.
    Stop {
        /// The run.
        run: RunId,
        /// Why.
        stop: Stop,
    },
    /// Tell the observers.
    Tell(Event),
}

impl Step {
    /// Whether there is nothing to record and nothing to do.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.effects.is_empty()
    }

    /// Adds another step behind this one: one transaction for both.
    pub fn append(&mut self, mut other: Step) {
        self.entries.append(&mut other.entries);
        self.effects.append(&mut other.effects);
    }

    /// Takes out what the ledger refused, and what was to be done about it; all, if it does not say what. Returns the
    /// runs that are not in the ledger for it.
    pub fn remove_refused(&mut self, refusal: &LedgerError) -> Vec<RunId> {
        let entries = self.entries.len();
        let mut removed = Vec::new();
        self.entries.retain(|entry| {
            let refused = match refusal {
                LedgerError::SlotTaken { task, slot } => is_of_slot(entry, task, *slot),
                // Of a range that cannot be divided.
                LedgerError::RangeTaken { task, first, .. } => is_of_slot(entry, task, *first),
                LedgerError::RangeChanged { range, .. } => {
                    matches!(entry, Entry::RangeCut { range: (of, ..), .. } if of == range)
                }
                LedgerError::OutOfOrder { run, .. } => run_of(entry) == Some(*run),
                _ => true,
            };
            removed.extend(run_of(entry).filter(|_| refused));
            !refused
        });
        if self.entries.len() == entries {
            // The ledger refuses something else than we know of: better to lose this step than to try it for ever.
            removed.extend(self.entries.drain(..).filter_map(|entry| run_of(&entry)));
        }
        self.effects.retain(|effect| match effect {
            Effect::Start { run, .. }
            | Effect::Tell(
                Event::AttemptStarted { run, .. }
                | Event::RunQueued(run)
                | Event::AttemptEnded { run, .. }
                | Event::RunEnded { run, .. },
            ) => !removed.contains(&run.id),
            Effect::Stop { .. } | Effect::Tell(_) => true,
        });
        removed
    }

    /// Adds the start of an attempt.
    pub(super) fn start(&mut self, run: Arc<Run>, attempt: u32) {
        self.effects.push(Effect::Tell(Event::AttemptStarted { run: run.clone(), attempt }));
        self.effects.push(Effect::Start { run, attempt });
    }
}

fn is_of_slot(entry: &Entry, task: &TaskName, slot: Slot) -> bool {
    match entry {
        Entry::Admitted { run, .. } => run.task.name == *task && run.slot == Some(slot),
        Entry::Skipped { task: of, slot: at, .. } => of == task && *at == Some(slot),
        Entry::Missed { task: of, first, .. } => of == task && *first == slot,
        _ => false,
    }
}

fn run_of(entry: &Entry) -> Option<RunId> {
    match entry {
        Entry::Admitted { run, .. } | Entry::Reopened { run, .. } => Some(run.id),
        Entry::Started { run, .. }
        | Entry::AttemptEnded { run, .. }
        | Entry::Ended { run, .. }
        | Entry::Keyed { run, .. } => Some(*run),
        Entry::Access(Access::Audited(audited)) => audited.run,
        Entry::Skipped { .. }
        | Entry::Missed { .. }
        | Entry::RangeCut { .. }
        | Entry::CursorSet { .. }
        | Entry::TaskSet { .. }
        | Entry::PauseSet { .. }
        | Entry::Stored(_)
        | Entry::Access(_)
        | Entry::Removed(_)
        | Entry::Alerted(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ledger::Admission;
    use crate::model::cause::Cause;
    use crate::model::schedule::Schedule;
    use crate::model::task::Task;

    fn run(id: i64, task: &str, slot: i64) -> Arc<Run> {
        Arc::new(Run {
            id: RunId::from_i64(id).unwrap(),
            task: Arc::new(Task::example(task, Schedule::every(Duration::from_secs(1)).unwrap())),
            cause: Cause::Schedule,
            slot: Slot::from_millis(slot),
            payload: None,
            trace: None,
            admitted_at: jiff::Timestamp::UNIX_EPOCH,
        })
    }

    fn step() -> Step {
        let mut step = Step::default();
        for (id, task) in [(1, "a"), (2, "b")] {
            let run = run(id, task, 1000);
            step.entries.push(Entry::Admitted { run: run.clone(), admission: Admission::Running });
            step.start(run, 1);
        }
        step
    }

    #[test]
    fn what_was_refused_is_taken_out_and_nothing_else() {
        let slot = Slot::from_millis(1000).unwrap();
        let mut taken = step();
        let refusal = LedgerError::SlotTaken { task: "a".parse().unwrap(), slot };
        assert_eq!(taken.remove_refused(&refusal), [RunId::from_i64(1).unwrap()]);
        assert_eq!((taken.entries.len(), taken.effects.len()), (1, 2));
        let refusal = LedgerError::OutOfOrder { entry: "start", run: RunId::from_i64(2).unwrap() };
        assert_eq!(taken.remove_refused(&refusal), [RunId::from_i64(2).unwrap()]);
        assert!(taken.is_empty());
    }

    #[test]
    fn a_refusal_of_nothing_we_know_takes_all() {
        let mut step = step();
        let refusal = LedgerError::OutOfOrder { entry: "start", run: RunId::from_i64(9).unwrap() };
        assert_eq!(step.remove_refused(&refusal).len(), 2);
        assert!(step.is_empty());
    }
}
