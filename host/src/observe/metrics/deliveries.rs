//! What becomes of alerts' messages, channel by channel. Alerts write it, a scrape reads it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::sheet::{Rows, Sheet};
use crate::model::id::AlertName;

/// How an attempt to deliver a message ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::observe) enum Delivery {
    /// Somebody took it.
    Delivered,
    /// Nobody did; it is tried again.
    Failed,
    /// Nobody did for too long, or nobody is there any more.
    GivenUp,
}

impl Delivery {
    const ALL: [Delivery; 3] = [Delivery::Delivered, Delivery::Failed, Delivery::GivenUp];

    fn name(self) -> &'static str {
        match self {
            Delivery::Delivered => "delivered",
            Delivery::Failed => "failed",
            Delivery::GivenUp => "given-up",
        }
    }
}

/// What became of messages since the host's start. A channel that is no longer configured loses its series.
#[derive(Debug, Default)]
pub struct Deliveries(Mutex<BTreeMap<AlertName, Channel>>);

#[derive(Debug, Clone, Copy, Default)]
struct Channel {
    attempts: [u64; Delivery::ALL.len()],
    pending: u64,
}

impl Deliveries {
    /// These are the channels from now on.
    pub(in crate::observe) fn configured<'a>(&self, channels: impl Iterator<Item = &'a AlertName>) {
        let mut known = self.lock();
        let kept = channels.map(|name| (name.clone(), known.get(name).copied().unwrap_or_default())).collect();
        *known = kept;
    }

    /// An attempt to deliver a message ended.
    pub(in crate::observe) fn attempted(&self, channel: &AlertName, how: Delivery) {
        if let Some(channel) = self.lock().get_mut(channel) {
            channel.attempts[how as usize] += 1;
        }
    }

    /// So many messages of each channel wait to be taken; of the others none.
    pub(in crate::observe) fn pending(&self, counts: &BTreeMap<AlertName, u64>) {
        for (name, channel) in self.lock().iter_mut() {
            channel.pending = counts.get(name).copied().unwrap_or(0);
        }
    }

    pub(super) fn encode(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let channels = self.lock().clone();
        sheet.counters("sandclock_alert_deliveries", "Attempts to deliver a message of an alert.", |rows| {
            channels.iter().try_for_each(|(name, channel)| attempts(rows, name, channel))
        })?;
        sheet.gauges("sandclock_alert_messages_pending", "Messages of alerts that nobody has taken yet.", |rows| {
            channels.iter().try_for_each(|(name, channel)| rows.whole(&[("channel", name.as_str())], channel.pending))
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AlertName, Channel>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn attempts(rows: &mut Rows<'_>, name: &AlertName, channel: &Channel) -> fmt::Result {
    Delivery::ALL
        .iter()
        .zip(channel.attempts)
        .try_for_each(|(how, count)| rows.counter(&[("channel", name.as_str()), ("result", how.name())], count))
}
