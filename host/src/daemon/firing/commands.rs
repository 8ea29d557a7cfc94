//! What others ask of the firing loop. Each is answered when what it asks for is durable.

use tokio::sync::oneshot;

use super::Loop;
use crate::daemon::dispatcher::{Backfilled, Refusal};
use crate::daemon::handle::{Command, LedgerHealth};
use crate::daemon::step::Step;
use crate::model::outcome::CancelledBy;

impl Loop {
    pub(super) fn command(&mut self, command: Command) {
        let now = self.firing.clock.now();
        match command {
            Command::Trigger { task, cause, payload, trace, answer } => {
                let decided = self
                    .writable()
                    .and_then(|()| self.firing.dispatcher.trigger_within(&task, cause, payload, trace, now));
                self.carry_out_for(decided, answer);
            }
            Command::Pause { task, by, answer } => {
                let decided = self.writable().and_then(|()| self.firing.dispatcher.pause(&task, &by, now));
                self.carry_out_for(decided, answer);
            }
            Command::Resume { task, answer } => {
                let decided = self.writable().and_then(|()| self.firing.dispatcher.resume_task(&task, now));
                self.carry_out_for(decided, answer);
            }
            Command::Backfill { task, slots, max_parallel, answer } => {
                let decided = self
                    .writable()
                    .and_then(|()| self.firing.dispatcher.backfill(&task, &slots, max_parallel, now))
                    .map(|Backfilled { tally, step }| (tally, step));
                self.carry_out_for(decided, answer);
            }
            Command::Cancel { run, answer } => match self.firing.dispatcher.cancel(run, CancelledBy::Operator, now) {
                Some(step) => self.record(step, Some(Box::new(move || _ = answer.send(true)))),
                None => _ = answer.send(false),
            },
            // Whoever asked may have gone; that holds for every answer.
            Command::Open { answer } => _ = answer.send(self.firing.dispatcher.open().collect()),
            Command::Drain => self.drain(self.firing.grace),
            Command::Cut => self.drain(std::time::Duration::ZERO),
        }
    }

    /// While the ledger cannot be written, nothing new is taken on.
    fn writable(&self) -> Result<(), Refusal> {
        match self.ledger {
            LedgerHealth::Writable => Ok(()),
            LedgerHealth::Failing | LedgerHealth::Damaged => Err(Refusal::LedgerFailing),
        }
    }

    /// Carries out a step and then answers, or says why there is none.
    fn carry_out_for<T: Send + 'static>(
        &mut self,
        decided: Result<(T, Step), Refusal>,
        answer: oneshot::Sender<Result<T, Refusal>>,
    ) {
        match decided {
            Ok((value, step)) => self.record(step, Some(Box::new(move || _ = answer.send(Ok(value))))),
            Err(refusal) => _ = answer.send(Err(refusal)),
        }
    }
}
