//! A step: what the dispatcher decides at one event, as what to record and what to do once that is durable.

use std::sync::Arc;

use crate::ledger::Entry;
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

    /// Takes the entry of a slot out, and what was to be done about its run. Returns the run, if there is one.
    pub fn remove_slot(&mut self, task: &TaskName, slot: Slot) -> Option<RunId> {
        let is_it = |entry: &Entry| match entry {
            Entry::Admitted { run, .. } => run.task.name == *task && run.slot == Some(slot),
            Entry::Skipped { task: of, slot: at, .. } => of == task && *at == Some(slot),
            Entry::Missed { task: of, first, .. } => of == task && *first == slot,
            _ => false,
        };
        let entry = self.entries.remove(self.entries.iter().position(is_it)?);
        let Entry::Admitted { run: removed, .. } = entry else { return None };
        self.effects.retain(|effect| match effect {
            Effect::Start { run, .. } | Effect::Tell(Event::AttemptStarted { run, .. } | Event::RunQueued(run)) => {
                run.id != removed.id
            }
            _ => true,
        });
        Some(removed.id)
    }

    /// The runs that the entries are about.
    pub fn runs(&self) -> Vec<RunId> {
        let run = |entry: &Entry| match entry {
            Entry::Admitted { run, .. } => Some(run.id),
            Entry::Started { run, .. } | Entry::AttemptEnded { run, .. } | Entry::Ended { run, .. } => Some(*run),
            Entry::Skipped { .. } | Entry::Missed { .. } | Entry::CursorSet { .. } => None,
        };
        self.entries.iter().filter_map(run).collect()
    }

    /// Adds the start of an attempt.
    pub(super) fn start(&mut self, run: Arc<Run>, attempt: u32) {
        self.effects.push(Effect::Tell(Event::AttemptStarted { run: run.clone(), attempt }));
        self.effects.push(Effect::Start { run, attempt });
    }
}
