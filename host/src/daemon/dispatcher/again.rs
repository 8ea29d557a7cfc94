//! A run that is over and is run again because a person asks for it: the same run, opened anew.

use std::sync::Arc;

use jiff::Timestamp;

use super::active::Active;
use super::{Dispatcher, Entering, PluginState, Refusal};
use crate::daemon::step::{Effect, Step};
use crate::ledger::Entry;
use crate::model::cause::Cause;
use crate::model::event::Event;
use crate::model::id::{RunId, TaskName};
use crate::model::payload::Blob;
use crate::model::run::Run;
use crate::model::slot::Slot;

/// What the ledger has of a run that is over.
#[derive(Debug, Clone)]
pub struct PastRun {
    /// Its id.
    pub id: RunId,
    /// Its task.
    pub task: TaskName,
    /// Why it exists.
    pub cause: Cause,
    /// When it was due.
    pub slot: Option<Slot>,
    /// How many attempts it had.
    pub attempts: u32,
    /// What it works on; a slot that was skipped has none yet.
    pub payload: Option<Arc<Blob>>,
}

impl Dispatcher {
    /// Opens a run again that is over and did not succeed. Its retry begins anew.
    ///
    /// # Errors
    ///
    /// If its task is gone or cannot be run, if it is not over after all, or if the host is shutting down.
    pub fn run_again(&mut self, past: PastRun, now: Timestamp) -> Result<(RunId, Step), Refusal> {
        let task = self.reachable(&past.task)?;
        if !task.enabled {
            return Err(Refusal::Disabled);
        }
        if self.plugins.get(&task.build()) == Some(&PluginState::Unusable) {
            return Err(Refusal::PluginUnusable);
        }
        if self.is_open(past.id) {
            return Err(Refusal::NotOver);
        }
        let PastRun { id, cause, slot, attempts, payload, .. } = past;
        let payload = payload.or_else(|| task.payload.clone());
        let run = Arc::new(Run { id, task: task.clone(), cause, slot, payload, trace: None, admitted_at: now });
        let mut step = Step::default();
        step.entries.push(Entry::Reopened { run: run.clone(), attempts, at: now });
        step.effects.push(Effect::Tell(Event::RunQueued(run.clone())));
        let active = Active { attempts, attempts_before: attempts, ..Active::new(run.clone()) };
        match run.cause {
            Cause::Backfill { .. } => {
                self.put_back(active);
                self.feed(&task, now, &mut step);
            }
            _ => self.enter(active, Entering::Known, now, &mut step),
        }
        Ok((id, step))
    }

    /// Whether a run is not over.
    pub fn is_open(&self, run: RunId) -> bool {
        self.active.contains_key(&run)
    }
}
