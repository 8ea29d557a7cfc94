//! When notices go out, and how many at once: a burst becomes one message, the night stays quiet, a day has so many.
//!
//! Nothing is dropped here. What may not go out yet waits, and goes out with all that came meanwhile.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

use super::Kind;

/// When notices of one channel go out.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// How long the first notice of a message waits for others.
    pub group_wait: Duration,
    /// How many messages a day may have.
    pub daily_cap: NonZeroU32,
    /// How many notices a message may have.
    pub group: usize,
    /// When it stays quiet.
    pub quiet: Option<QuietHours>,
    /// Where a day begins.
    pub zone: TimeZone,
}

/// Hours of a day in which nobody wants to be disturbed.
#[derive(Debug, Clone, PartialEq)]
pub struct QuietHours {
    /// When they begin.
    pub from: Time,
    /// When they end; on the next day, if that is earlier than when they begin.
    pub to: Time,
    /// Where these times are meant.
    pub zone: TimeZone,
    /// Kinds that go out all the same.
    pub except: BTreeSet<Kind>,
}

/// A notice that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Its id.
    pub id: i64,
    /// What it is about.
    pub kind: Kind,
    /// Since when it waits.
    pub since: Timestamp,
}

/// What goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// These, as one message.
    Now(Vec<i64>),
    /// Nothing before then.
    Then(Timestamp),
    /// Nothing waits.
    Empty,
}

impl Gate {
    /// What goes out now of what waits, which is in the order in which it came. `sent` is how many messages the day has
    /// had.
    pub fn open(&self, waiting: &[Waiting], sent: u32, now: Timestamp) -> Opening {
        let (Some(_), quiet_until) = (waiting.first(), self.quiet.as_ref().and_then(|quiet| quiet.until(now))) else {
            return Opening::Empty;
        };
        if sent >= self.daily_cap.get() {
            return Opening::Then(self.tomorrow(now));
        }
        let may = |kind| match &self.quiet {
            Some(quiet) if quiet_until.is_some() => quiet.except.contains(&kind),
            _ => true,
        };
        let allowed: Vec<&Waiting> = waiting.iter().filter(|waiting| may(waiting.kind)).collect();
        let Some(first) = allowed.first() else { return Opening::Then(quiet_until.unwrap_or(now)) };
        let ready = first.since.saturating_add(self.group_wait).unwrap_or(Timestamp::MAX);
        // A clock that was set back makes nobody wait for longer.
        if ready <= now || first.since > now || allowed.len() >= self.group {
            Opening::Now(allowed.iter().take(self.group).map(|waiting| waiting.id).collect())
        } else {
            Opening::Then(ready)
        }
    }

    /// When the day began.
    pub fn today(&self, now: Timestamp) -> Timestamp {
        let now = now.to_zoned(self.zone.clone());
        now.start_of_day().map_or_else(|_| now.timestamp(), |start| start.timestamp())
    }

    fn tomorrow(&self, now: Timestamp) -> Timestamp {
        let next = |now: &Zoned| now.tomorrow()?.start_of_day();
        next(&now.to_zoned(self.zone.clone())).map_or(Timestamp::MAX, |start| start.timestamp())
    }
}

impl QuietHours {
    /// When they are over, if this is one of them.
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        let here = now.to_zoned(self.zone.clone());
        let time = here.time();
        let overnight = self.to <= self.from;
        let quiet = match overnight {
            true => time >= self.from || time < self.to,
            false => (self.from..self.to).contains(&time),
        };
        let days = if overnight && time >= self.from { 1 } else { 0 };
        let end = here.date().saturating_add(days.days()).to_datetime(self.to).to_zoned(self.zone.clone());
        // A time that the clocks skip is the one after; one that they repeat the first, which may have passed.
        quiet.then(|| end.map_or(Timestamp::MAX, |end| end.timestamp().max(now)))
    }
}
