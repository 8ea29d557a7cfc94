//! How runs come to exist, and how their attempts begin.

use std::sync::Arc;

use jiff::Timestamp;

use super::active::{Active, Whereabouts};
use super::{Dispatcher, Entering, Mode, PluginState};
use crate::daemon::queue::Admission;
use crate::daemon::step::{Effect, Step};
use crate::ledger::{self, Entry};
use crate::model::cause::Cause;
use crate::model::event::Event;
use crate::model::id::RunId;
use crate::model::outcome::{CancelledBy, Outcome, Skip};
use crate::model::payload::Blob;
use crate::model::run::Run;
use crate::model::slot::Slot;
use crate::model::task::Task;
use crate::model::trace::TraceContext;
use crate::model::transition::Transition;

impl Dispatcher {
    /// Makes a run and decides what becomes of it first.
    #[expect(clippy::too_many_arguments, reason = "what makes a run")]
    pub(super) fn admit(
        &mut self,
        task: &Arc<Task>,
        cause: Cause,
        slot: Option<Slot>,
        payload: Option<Arc<Blob>>,
        trace: Option<TraceContext>,
        now: Timestamp,
        step: &mut Step,
    ) -> RunId {
        let id = self.next_id(now);
        let payload = payload.or_else(|| task.payload.clone());
        let run = Arc::new(Run { id, task: task.clone(), cause, slot, payload, trace, admitted_at: now });
        self.enter(Active::new(run), Entering::New, now, step);
        id
    }

    /// An id that no run has.
    pub(super) fn next_id(&mut self, now: Timestamp) -> RunId {
        let id = RunId::next(now.as_millisecond(), self.host, self.last_run);
        self.last_run = Some(id);
        id
    }

    /// Puts a run that is queued where it belongs: started, queued, parked or skipped.
    pub(super) fn enter(&mut self, mut active: Active, entering: Entering, now: Timestamp, step: &mut Step) {
        let run = active.run.clone();
        active.whereabouts = Whereabouts::Queue;
        let admission = match self.plugins.get(&run.task.build()) {
            Some(PluginState::Ready) if self.mode == Mode::Serving => self.queue.admit(run.clone()),
            Some(PluginState::Unusable) => Admission::Skip(Skip::PluginUnusable),
            // Also while draining: what is admitted then waits for the next host.
            _ => {
                active.whereabouts = Whereabouts::Parked;
                Admission::Wait
            }
        };
        match admission {
            Admission::Start => {
                let attempt = active.attempts + 1;
                if !active.advance(Transition::Start { attempt }) {
                    return;
                }
                step.entries.push(match entering {
                    Entering::New => Entry::Admitted { run: run.clone(), admission: ledger::Admission::Running },
                    Entering::Known => Entry::Started { run: run.id, attempt, at: now },
                });
                self.active.insert(run.id, active);
                step.start(run, attempt);
            }
            Admission::Wait | Admission::Replace { .. } => {
                if entering == Entering::New {
                    step.entries.push(Entry::Admitted { run: run.clone(), admission: ledger::Admission::Queued });
                    step.effects.push(Effect::Tell(Event::RunQueued(run.clone())));
                }
                self.active.insert(run.id, active);
                if let Admission::Replace { victim } = admission {
                    self.stop(victim, CancelledBy::Replaced { by: run.id }, now, step);
                }
            }
            Admission::Skip(why) if entering == Entering::New => skip(&run, why, now, step),
            Admission::Skip(why) => self.close(active, Outcome::Skipped(why), now, step),
        }
    }

    /// Starts what the queue has room for again.
    pub(super) fn start_all(&mut self, freed: Vec<Arc<Run>>, now: Timestamp, step: &mut Step) {
        if self.mode == Mode::Draining {
            return;
        }
        for run in freed {
            let Some(active) = self.active.get_mut(&run.id) else { continue };
            let attempt = active.attempts + 1;
            if active.advance(Transition::Start { attempt }) {
                step.entries.push(Entry::Started { run: run.id, attempt, at: now });
                step.start(run, attempt);
            }
        }
    }

    /// Starts the tasks that follow a success, with its output as their payload. One that is paused or disabled is not
    /// started by itself.
    pub(super) fn follow(&mut self, run: &Arc<Run>, output: Option<&Blob>, now: Timestamp, step: &mut Step) {
        let Some(followers) = self.followers.get(&run.task.name).cloned() else { return };
        let payload = output.cloned().map(Arc::new);
        for task in followers {
            let cause = Cause::After { task: run.task.name.clone(), run: run.id };
            match self.holds(&task) {
                None => _ = self.admit(&task, cause, None, payload.clone(), run.trace, now, step),
                Some(why) => {
                    let id = self.next_id(now);
                    skip(
                        &Run { id, task, cause, slot: None, payload: None, trace: None, admitted_at: now },
                        why,
                        now,
                        step,
                    );
                }
            }
        }
    }
}

/// Enters a run as skipped that nobody knew of before.
pub(super) fn skip(run: &Run, why: Skip, now: Timestamp, step: &mut Step) {
    step.entries.push(Entry::Skipped {
        task: run.task.name.clone(),
        slot: run.slot,
        cause: run.cause.clone(),
        id: run.id,
        why,
        at: now,
    });
    step.effects.push(Effect::Tell(Event::SlotSkipped {
        task: run.task.clone(),
        run: run.id,
        cause: run.cause.clone(),
        slot: run.slot,
        why,
    }));
}
