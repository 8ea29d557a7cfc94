//! While the ledger cannot be written, that is told all the same: from memory, and entered once it can be.
//!
//! It is the one message that a kill can lose, and the next start finds the same trouble again if it is still there.

use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;

use super::sending::{Carried, Delivered, how};
use super::{AFTER_ERROR, Engine};
use crate::ledger::{LedgerError, TryResult};
use crate::model::alert::gate::{Opening, Waiting};
use crate::model::alert::{Happening, Kind, Notice, Subject, Turn};
use crate::model::id::AlertName;
use crate::observe::alerts::deliver::{after, deliver};
use crate::observe::alerts::draft::Problems;
use crate::observe::alerts::message::{Item, Message};
use crate::observe::alerts::outbox;

/// The ledger cannot be written.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    /// What is to be told of it.
    to_tell: Vec<Spoken>,
}

/// A notice that the ledger does not have.
#[derive(Debug, Clone)]
pub(super) struct Spoken {
    pub(super) channel: AlertName,
    pub(super) notice: Notice,
    pub(super) key: String,
    pub(super) made_at: Timestamp,
    pub(super) tries: u32,
    pub(super) next_at: Timestamp,
}

impl Engine {
    /// The ledger cannot be written.
    pub(super) fn falls_into_trouble(&mut self, message: String) {
        if self.trouble.is_some() {
            return;
        }
        self.trouble = Some(Trouble::default());
        let at = self.parts.clock.now();
        let subject = Subject::Host;
        self.judge(&Happening { kind: Kind::Ledger, subject, turn: Turn::Bad, at, run: None, what: message });
        self.take_what_is_to_be_said();
    }

    /// What the draft has to tell of the ledger is told without it.
    fn take_what_is_to_be_said(&mut self) {
        let Some(trouble) = &mut self.trouble else { return };
        let of_ledger = |(_, notice, _): &mut (AlertName, Notice, Timestamp)| notice.kind == Kind::Ledger;
        for (channel, notice, at) in self.draft.step.notices.extract_if(.., of_ledger) {
            let key = outbox::key(at);
            trouble.to_tell.push(Spoken { channel, notice, key, made_at: at, tries: 0, next_at: at });
        }
    }

    /// A look while the ledger cannot be written, as far as is known.
    pub(super) async fn bear_trouble(&mut self) -> Result<Duration, LedgerError> {
        if self.parts.ledger.probe().await.is_ok() {
            self.comes_out_of_trouble();
            return Ok(Duration::ZERO);
        }
        let now = self.parts.clock.now();
        let unknown = Problems::new();
        let problems = self.problems.as_ref().unwrap_or(&unknown);
        for channel in self.settings.channels.values() {
            self.draft.tick(problems, channel, &(channel.name.clone(), Subject::Host, Kind::Ledger), now);
        }
        self.take_what_is_to_be_said();
        self.speak(now);
        Ok(AFTER_ERROR)
    }

    fn speak(&mut self, now: Timestamp) {
        let Some(trouble) = &mut self.trouble else { return };
        let (settings, busy) = (&self.settings, &self.busy);
        let due = |spoken: &mut Spoken| {
            let waiting = [Waiting { id: 0, kind: Kind::Ledger, since: Timestamp::MIN }];
            let open = |channel: &AlertName| {
                let channel = settings.channels.get(channel)?;
                // How many messages the day has had cannot matter here: there is nothing else to tell.
                Some(matches!(channel.gate.open(&waiting, 0, now), Opening::Now(_)))
            };
            spoken.next_at <= now && !busy.contains(&spoken.channel) && open(&spoken.channel).unwrap_or(true)
        };
        let due: Vec<Spoken> = trouble.to_tell.extract_if(.., due).collect();
        for spoken in due {
            let Some(channel) = self.settings.channels.get(&spoken.channel).cloned() else { continue };
            if !self.busy.insert(spoken.channel.clone()) {
                // Two of one channel are told one after the other.
                self.trouble.get_or_insert_default().to_tell.push(spoken);
                continue;
            }
            let settings = self.settings.clone();
            let item = Item { notice: spoken.notice.clone(), zone: settings.zone.clone(), log: Vec::new() };
            let message = Message {
                key: spoken.key.clone(),
                at: spoken.made_at,
                channel: spoken.channel.clone(),
                host: outbox::machine(),
                items: vec![item],
                last_of: None,
            };
            self.deliveries.push(
                async move {
                    let result = deliver(&channel, &settings, &message).await;
                    Delivered { channel: channel.name.clone(), what: Carried::Spoken(spoken), result }
                }
                .boxed(),
            );
        }
    }

    /// What came of an attempt to tell what the ledger does not have.
    pub(super) fn spoken(&mut self, spoken: Spoken, result: Result<(), String>, now: Timestamp) {
        let channel = &spoken.channel;
        let result = after(result, spoken.tries, spoken.made_at, now);
        self.parts.deliveries.attempted(channel, how(&result));
        match &result {
            TryResult::Delivered { .. } => {
                tracing::info!(%channel, key = spoken.key, "alert delivered");
                return;
            }
            TryResult::Failed { error, .. } | TryResult::GivenUp { error } => {
                tracing::warn!(%channel, key = spoken.key, "alert not delivered: {error}");
            }
        }
        match (&mut self.trouble, result) {
            (Some(trouble), TryResult::Failed { next, .. }) => {
                trouble.to_tell.push(Spoken { tries: spoken.tries + 1, next_at: next, ..spoken });
            }
            // The ledger takes it over.
            (None, _) => self.draft.step.notices.push((spoken.channel, spoken.notice, spoken.made_at)),
            (Some(_), _) => tracing::error!(channel = %spoken.channel, "alert given up"),
        }
    }

    fn comes_out_of_trouble(&mut self) {
        let Some(trouble) = self.trouble.take() else { return };
        let untold = trouble.to_tell.into_iter().map(|spoken| (spoken.channel, spoken.notice, spoken.made_at));
        self.draft.step.notices.extend(untold);
        let (at, subject) = (self.parts.clock.now(), Subject::Host);
        self.judge(&Happening { kind: Kind::Ledger, subject, turn: Turn::Good, at, run: None, what: String::new() });
    }
}
