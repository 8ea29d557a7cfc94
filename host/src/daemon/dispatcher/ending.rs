//! How attempts and runs end, and what follows from it.

use std::sync::Arc;

use jiff::Timestamp;

use super::Dispatcher;
use super::active::{Active, Whereabouts};
use crate::daemon::step::{Effect, Step};
use crate::ledger::{Entry, Next};
use crate::model::event::Event;
use crate::model::id::{Digest, RunId};
use crate::model::keyvalue::Batch;
use crate::model::limits::Usage;
use crate::model::log::LogLine;
use crate::model::outcome::{AttemptOutcome, CancelledBy, Outcome, Stop};
use crate::model::run::{Run, RunState};
use crate::model::transition::Transition;

/// An attempt that ended.
#[derive(Debug)]
pub struct Ended {
    /// The run.
    pub run: RunId,
    /// The plugin's bytes that it executed.
    pub plugin: Digest,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// What it used.
    pub usage: Usage,
    /// What it logged.
    pub log: Arc<Vec<LogLine>>,
    /// What is to be written to key-value stores with its success: [`Dispatcher::settle`] decides over it if there is any.
    pub writes: Vec<Batch>,
    /// When the guest started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
}

impl Dispatcher {
    /// Decides over an attempt that ended: another attempt, or the end of the run and what follows from it.
    ///
    /// `chance` is a number in `0.0..1.0` for jitter.
    pub fn attempt_ended(&mut self, ended: Ended, now: Timestamp, chance: f64) -> Step {
        let mut step = Step::default();
        let Some(active) = self.active.get_mut(&ended.run) else { return step };
        let run = active.run.clone();
        let attempt = active.attempts;
        let transition = active.after_attempt(&ended.outcome, now, chance);
        if !active.advance(transition) {
            return step;
        }
        active.waits_since = now;
        let outcome = Arc::new(ended.outcome);
        let log = ended.log;
        let next = active.next();
        step.entries.push(Entry::AttemptEnded {
            run: run.id,
            task: run.task.name.clone(),
            attempt,
            outcome: outcome.clone(),
            usage: ended.usage,
            plugin: Some(ended.plugin),
            log: log.clone(),
            writes: Arc::default(),
            started_at: ended.started_at,
            ended_at: ended.ended_at,
            next,
        });
        let retry_at = match next {
            Next::Retry { at } => Some(at),
            Next::Final => None,
        };
        step.effects.push(Effect::Tell(Event::AttemptEnded {
            run: run.clone(),
            attempt,
            outcome: outcome.clone(),
            usage: ended.usage,
            log,
            started_at: ended.started_at,
            ended_at: ended.ended_at,
            retry_at,
        }));
        match retry_at {
            Some(until) => {
                self.retries.insert((until, run.id));
                // The next attempt is one of the task as it is now.
                let run = self.renew_one(run);
                let freed = self.queue.suspend(&run);
                self.start_all(freed, now, &mut step);
            }
            None => {
                let Some(active) = self.active.remove(&run.id) else { return step };
                if let AttemptOutcome::Succeeded { output } = &*outcome {
                    self.follow(&run, output.as_ref(), now, &mut step);
                }
                self.end(active, now, &mut step);
            }
        }
        step
    }

    /// Ends a run, wherever it stands. None if there is no such run, or if it is over.
    pub fn cancel(&mut self, id: RunId, by: CancelledBy, now: Timestamp) -> Option<Step> {
        let mut step = Step::default();
        self.active.contains_key(&id).then(|| self.stop(id, by, now, &mut step))?;
        Some(step)
    }

    /// Ends a run before its time.
    pub(super) fn stop(&mut self, id: RunId, by: CancelledBy, now: Timestamp, step: &mut Step) {
        let Some(active) = self.active.get_mut(&id) else { return };
        if let RunState::Running { .. } = active.state {
            active.whereabouts = Whereabouts::Stopping;
            step.effects.push(Effect::Stop { run: id, stop: Stop::Cancel(by) });
            return;
        }
        if let RunState::Waiting { until, .. } = active.state {
            self.retries.remove(&(until, id));
        }
        let Some(active) = self.active.remove(&id) else { return };
        self.close(active, Outcome::Attempted(AttemptOutcome::Cancelled(by)), now, step);
    }

    /// Ends a run of which no attempt goes on, and which is no longer among the active ones.
    pub(super) fn close(&mut self, mut active: Active, outcome: Outcome, now: Timestamp, step: &mut Step) {
        if active.advance(Transition::Close(outcome.clone())) {
            step.entries.push(Entry::Ended { run: active.run.id, outcome, at: now });
        }
        self.end(active, now, step);
    }

    /// Tells that a run is over, and gives up what it holds.
    pub(super) fn end(&mut self, active: Active, now: Timestamp, step: &mut Step) {
        let Active { run, attempts, state, whereabouts, .. } = active;
        if let RunState::Final(outcome) = state {
            let outcome = Arc::new(outcome);
            step.effects.push(Effect::Tell(Event::RunEnded { run: run.clone(), outcome, attempts, at: now }));
        }
        self.leave(&run, whereabouts, now, step);
    }

    /// Gives up what a run holds that is no longer active, and lets others go on in its place.
    pub(super) fn leave(&mut self, run: &Arc<Run>, whereabouts: Whereabouts, now: Timestamp, step: &mut Step) {
        let freed = self.queue.release(run.id);
        self.start_all(freed, now, step);
        self.leave_backlog(run, whereabouts, now, step);
    }
}

impl Active {
    /// What follows upon the end of an attempt.
    pub(super) fn after_attempt(&self, outcome: &AttemptOutcome, now: Timestamp, chance: f64) -> Transition {
        let wait = match self.whereabouts {
            Whereabouts::Stopping => None,
            _ => self.run.task.retry.decide(self.counted_attempts(), outcome, chance),
        };
        match wait {
            Some(wait) => Transition::Retry { at: now.saturating_add(wait).unwrap_or(Timestamp::MAX) },
            None => Transition::Finish(outcome.clone()),
        }
    }

    /// What comes next of a run whose attempt has ended.
    pub(super) fn next(&self) -> Next {
        match self.state {
            RunState::Waiting { until, .. } => Next::Retry { at: until },
            _ => Next::Final,
        }
    }
}
