//! What becomes of the runs that an earlier host did not finish.

use std::sync::Arc;

use jiff::Timestamp;

use super::active::{Active, Whereabouts};
use super::{Dispatcher, Entering};
use crate::daemon::step::{Effect, Step};
use crate::ledger::{Entry, Next, Unfinished};
use crate::model::cause::Cause;
use crate::model::event::Event;
use crate::model::id::{RunId, TaskName};
use crate::model::limits::Usage;
use crate::model::outcome::{AttemptOutcome, Interruption, Outcome, Skip};
use crate::model::run::{Run, RunState};

impl Dispatcher {
    /// Goes on with a run that an earlier host did not finish.
    pub(super) fn take_up(&mut self, unfinished: Unfinished, now: Timestamp, chance: f64, step: &mut Step) {
        let task = match self.tasks.get(&unfinished.task) {
            Some(task) if task.enabled => task.clone(),
            Some(_) => return give_up(&unfinished, Skip::Disabled, now, step),
            None => return give_up(&unfinished, Skip::TaskRemoved, now, step),
        };
        let run = Arc::new(Run {
            id: unfinished.run,
            task,
            cause: unfinished.cause,
            slot: unfinished.slot,
            payload: unfinished.payload,
            trace: None,
            admitted_at: unfinished.admitted_at,
        });
        let (attempts, attempts_before) = (unfinished.attempts, unfinished.attempts_before);
        let (state, waits_since) = (unfinished.state, unfinished.since);
        let mut active = Active { run, attempts, attempts_before, state, whereabouts: Whereabouts::Queue, waits_since };
        match (&active.state, &active.run.cause) {
            (RunState::Queued, Cause::Backfill { .. }) => return self.put_back(active),
            (RunState::Queued, _) => return self.enter(active, Entering::Known, now, step),
            (RunState::Running { attempt }, _) => {
                let attempt = *attempt;
                let transition = active.after_attempt(&CUT_OFF, now, chance);
                if !active.advance(transition) {
                    return;
                }
                active.waits_since = now;
                step.entries.push(interrupted(
                    (active.run.id, unfinished.task),
                    attempt,
                    unfinished.since,
                    now,
                    active.next(),
                ));
            }
            (RunState::Waiting { .. } | RunState::Final(_), _) => {}
        }
        active.shorten_wait(now);
        let Active { run, attempts, .. } = &active;
        match &active.state {
            RunState::Waiting { until, .. } => {
                self.count_backfill(run);
                self.queue.occupy(run.clone());
                self.retries.insert((*until, run.id));
                self.active.insert(run.id, active);
            }
            RunState::Final(outcome) => {
                let (run, outcome) = (run.clone(), Arc::new(outcome.clone()));
                step.effects.push(Effect::Tell(Event::RunEnded { run, outcome, attempts: *attempts, at: now }));
            }
            RunState::Queued | RunState::Running { .. } => {}
        }
    }
}

/// Ends a run that nobody is to go on with.
fn give_up(unfinished: &Unfinished, why: Skip, now: Timestamp, step: &mut Step) {
    step.entries.push(match unfinished.state {
        RunState::Running { attempt } => {
            interrupted((unfinished.run, unfinished.task.clone()), attempt, unfinished.since, now, Next::Final)
        }
        _ => Entry::Ended { run: unfinished.run, outcome: Outcome::Skipped(why), at: now },
    });
}

/// How an attempt ended that was going on when an earlier host went away.
const CUT_OFF: AttemptOutcome = AttemptOutcome::Interrupted(Interruption::Crash);

/// The end of such an attempt. What it used and logged is lost.
fn interrupted(
    (run, task): (RunId, TaskName),
    attempt: u32,
    started_at: Timestamp,
    ended_at: Timestamp,
    next: Next,
) -> Entry {
    let outcome = Arc::new(CUT_OFF);
    let (usage, log, writes) = (Usage::default(), Arc::default(), Arc::default());
    Entry::AttemptEnded { run, task, attempt, outcome, usage, plugin: None, log, writes, started_at, ended_at, next }
}
