//! What becomes of the runs that an earlier host did not finish.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Active, Dispatcher, Entering, Stage, next, retry_at};
use crate::daemon::step::{Effect, Step};
use crate::ledger::{Entry, Next, Unfinished};
use crate::model::event::Event;
use crate::model::id::RunId;
use crate::model::limits::Usage;
use crate::model::outcome::{AttemptOutcome, Interruption, Outcome, Skip};
use crate::model::run::{Run, RunState};

impl Dispatcher {
    /// Goes on with a run that an earlier host did not finish.
    pub(super) fn take_up(&mut self, unfinished: Unfinished, now: Timestamp, chance: f64, step: &mut Step) {
        let Some(task) = self.tasks.get(&unfinished.task).cloned() else {
            step.entries.push(match unfinished.state {
                RunState::Running { attempt } => {
                    interrupted(unfinished.run, attempt, unfinished.since, now, Next::Final)
                }
                _ => Entry::Ended { run: unfinished.run, outcome: Outcome::Skipped(Skip::TaskRemoved), at: now },
            });
            return;
        };
        let run = Arc::new(Run {
            id: unfinished.run,
            task,
            cause: unfinished.cause,
            slot: unfinished.slot,
            payload: unfinished.payload,
            admitted_at: unfinished.admitted_at,
        });
        let attempts = unfinished.attempts;
        let until = match unfinished.state {
            RunState::Queued => return self.enter(run, attempts, Entering::Known, now, step),
            RunState::Waiting { until, .. } => until,
            RunState::Running { attempt } => {
                let retry_at = retry_at(&run.task, attempts, &CUT_OFF, now, chance);
                step.entries.push(interrupted(run.id, attempt, unfinished.since, now, next(retry_at)));
                let Some(until) = retry_at else {
                    let outcome = Arc::new(Outcome::Attempted(CUT_OFF));
                    step.effects.push(Effect::Tell(Event::RunEnded { run, outcome, attempts }));
                    return;
                };
                until
            }
            RunState::Final(_) => return,
        };
        self.queue.occupy(run.clone());
        self.retries.insert((until, run.id));
        self.active.insert(run.id, Active { run, attempts, stage: Stage::Waiting { until } });
    }
}

/// How an attempt ended that was going on when an earlier host went away.
const CUT_OFF: AttemptOutcome = AttemptOutcome::Interrupted(Interruption::Crash);

/// The end of such an attempt. What it used and logged is lost.
fn interrupted(run: RunId, attempt: u32, started_at: Timestamp, ended_at: Timestamp, next: Next) -> Entry {
    let outcome = Arc::new(CUT_OFF);
    let (usage, log) = (Usage::default(), Arc::default());
    Entry::AttemptEnded { run, attempt, outcome, usage, plugin: None, log, started_at, ended_at, next }
}
