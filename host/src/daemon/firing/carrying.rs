//! What follows when a step is durable: attempts are started and stopped, and observers told. And what has been executed.

use std::sync::Arc;

use super::steps::Pending;
use super::{LARGE_STEP, Loop, chance};
use crate::daemon::dispatcher::Ended;
use crate::daemon::executor::{Executed, Job};
use crate::daemon::step::{Effect, Step};
use crate::model::outcome::{Interruption, Stop};

impl Loop {
    pub(super) fn carry_out(&mut self, pending: Pending) {
        for effect in pending.step.effects {
            match effect {
                Effect::Start { run, attempt } => {
                    let Some(plugin) = self.plugins.get(&run.task.build()) else {
                        tracing::error!(run = %run.id, "an attempt started of a plugin that is not ready");
                        continue;
                    };
                    let stop = self.stops.entry(run.id).or_default();
                    if self.draining.as_ref().is_some_and(|draining| draining.stopped) {
                        stop.send_replace(Some(Stop::Interrupt(Interruption::Shutdown)));
                    }
                    let stop = stop.subscribe();
                    let prepared = plugin.prepared.clone();
                    self.firing.executor.submit(Job { run, attempt, prepared, digest: plugin.digest, stop });
                }
                // The attempt may have ended meanwhile. If it has not begun yet, it finds this when it does.
                Effect::Stop { run, stop } => {
                    if self.firing.dispatcher.is_running(run) {
                        self.stops.entry(run).or_default().send_replace(Some(stop));
                    }
                }
                Effect::Tell(event) => self.tell(event),
            }
        }
        if let Some(settling) = pending.settling {
            self.stops.remove(&settling.run());
            let step = self.firing.dispatcher.settled(settling, self.firing.clock.now());
            self.record(step, None);
        }
        if let Some(answer) = pending.answer {
            answer(self, &pending.refused);
        }
    }

    pub(super) fn executed(&mut self, first: Executed) {
        let mut step = Step::default();
        let mut next = Some(first);
        while let Some(executed) = next {
            let ended = Ended {
                run: executed.run.id,
                plugin: executed.digest,
                outcome: executed.report.outcome,
                usage: executed.report.usage,
                log: Arc::new(executed.report.log),
                writes: executed.report.writes,
                started_at: executed.report.started_at,
                ended_at: executed.ended_at,
            };
            self.attempt_ended(ended, &mut step);
            next = if step.entries.len() < LARGE_STEP { self.executed.try_recv().ok() } else { None };
        }
        self.record(step, None);
    }

    fn attempt_ended(&mut self, ended: Ended, step: &mut Step) {
        let now = self.firing.clock.now();
        self.stops.remove(&ended.run);
        if ended.writes.is_empty() {
            step.append(self.firing.dispatcher.attempt_ended(ended, now, chance()));
        } else if let Some((settling, step)) = self.firing.dispatcher.settle(ended, now) {
            // A call of its own: nobody else's entries may be refused with it.
            self.begin(Pending::deciding(step, settling));
        }
    }
}
