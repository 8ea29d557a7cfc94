//! A success whose writes are made with its entry, and that is one only if they could be made.
//!
//! Somebody else may have changed what the attempt read. Only the ledger knows, so the run keeps its place until the ledger
//! has spoken. What depends on the success (the tasks that follow) is entered with it, and enters the queue afterwards.

use std::sync::Arc;

use jiff::Timestamp;

use super::active::Active;
use super::entering::skip;
use super::reloading::with;
use super::{Dispatcher, Ended, Entering};
use crate::daemon::step::{Effect, Step};
use crate::ledger::{Admission, Entry, Next};
use crate::model::cause::Cause;
use crate::model::event::Event;
use crate::model::id::RunId;
use crate::model::log::{Level, LogLine, LogSource};
use crate::model::outcome::{AttemptOutcome, Failure, FailureKind, Outcome};
use crate::model::run::Run;
use crate::model::transition::Transition;

/// An attempt that would be a success if its writes can be made.
#[derive(Debug)]
pub struct Settling {
    ended: Ended,
    /// The runs that follow it.
    followers: Vec<Arc<Run>>,
    /// What is to be told of the tasks that would follow it and are held.
    held: Vec<Effect>,
}

impl Settling {
    /// The run.
    pub fn run(&self) -> RunId {
        self.ended.run
    }

    /// Lets go of the runs that the ledger refused to enter.
    pub fn forget(&mut self, runs: &[RunId]) {
        self.followers.retain(|follower| !runs.contains(&follower.id));
    }
}

impl Dispatcher {
    /// Decides over an attempt that succeeded and has writes. What is to be recorded is to be recorded all or none, and
    /// nothing is to be done until [`Dispatcher::settled`] or [`Dispatcher::unsettled`] says what. None if there is no such
    /// run.
    pub fn settle(&mut self, mut ended: Ended, now: Timestamp) -> Option<(Settling, Step)> {
        let active = self.active.get(&ended.run)?;
        let (run, attempt) = (active.run.clone(), active.attempts);
        let mut step = Step::default();
        step.entries.push(Entry::AttemptEnded {
            run: run.id,
            task: run.task.name.clone(),
            attempt,
            outcome: Arc::new(ended.outcome.clone()),
            usage: ended.usage,
            plugin: Some(ended.plugin),
            log: ended.log.clone(),
            writes: Arc::new(std::mem::take(&mut ended.writes)),
            started_at: ended.started_at,
            ended_at: ended.ended_at,
            next: Next::Final,
        });
        let output = match &ended.outcome {
            AttemptOutcome::Succeeded { output } => output.clone().map(Arc::new),
            _ => None,
        };
        let (mut followers, mut held) = (Vec::new(), Vec::new());
        for task in self.followers.get(&run.task.name).cloned().unwrap_or_default() {
            let cause = Cause::After { task: run.task.name.clone(), run: run.id };
            let payload = output.clone().or_else(|| task.payload.clone());
            let (id, why) = (self.next_id(now), self.holds(&task));
            let follower = Arc::new(Run { id, task, cause, slot: None, payload, trace: run.trace, admitted_at: now });
            match why {
                None => {
                    step.entries.push(Entry::Admitted { run: follower.clone(), admission: Admission::Queued });
                    followers.push(follower);
                }
                Some(why) => {
                    let mut skipped = Step::default();
                    skip(&follower, why, now, &mut skipped);
                    step.entries.append(&mut skipped.entries);
                    held.append(&mut skipped.effects);
                }
            }
        }
        Some((Settling { ended, followers, held }, step))
    }

    /// Goes on after such a success is recorded.
    pub fn settled(&mut self, settling: Settling, now: Timestamp) -> Step {
        let Settling { ended, followers, held } = settling;
        let mut step = Step::default();
        let success = Transition::Finish(ended.outcome.clone());
        let is_over = self.active.get_mut(&ended.run).is_some_and(|active| active.advance(success));
        let over = is_over.then(|| self.active.remove(&ended.run)).flatten();
        if let Some(active) = &over {
            step.effects.push(Effect::Tell(Event::AttemptEnded {
                run: active.run.clone(),
                attempt: active.attempts,
                outcome: Arc::new(ended.outcome),
                usage: ended.usage,
                log: ended.log,
                started_at: ended.started_at,
                ended_at: ended.ended_at,
                retry_at: None,
            }));
        }
        step.effects.extend(held);
        for follower in followers {
            step.effects.push(Effect::Tell(Event::RunQueued(follower.clone())));
            // Its task may have been changed while the ledger made up its mind.
            match self.current(&follower) {
                Ok(task) => self.enter(Active::new(with(&follower, task)), Entering::Known, now, &mut step),
                Err(why) => self.close(Active::new(follower), Outcome::Skipped(why), now, &mut step),
            }
        }
        if let Some(active) = over {
            self.end(active, now, &mut step);
        }
        step
    }

    /// Goes on after the ledger refused the writes, and everything with them: the attempt has failed, and another one may
    /// succeed.
    ///
    /// `chance` is a number in `0.0..1.0` for jitter.
    pub fn unsettled(&mut self, settling: Settling, why: String, now: Timestamp, chance: f64) -> Step {
        let mut ended = settling.ended;
        Arc::make_mut(&mut ended.log).push(LogLine {
            at: ended.ended_at,
            level: Level::Warn,
            source: LogSource::Host,
            message: "the attempt succeeded, but none of its writes could be made".to_owned(),
            fields: vec![("why".to_owned(), why.clone())],
        });
        let kind = FailureKind::Transient { retry_after: None };
        ended.outcome = AttemptOutcome::Failed(Failure { kind, message: why });
        self.attempt_ended(ended, now, chance)
    }
}
