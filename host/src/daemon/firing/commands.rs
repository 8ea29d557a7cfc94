//! What others ask of the firing loop. Each is answered when what it asks for is durable.

use tokio::sync::oneshot;

use super::Loop;
use super::asking::Asking;
use crate::daemon::dispatcher::{Backfilled, Refusal};
use crate::daemon::firing::noting::Noting;
use crate::daemon::handle::{Command, LedgerHealth};
use crate::daemon::step::Step;
use crate::ledger::Entry;
use crate::model::outcome::CancelledBy;

impl Loop {
    pub(super) fn command(&mut self, command: Command) {
        let now = self.firing.clock.now();
        match command {
            Command::Trigger { request, answer, end } => {
                let noting = self.noting.take();
                self.asked_for(Asking { request, answer, end, noting });
            }
            Command::Watch { run, answer } => {
                let end = self.firing.dispatcher.is_open(run).then(|| self.ends.of(run));
                let _ = answer.send(end);
            }
            Command::Retry { past, answer } => {
                let decided = self.writable().and_then(|()| self.firing.dispatcher.run_again(past, now));
                match decided {
                    Ok((run, step)) => self.record_noted(
                        step,
                        Box::new(move |_, refused| {
                            let entered = if refused.contains(&run) { Err(Refusal::Contradicted) } else { Ok(()) };
                            let _ = answer.send(entered);
                        }),
                    ),
                    Err(refusal) => {
                        self.note_refused(refusal.code());
                        _ = answer.send(Err(refusal));
                    }
                }
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
                Some(step) => self.record_noted(step, Box::new(move |_, _| _ = answer.send(true))),
                None => {
                    self.note_refused("no-such-run");
                    // Whoever asked may have gone; that holds for every answer.
                    _ = answer.send(false);
                }
            },
            Command::Access { access, answer } => {
                let step = || Step { entries: vec![Entry::Access(access)], ..Step::default() };
                let decided = self.writable().map(|()| ((), step()));
                self.carry_out_for(decided, answer);
            }
            Command::OnBehalf { change, command } => {
                self.noting = Some(Noting::of(change, &command));
                self.command(*command);
                self.noting = None;
            }
            Command::Open { answer } => _ = answer.send(self.firing.dispatcher.unfinished().collect()),
            Command::Plan { tasks, answer } => _ = answer.send(self.firing.dispatcher.plan(&tasks, now)),
            Command::Reload { swap, answer } => self.reload(*swap, answer),
            Command::Drain => self.drain(self.firing.grace),
            Command::Cut => self.drain(std::time::Duration::ZERO),
        }
    }

    /// While the ledger cannot be written, nothing new is taken on.
    pub(super) fn writable(&self) -> Result<(), Refusal> {
        match self.health() {
            LedgerHealth::Writable => Ok(()),
            LedgerHealth::Failing | LedgerHealth::Damaged => Err(Refusal::LedgerFailing),
        }
    }

    /// Carries out a step and then answers, or says why there is none.
    pub(super) fn carry_out_for<T: Send + 'static>(
        &mut self,
        decided: Result<(T, Step), Refusal>,
        answer: oneshot::Sender<Result<T, Refusal>>,
    ) {
        match decided {
            Ok((value, step)) => self.record_noted(step, Box::new(move |_, _| _ = answer.send(Ok(value)))),
            Err(refusal) => {
                self.note_refused(refusal.code());
                _ = answer.send(Err(refusal));
            }
        }
    }
}
