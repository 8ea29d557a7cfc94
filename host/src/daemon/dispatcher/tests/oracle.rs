//! When a cron expression is due, by going through the days of another calendar: nothing here is ours but the rule of
//! `docs/schedules.md`, written down once more.

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone};
use chrono_tz::Tz;
use fastrand::Rng;

/// A schedule as a person thinks of it.
#[derive(Debug)]
pub(super) struct Habit {
    pub zone: Tz,
    hours: Field,
    minutes: Field,
    days: DaysOf,
}

#[derive(Debug)]
enum Field {
    Every,
    Step(u32),
    These(Vec<u32>),
}

#[derive(Debug)]
enum DaysOf {
    Every,
    Week(Vec<u32>),
    Month(Vec<u32>),
    /// POSIX: a day that matches either.
    Either(Vec<u32>, Vec<u32>),
    LastOfMonth,
}

impl Habit {
    /// A mixture: most have fixed times, many of them at the hours at which clocks are changed.
    pub(super) fn random(number: usize, zone: Tz, rng: &mut Rng) -> Self {
        let few = |rng: &mut Rng, range: std::ops::Range<u32>, most: usize| -> Vec<u32> {
            let mut values: Vec<u32> = (0..rng.usize(1..=most)).map(|_| rng.u32(range.clone())).collect();
            values.sort_unstable();
            values.dedup();
            values
        };
        let latest = if rng.bool() { 4 } else { 24 };
        let hours = few(rng, 0..latest, 2);
        let (hours, minutes) = match number % 50 {
            0 => (Field::Every, Field::These(few(rng, 0..60, 1))),
            1 => (Field::These(hours), Field::Step(20)),
            _ => (Field::These(hours), Field::These(few(rng, 0..60, 2))),
        };
        let days = match rng.u8(0..10) {
            0..4 => DaysOf::Every,
            4..6 => DaysOf::Week(few(rng, 0..7, 4)),
            6..8 => DaysOf::Month(few(rng, 1..32, 4)),
            8 => DaysOf::Either(few(rng, 1..32, 2), few(rng, 0..7, 2)),
            _ => DaysOf::LastOfMonth,
        };
        Self { zone, hours, minutes, days }
    }

    pub(super) fn expression(&self) -> String {
        let list = |values: &[u32]| values.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let field = |field: &Field| match field {
            Field::Every => "*".to_owned(),
            Field::Step(step) => format!("*/{step}"),
            Field::These(values) => list(values),
        };
        let (month, week) = match &self.days {
            DaysOf::Every => ("*".to_owned(), "*".to_owned()),
            DaysOf::Week(days) => ("*".to_owned(), list(days)),
            DaysOf::Month(days) => (list(days), "*".to_owned()),
            DaysOf::Either(month, week) => (list(month), list(week)),
            DaysOf::LastOfMonth => ("L".to_owned(), "*".to_owned()),
        };
        format!("{} {} {month} * {week}", field(&self.minutes), field(&self.hours))
    }

    /// All slots after `from` and up to `to`, in Unix seconds.
    pub(super) fn slots(&self, from: i64, to: i64) -> Vec<i64> {
        let date = |second: i64| chrono::DateTime::from_timestamp(second, 0).unwrap().date_naive();
        let (first, last) = (date(from) - Days::new(2), date(to) + Days::new(2));
        let mut slots = Vec::new();
        for day in first.iter_days().take_while(|day| *day <= last).filter(|day| self.is_day(*day)) {
            for hour in self.hours.values(24) {
                for minute in self.minutes.values(60) {
                    self.due(day.and_time(NaiveTime::from_hms_opt(hour, minute, 0).unwrap()), &mut slots);
                }
            }
        }
        slots.retain(|slot| from < *slot && *slot <= to);
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    fn is_day(&self, day: NaiveDate) -> bool {
        let in_week = |days: &[u32]| days.contains(&day.weekday().num_days_from_sunday());
        let in_month = |days: &[u32]| days.contains(&day.day());
        match &self.days {
            DaysOf::Every => true,
            DaysOf::Week(week) => in_week(week),
            DaysOf::Month(month) => in_month(month),
            DaysOf::Either(month, week) => in_month(month) || in_week(week),
            DaysOf::LastOfMonth => (day + Days::new(1)).day() == 1,
        }
    }

    /// The instants at which a civil time is due.
    fn due(&self, time: NaiveDateTime, slots: &mut Vec<i64>) {
        let is_fixed = matches!((&self.hours, &self.minutes), (Field::These(_), Field::These(_)));
        let shown = self.zone.from_local_datetime(&time);
        match (shown.earliest(), shown.latest()) {
            (Some(first), Some(_)) if is_fixed => slots.push(first.timestamp()),
            (Some(first), Some(second)) => slots.extend([first.timestamp(), second.timestamp()]),
            // The clocks skip it: minute by minute to the end of the gap.
            _ if is_fixed => {
                let minutes = std::iter::successors(Some(time), |time| Some(*time + TimeDelta::minutes(1)));
                let after = minutes.take(3 * 24 * 60).find_map(|time| self.zone.from_local_datetime(&time).earliest());
                slots.push(after.unwrap().timestamp());
            }
            _ => {}
        }
    }
}

impl Field {
    fn values(&self, limit: u32) -> Vec<u32> {
        match self {
            Field::Every => (0..limit).collect(),
            Field::Step(step) => (0..limit).step_by(*step as usize).collect(),
            Field::These(values) => values.clone(),
        }
    }
}
