//! From civil time to points in time: stretches of a zone's history in which its offset is the same.
//!
//! The rule for daylight saving is here. A fixed time that the clocks skip falls due at the first instant after the
//! gap, and one that they show twice the first time only; a time with a wildcard follows the clocks as they run, skips
//! and all. (cron(8) of Debian, after Vixie cron, for changes of up to three hours; here for all.)

use std::ops::Range;

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// How an expression is read where clocks are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// Hour and minute are fixed: each civil time is due once.
    Fixed,
    /// Hour or minute is a wildcard: whatever the clocks show is due.
    Wildcard,
}

/// A stretch of time in which a zone's offset is the same. All in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    /// The Unix time of the first instant.
    pub(super) start: i64,
    /// The Unix time after the last instant.
    pub(super) end: i64,
    /// What is added to Unix time to have civil time.
    pub(super) offset: i64,
    /// The offset before the stretch.
    pub(super) before: i64,
}

impl Stretch {
    /// The civil times that fall due at their own place in this stretch.
    pub(super) fn own(&self, reading: Reading) -> Range<i64> {
        let first = match reading {
            Reading::Fixed => self.offset.max(self.before),
            Reading::Wildcard => self.offset,
        };
        self.start.saturating_add(first)..self.end.saturating_add(self.offset)
    }

    /// The skipped civil times that fall due at the start of this stretch.
    pub(super) fn gap(&self, reading: Reading) -> Range<i64> {
        match reading {
            Reading::Fixed => self.start.saturating_add(self.before)..self.start.saturating_add(self.offset),
            Reading::Wildcard => 0..0,
        }
    }
}

/// The stretches of a zone, from the one that holds a Unix time.
pub(super) fn from(zone: &TimeZone, time: i64) -> impl Iterator<Item = Stretch> + '_ {
    let first = Timestamp::from_second(time).ok().map(|time| {
        let offset = seconds(zone.to_offset(time));
        // Transitions before a time do not include one at that time.
        let next = time.checked_add(SignedDuration::from_secs(1)).unwrap_or(time);
        let start = zone.preceding(next).next().map(|transition| transition.timestamp());
        let before = start.and_then(|start| start.checked_sub(SignedDuration::from_secs(1)).ok());
        Stretch {
            start: start.map_or(i64::MIN, Timestamp::as_second),
            end: end(zone, time),
            offset,
            before: before.map_or(offset, |before| seconds(zone.to_offset(before))),
        }
    });
    std::iter::successors(first, |stretch| {
        let start = Timestamp::from_second(stretch.end).ok()?;
        let offset = seconds(zone.to_offset(start));
        Some(Stretch { start: stretch.end, end: end(zone, start), offset, before: stretch.offset })
    })
}

/// The point in time that a civil time means when it is a fixed one; none beyond the years that jiff knows.
pub(in crate::model::schedule) fn instant_of(zone: &TimeZone, time: DateTime) -> Option<Timestamp> {
    let compatible = zone.to_timestamp(time).ok()?;
    if zone.to_datetime(compatible) == time {
        return Some(compatible);
    }
    // The clocks skipped it, and `compatible` lies as far after the gap as `time` lies within it.
    zone.preceding(compatible.checked_add(SignedDuration::from_nanos(1)).ok()?).next().map(|gap| gap.timestamp())
}

/// The Unix time at which the stretch that holds a time ends.
fn end(zone: &TimeZone, time: Timestamp) -> i64 {
    zone.following(time).next().map_or(i64::MAX, |transition| transition.timestamp().as_second())
}

fn seconds(offset: Offset) -> i64 {
    i64::from(offset.seconds())
}
