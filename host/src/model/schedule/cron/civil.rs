//! Civil time that a cron expression matches, in seconds since 1970-01-01 00:00 as if the zone were UTC.

use std::ops::Range;

use super::days::Days;
use super::set::Set;

/// Seconds of a civil day.
pub(super) const DAY: i64 = 24 * 60 * 60;

/// The civil times that match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) days: Days,
    pub(super) clock: Clock,
}

/// The times of day that match. None of the sets is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clock {
    pub(super) hours: Set,
    pub(super) minutes: Set,
    pub(super) seconds: Set,
}

impl Times {
    /// The first match in a range.
    pub(super) fn next_in(&self, range: Range<i64>) -> Option<i64> {
        if range.is_empty() {
            return None;
        }
        let (day, second) = split(range.start);
        let time = match self.clock.next(second).filter(|_| self.days.contains(day)) {
            Some(second) => day * DAY + second,
            None => self.days.next(day + 1, split(range.end - 1).0)? * DAY + self.clock.next(0)?,
        };
        (time < range.end).then_some(time)
    }

    /// How many matches there are in a range.
    pub(super) fn count_in(&self, range: Range<i64>) -> u64 {
        if range.is_empty() {
            return 0;
        }
        let (first, from) = split(range.start);
        let (last, to) = split(range.end);
        let whole = self.days.count(first, last) * self.clock.count();
        let before = if self.days.contains(first) { self.clock.count_below(from) } else { 0 };
        let after = if self.days.contains(last) { self.clock.count_below(to) } else { 0 };
        whole + after - before
    }
}

/// A civil time's day, and the second of that day.
fn split(time: i64) -> (i64, i64) {
    (time.div_euclid(DAY), time.rem_euclid(DAY))
}

impl Clock {
    /// The first time of day that is not before a second of the day.
    fn next(self, from: i64) -> Option<i64> {
        let [hour, minute, second] = parts(from);
        let of = |hour: u8, minute: u8, second: u8| (i64::from(hour) * 60 + i64::from(minute)) * 60 + i64::from(second);
        let (first_minute, first_second) = (self.minutes.next(0)?, self.seconds.next(0)?);
        if self.hours.contains(hour) {
            if let Some(second) = self.seconds.next(second).filter(|_| self.minutes.contains(minute)) {
                return Some(of(hour, minute, second));
            }
            if let Some(minute) = self.minutes.next(minute + 1) {
                return Some(of(hour, minute, first_second));
            }
        }
        self.hours.next(hour + 1).map(|hour| of(hour, first_minute, first_second))
    }

    /// How many times of day match.
    fn count(self) -> u64 {
        self.hours.count() * self.minutes.count() * self.seconds.count()
    }

    /// How many times of day match before a second of the day.
    fn count_below(self, limit: i64) -> u64 {
        let [hour, minute, second] = parts(limit);
        let in_minute = if self.minutes.contains(minute) { self.seconds.count_below(second) } else { 0 };
        let in_hour = self.minutes.count_below(minute) * self.seconds.count() + in_minute;
        let hours = self.hours.count_below(hour) * self.minutes.count() * self.seconds.count();
        hours + if self.hours.contains(hour) { in_hour } else { 0 }
    }
}

/// Hour, minute and second of a second of the day.
fn parts(second: i64) -> [u8; 3] {
    // Within a day, each fits.
    [second / 3600, second / 60 % 60, second % 60].map(|part| part as u8)
}
