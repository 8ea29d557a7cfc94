//! Cron expressions: which civil times they match, and which points in time those are in a zone.
//!
//! Times and days are matched as bit sets, so that slots can be counted without being enumerated; `stretch` maps civil
//! time to instants, with the rule for gaps and overlaps. The grammar is that of POSIX cron with what most crons add:
//! an optional field for seconds, names, steps, `L`, `W`, `#` and macros.

mod civil;
mod days;
mod error;
mod field;
mod parse;
mod piece;
mod set;
mod stretch;

use std::fmt;

use jiff::tz::TimeZone;

use civil::Times;
pub use error::CronError;
pub(super) use stretch::instant_of;
use stretch::{Reading, Stretch};

/// A cron expression in a time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cron {
    text: Box<str>,
    times: Times,
    reading: Reading,
    zone: TimeZone,
}

impl Cron {
    pub(super) fn new(text: &str, zone: TimeZone) -> Result<Self, CronError> {
        let parse::Expression { times, reading } = parse::expression(text)?;
        Ok(Self { text: text.trim().into(), times, reading, zone })
    }

    pub(super) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The first slot strictly after a point in time, in Unix seconds.
    pub(super) fn next_after(&self, after: i64) -> Option<i64> {
        stretch::from(&self.zone, after).find_map(|stretch| {
            if stretch.start > after && self.is_shifted_to(&stretch) {
                return Some(stretch.start);
            }
            let own = stretch.own(self.reading);
            let from = own.start.max(after.saturating_add(1).saturating_add(stretch.offset));
            self.times.next_in(from..own.end).map(|time| time - stretch.offset)
        })
    }

    /// How many slots there are after `after` and up to `until`, in Unix seconds.
    pub(super) fn count(&self, after: i64, until: i64) -> u64 {
        stretch::from(&self.zone, after)
            .take_while(|stretch| stretch.start <= until)
            .map(|stretch| {
                let own = stretch.own(self.reading);
                let from = own.start.max(after + 1 + stretch.offset);
                let to = own.end.min(until + 1 + stretch.offset);
                let by_itself = stretch.start.saturating_add(stretch.offset);
                let shifted = stretch.start > after
                    && self.is_shifted_to(&stretch)
                    && self.times.next_in(by_itself..by_itself + 1).is_none();
                self.times.count_in(from..to) + u64::from(shifted)
            })
            .sum()
    }

    /// Whether a time that the clocks skipped falls due when the stretch begins.
    fn is_shifted_to(&self, stretch: &Stretch) -> bool {
        self.times.next_in(stretch.gap(self.reading)).is_some()
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text, self.zone.iana_name().unwrap_or("UTC"))
    }
}
