//! When a task is due.
//!
//! A schedule is a set of points in time, and says which of them come next or lie within a span. It knows nothing of
//! the present, of the task's runs, or of what becomes of a slot.

pub mod at;
pub mod cron;
pub mod every;
mod record;
mod splay;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::model::id::TaskName;
use crate::model::schedule::cron::{Cron, CronError};
use crate::model::schedule::every::{Every, IntervalError};
use crate::model::slot::Slot;

/// When a task is due. Clones share what a cron expression was read into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    kind: Kind,
    /// By how many milliseconds each slot is put off.
    put_off: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Cron(Arc<Cron>),
    Every(Every),
    At(Box<Zoned>),
    Manual,
}

/// The slots of a span of time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Passed {
    /// How many there are.
    pub count: u64,
    /// The latest of them, as many as were asked for, oldest first.
    pub latest: Vec<Slot>,
}

impl Schedule {
    /// Due whenever the clocks of a time zone show what a cron expression says; [`cron`] has the rules.
    ///
    /// # Errors
    ///
    /// If the text is not a cron expression, or one that never fires.
    pub fn cron(expression: &str, zone: TimeZone) -> Result<Self, CronError> {
        Cron::new(expression, zone).map(|cron| Self::of(Kind::Cron(Arc::new(cron))))
    }

    /// Due at every multiple of an interval since the Unix epoch, so that a restart does not shift the slots.
    ///
    /// # Errors
    ///
    /// If the interval is shorter than [`every::SHORTEST`] or longer than [`every::LONGEST`].
    pub fn every(interval: Duration) -> Result<Self, IntervalError> {
        Every::new(interval).map(|every| Self::of(Kind::Every(every)))
    }

    /// Due once. What is finer than a millisecond is cut off.
    pub fn at(time: Zoned) -> Self {
        Self::of(Kind::At(Box::new(time)))
    }

    /// Never due: the task runs when it is asked for.
    pub fn manual() -> Self {
        Self::of(Kind::Manual)
    }

    /// Puts each slot off by a part of `splay` that depends on the task's name alone: at least nothing, and less than
    /// the whole of it, to the millisecond.
    pub fn with_splay(self, splay: Duration, task: &TaskName) -> Self {
        Self { put_off: splay::part(splay, task), ..self }
    }

    /// The first slot strictly after `after`; none if there is none.
    pub fn next_after(&self, after: Timestamp) -> Option<Slot> {
        self.slot(self.kind.next_after(self.millis(after))?)
    }

    /// The slots after `after` and up to `until`: how many there are, and the latest `keep` of them.
    ///
    /// Slots are counted by arithmetic and not one by one, so that a host that was down for a year need not go
    /// through each second of it.
    pub fn passed(&self, after: Timestamp, until: Timestamp, keep: usize) -> Passed {
        let (after, until) = (self.millis(after), self.millis(until));
        if until <= after {
            return Passed::default();
        }
        let count = self.kind.count(after, until);
        let kept = count.min(keep as u64);
        if kept == 0 {
            return Passed { count, latest: Vec::new() };
        }
        // The last moment after which there are `kept` slots: `first` always has as many after it, `last` never has.
        let (mut first, mut last) = (after, until);
        while last - first > 1 {
            let middle = first + (last - first) / 2;
            match self.kind.count(middle, until) >= kept {
                true => first = middle,
                false => last = middle,
            }
        }
        let latest = std::iter::successors(self.kind.next_after(first), |slot| self.kind.next_after(*slot));
        Passed { count, latest: latest.take_while(|slot| *slot <= until).filter_map(|slot| self.slot(slot)).collect() }
    }

    /// Whether there are slots at all, in the past at least.
    pub fn is_planned(&self) -> bool {
        !matches!(self.kind, Kind::Manual)
    }

    /// The time zone in which people think of the slots; none if the schedule does not speak of civil time.
    pub fn zone(&self) -> Option<&TimeZone> {
        match &self.kind {
            Kind::Cron(cron) => Some(cron.zone()),
            Kind::At(time) => Some(time.time_zone()),
            Kind::Every(_) | Kind::Manual => None,
        }
    }

    fn of(kind: Kind) -> Self {
        Self { kind, put_off: 0 }
    }

    /// A point in time as the kinds see it: in Unix milliseconds, rounded down, and as if nothing was put off.
    fn millis(&self, time: Timestamp) -> i64 {
        time.as_millisecond() - i64::from(time.subsec_nanosecond() % 1_000_000 < 0) - self.put_off
    }

    fn slot(&self, millis: i64) -> Option<Slot> {
        Slot::from_millis(millis + self.put_off)
    }
}

impl Kind {
    /// The first slot strictly after a point in time, all in Unix milliseconds.
    fn next_after(&self, after: i64) -> Option<i64> {
        match self {
            Kind::Cron(cron) => cron.next_after(after.div_euclid(1000)).map(|second| second * 1000),
            Kind::Every(every) => every.next_after(after),
            Kind::At(time) => Some(at::millis(time)).filter(|slot| *slot > after),
            Kind::Manual => None,
        }
    }

    /// How many slots there are after `after` and up to `until`, in Unix milliseconds.
    fn count(&self, after: i64, until: i64) -> u64 {
        match self {
            Kind::Cron(cron) => cron.count(after.div_euclid(1000), until.div_euclid(1000)),
            Kind::Every(every) => every.count(after, until),
            Kind::At(time) => u64::from((after + 1..=until).contains(&at::millis(time))),
            Kind::Manual => 0,
        }
    }
}

impl fmt::Display for Schedule {
    /// `0 9 * * MON-FRI (America/New_York)`, `every 90s`, `at 2026-12-24T18:00:00+01:00[Europe/Berlin]` or `manual`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Cron(cron) => cron.fmt(f),
            Kind::Every(every) => write!(f, "every {every}"),
            Kind::At(time) => write!(f, "at {time}"),
            Kind::Manual => f.write_str("manual"),
        }
    }
}
