//! The days that match: a month, and a day of the month or of the week.
//!
//! Days are numbered from 1970-01-01. Each month becomes one set of its days, so that years are gone through by months.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

use super::civil::DAY;
use super::set::Set;

/// The days that match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Days {
    /// From 1.
    pub(super) months: Set,
    /// None for every day of the month.
    pub(super) of_month: Option<Box<MonthDays>>,
    /// None for every day of the week.
    pub(super) of_week: Option<Box<WeekDays>>,
}

/// Days of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct MonthDays {
    /// From 1.
    pub(super) days: Set,
    /// How many days before the last: `L` is 0, `L-3` is 3.
    pub(super) before_last: Set,
    /// The weekday nearest to these days: `15W`.
    pub(super) nearest: Set,
    /// The last weekday: `LW`.
    pub(super) last_weekday: bool,
}

/// Days of the week, from Sunday, which is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct WeekDays {
    pub(super) days: Set,
    /// The last such day of the month: `FRIL`.
    pub(super) last: Set,
    /// The first to fifth such day of the month: `FRI#2`.
    pub(super) nth: [Set; 5],
}

impl Days {
    /// Whether any day matches at all. The calendar repeats after 400 years, to the day of the week.
    pub(super) fn any(&self) -> bool {
        let first = Month::new(2000, 1).map_or(0, |month| month.first);
        self.next(first, first + 146_097).is_some()
    }

    pub(super) fn contains(&self, day: i64) -> bool {
        Month::of(day).is_some_and(|month| self.in_month(month).contains(month.day(day)))
    }

    /// The first day that matches, from one day to another, both included.
    pub(super) fn next(&self, from: i64, last: i64) -> Option<i64> {
        let months =
            std::iter::successors(Month::of(from), |month| month.next()).take_while(|month| month.first <= last);
        months
            .filter_map(|month| {
                let day = self.in_month(month).next(month.day(from.max(month.first)))?;
                Some(month.first + i64::from(day) - 1)
            })
            .next()
            .filter(|day| *day <= last)
    }

    /// How many days match, from one day to another, the latter not included.
    pub(super) fn count(&self, from: i64, to: i64) -> u64 {
        let months = std::iter::successors(Month::of(from), |month| month.next()).take_while(|month| month.first < to);
        months
            .map(|month| {
                let days = self.in_month(month);
                let below = |day: i64| days.count_below(month.day(day));
                let all = if to < month.first + i64::from(month.length) { below(to) } else { days.count() };
                all - if from > month.first { below(from) } else { 0 }
            })
            .sum()
    }

    /// The days of a month that match.
    fn in_month(&self, month: Month) -> Set {
        if !self.months.contains(month.number) {
            return Set::default();
        }
        let of_month = self.of_month.as_ref().map(|days| days.in_month(month));
        let of_week = self.of_week.as_ref().map(|days| days.in_month(month));
        // POSIX: where both are restricted, a day has to match either of them.
        match (of_month, of_week) {
            (None, None) => Set::of(1..=month.length, 1),
            (Some(days), None) | (None, Some(days)) => days,
            (Some(of_month), Some(of_week)) => of_month.with(of_week),
        }
    }
}

impl MonthDays {
    fn in_month(self, month: Month) -> Set {
        let all = 1..=month.length;
        let nearest = all.clone().filter(|day| self.nearest.contains(*day)).map(|day| month.nearest_weekday(day));
        let last_weekday = self.last_weekday.then(|| month.nearest_weekday(month.length));
        let plain = all.filter(|day| self.days.contains(*day) || self.before_last.contains(month.length - day));
        plain.chain(nearest).chain(last_weekday).map(Set::one).fold(Set::default(), Set::with)
    }
}

impl WeekDays {
    fn in_month(self, month: Month) -> Set {
        let matches = |day: &u8| {
            let weekday = month.weekday(*day);
            let nth = self.nth[usize::from((day - 1) / 7)];
            self.days.contains(weekday)
                || nth.contains(weekday)
                || (day + 7 > month.length && self.last.contains(weekday))
        };
        (1..=month.length).filter(matches).map(Set::one).fold(Set::default(), Set::with)
    }
}

/// A month of a year.
#[derive(Debug, Clone, Copy)]
struct Month {
    year: i16,
    number: u8,
    /// The number of its first day.
    first: i64,
    length: u8,
    /// The day of the week of its first day.
    weekday: u8,
}

impl Month {
    /// None outside the years that jiff knows (-9999 to 9999).
    fn new(year: i16, number: i8) -> Option<Self> {
        Date::new(year, number, 1).ok().and_then(Self::starting)
    }

    /// The month of a day.
    fn of(day: i64) -> Option<Self> {
        let noon = Timestamp::from_second(day.checked_mul(DAY)?.checked_add(DAY / 2)?).ok()?;
        Self::starting(Offset::UTC.to_datetime(noon).date().first_of_month())
    }

    fn starting(date: Date) -> Option<Self> {
        let first = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?.as_second().div_euclid(DAY);
        Some(Self {
            year: date.year(),
            number: date.month().unsigned_abs(),
            first,
            length: date.days_in_month().unsigned_abs(),
            weekday: date.weekday().to_sunday_zero_offset().unsigned_abs(),
        })
    }

    fn next(&self) -> Option<Self> {
        match self.number {
            12 => Self::new(self.year.checked_add(1)?, 1),
            number => Self::new(self.year, number.cast_signed() + 1),
        }
    }

    /// The day of this month that has a number, from 1.
    fn day(self, number: i64) -> u8 {
        // Within a month, it fits.
        (number - self.first + 1) as u8
    }

    fn weekday(self, day: u8) -> u8 {
        (self.weekday + day - 1) % 7
    }

    /// The day from Monday to Friday that is nearest to a day, within the month.
    fn nearest_weekday(self, day: u8) -> u8 {
        match self.weekday(day) {
            6 if day == 1 => 3,
            6 => day - 1,
            0 if day == self.length => day - 2,
            0 => day + 1,
            _ => day,
        }
    }
}
