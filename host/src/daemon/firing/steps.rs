//! Steps on their way into the ledger: each is carried out once it is durable, and waits while it cannot be.

use super::recording::{Recorded, Recording};
use super::{Loop, chain, chance};
use crate::daemon::dispatcher::Settling;
use crate::daemon::handle::LedgerHealth;
use crate::daemon::step::Step;
use crate::ledger::{LedgerError, Order};
use crate::model::event::Event;
use crate::model::id::RunId;

/// A step, whoever waits to hear that it is durable, and the success that it decides over.
pub(in crate::daemon) struct Pending {
    pub(in crate::daemon) step: Step,
    pub(super) answer: Option<Answer>,
    pub(in crate::daemon) settling: Option<Settling>,
    attempt: Try,
    /// Runs of it that the ledger refused to enter.
    pub(super) refused: Vec<RunId>,
}

impl Pending {
    /// A step that has yet to be recorded.
    pub(in crate::daemon) fn first(step: Step, answer: Option<Answer>) -> Self {
        Self { step, answer, settling: None, attempt: Try::First, refused: Vec::new() }
    }

    /// A step that decides over a success.
    pub(super) fn deciding(step: Step, settling: Settling) -> Self {
        Self { settling: Some(settling), ..Self::first(step, None) }
    }
}

/// Whether a step is on its way into the ledger for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Try {
    First,
    Again,
}

/// What to do when a step is durable, but for the runs that the ledger refused.
pub(in crate::daemon) type Answer = Box<dyn FnOnce(&mut Loop, &[RunId]) + Send>;

impl Loop {
    /// Sends a step on its way into the ledger, or puts it behind those that wait for the ledger to recover.
    pub(super) fn record(&mut self, step: Step, answer: Option<Answer>) {
        self.begin(Pending::first(step, answer));
    }

    pub(super) fn begin(&mut self, pending: Pending) {
        if pending.step.entries.is_empty() {
            self.carry_out(pending);
        } else if self.ledger != LedgerHealth::Writable {
            self.unrecorded.push(pending);
        } else {
            self.append(pending);
        }
    }

    fn append(&mut self, pending: Pending) {
        let order = match pending.attempt {
            Try::First => Order::Next,
            Try::Again => Order::Again,
        };
        let append = self.firing.ledger.append_as(order, pending.step.entries.clone());
        let since = self.firing.clock.monotonic();
        self.load.add(pending.step.entries.len(), since);
        self.recording.push(Recording::new(pending, since, append));
    }

    pub(super) fn recorded(&mut self, Recorded { pending, since, result }: Recorded) {
        let now = self.firing.clock.monotonic();
        self.firing.ledger_latency.took(now.duration_since(since));
        if self.load.take(pending.step.entries.len(), now) && self.ledger == LedgerHealth::Writable {
            self.tell(Event::LedgerRecovered);
        }
        self.answered(pending, result);
    }

    fn answered(&mut self, mut pending: Pending, result: Result<(), LedgerError>) {
        match result {
            Ok(()) => {
                if self.ledger == LedgerHealth::Failing && pending.attempt == Try::Again {
                    match self.unrecorded.take() {
                        Some(next) => self.append(Pending { attempt: Try::Again, ..next }),
                        None => {
                            self.ledger = LedgerHealth::Writable;
                            self.tell(Event::LedgerRecovered);
                        }
                    }
                }
                self.carry_out(pending);
            }
            Err(error @ LedgerError::WriteRefused { .. }) if pending.settling.is_some() => {
                let Some(settling) = pending.settling.take() else { return };
                self.stops.remove(&settling.run());
                let now = self.firing.clock.now();
                let step = self.firing.dispatcher.unsettled(settling, chain(&error), now, chance());
                // Nothing of it was entered. What comes of that is decided now, behind all that was decided before.
                self.answered(Pending { step: Step::default(), ..pending }, Ok(()));
                self.record(step, None);
            }
            Err(error) if error.is_refusal() => {
                tracing::error!("the ledger refuses what it should not have been asked: {}", chain(&error));
                let now = self.firing.clock.now();
                let (removed, freed) = self.firing.dispatcher.refused(&mut pending.step, &error, now);
                if let Some(settling) = &mut pending.settling {
                    settling.forget(&removed);
                }
                pending.refused.extend(removed);
                if pending.step.entries.is_empty() {
                    self.answered(pending, Ok(()));
                } else {
                    self.append(pending);
                }
                // What may start in their place could have been admitted by a step behind this one.
                self.record(freed, None);
            }
            Err(error) => {
                self.ledger_failed(&error);
                match pending.attempt {
                    Try::First => self.unrecorded.push(pending),
                    Try::Again => self.unrecorded.put_back(pending),
                }
            }
        }
    }

    /// Tries the oldest of the steps that the ledger could not write, unless one is on its way.
    pub(super) fn try_again(&mut self) {
        if self.ledger == LedgerHealth::Failing
            && self.recording.is_empty()
            && let Some(pending) = self.unrecorded.take()
        {
            self.append(Pending { attempt: Try::Again, ..pending });
        }
    }

    /// Whether the ledger takes entries, and not too many wait for it.
    pub(super) fn health(&self) -> LedgerHealth {
        match self.ledger {
            LedgerHealth::Writable if self.load.is_full() => LedgerHealth::Failing,
            known => known,
        }
    }

    /// Stops admission, until the ledger can be written again or, if it is damaged, for good.
    fn ledger_failed(&mut self, error: &LedgerError) {
        if error.is_damage() && self.ledger != LedgerHealth::Damaged {
            self.ledger = LedgerHealth::Damaged;
            let message = format!("it is damaged, so nothing more is written to it: {}", chain(error));
            self.tell(Event::LedgerFailed { message });
        } else if self.ledger == LedgerHealth::Writable {
            self.ledger = LedgerHealth::Failing;
            self.tell(Event::LedgerFailed { message: chain(error) });
        }
    }
}
