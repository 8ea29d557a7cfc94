//! Messages on their way: one at a time for each channel.

use std::collections::BTreeMap;

use futures_util::FutureExt;
use jiff::Timestamp;

use super::trouble::Spoken;
use super::{Engine, earliest};
use crate::ledger::{LedgerError, MessageTry, PendingMessage, TryResult};
use crate::model::id::AlertName;
use crate::observe::alerts::deliver::{after, deliver};
use crate::observe::alerts::outbox;
use crate::observe::metrics::Delivery;

/// What came of an attempt to deliver a message.
pub(super) struct Delivered {
    pub(super) channel: AlertName,
    pub(super) what: Carried,
    pub(super) result: Result<(), String>,
}

/// What was to be delivered.
pub(super) enum Carried {
    /// A message of the ledger.
    Written(PendingMessage),
    /// One that the ledger cannot take.
    Spoken(Spoken),
}

impl Engine {
    /// Sends what is due. Returns when the next is.
    pub(super) fn send(&mut self) -> Result<Option<Timestamp>, LedgerError> {
        let now = self.parts.clock.now();
        let mut next = None;
        let all = self.reader()?.alert_messages_pending()?;
        let mut waiting: BTreeMap<AlertName, u64> = BTreeMap::new();
        all.iter().for_each(|pending| *waiting.entry(pending.channel.clone()).or_default() += 1);
        self.parts.deliveries.pending(&waiting);
        for pending in all {
            let Some(channel) = self.settings.channels.get(&pending.channel).cloned() else {
                let error = "no such alert is configured any more".to_owned();
                self.draft.step.tries.push(MessageTry { message: pending.id, result: TryResult::GivenUp { error } });
                continue;
            };
            // A message that its receiver does not like holds up no other. One that was put off by a clock that has been
            // set back since is due.
            if pending.next_at > now && pending.made_at <= now {
                next = earliest([next, Some(pending.next_at)]);
                continue;
            }
            if self.busy.contains(&pending.channel) {
                continue;
            }
            let (settings, tasks) = (self.settings.clone(), self.tasks.clone());
            let message = outbox::compose(self.reader()?, &settings, &tasks, &pending)?;
            self.busy.insert(pending.channel.clone());
            self.deliveries.push(
                async move {
                    let result = deliver(&channel, &settings, &message).await;
                    Delivered { channel: channel.name.clone(), what: Carried::Written(pending), result }
                }
                .boxed(),
            );
        }
        Ok(next)
    }

    /// Takes note of what came of an attempt. It is entered with the next look.
    pub(super) fn delivered(&mut self, Delivered { channel, what, result }: Delivered) {
        let now = self.parts.clock.now();
        match what {
            Carried::Written(message) => {
                let result = after(result, message.tries, message.made_at, now);
                self.parts.deliveries.attempted(&channel, how(&result));
                match &result {
                    TryResult::Delivered { .. } => tracing::info!(%channel, key = message.key, "alert delivered"),
                    TryResult::Failed { error, next } => {
                        tracing::warn!(%channel, key = message.key, "alert not delivered, next try at {next:.0}: {error}");
                    }
                    TryResult::GivenUp { error } => {
                        tracing::error!(%channel, key = message.key, "alert given up: {error}");
                    }
                }
                self.draft.step.tries.push(MessageTry { message: message.id, result });
                self.answered.push(channel);
            }
            Carried::Spoken(spoken) => {
                self.busy.remove(&channel);
                self.spoken(spoken, result, now);
            }
        }
    }
}

/// What is counted of an attempt.
pub(super) fn how(result: &TryResult) -> Delivery {
    match result {
        TryResult::Delivered { .. } => Delivery::Delivered,
        TryResult::Failed { .. } => Delivery::Failed,
        TryResult::GivenUp { .. } => Delivery::GivenUp,
    }
}
