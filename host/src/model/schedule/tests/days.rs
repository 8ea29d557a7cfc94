//! The days that an expression matches, against jiff's calendar and against croner.

use std::str::FromStr;

use croner::Cron;
use jiff::civil::{Date, Weekday, date};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use proptest::prelude::*;

use crate::model::schedule::Schedule;

/// One item of the field for the day of the month or of the week.
#[derive(Debug, Clone, Copy)]
enum Item {
    Day(i8),
    BeforeLast(i8),
    Nearest(i8),
    LastWeekday,
    Week(i8),
    Nth(i8, i8),
    LastWeek(i8),
}

impl Item {
    fn text(self) -> String {
        match self {
            Item::Day(day) | Item::Week(day) => day.to_string(),
            Item::BeforeLast(0) => "L".to_owned(),
            Item::BeforeLast(days) => format!("L-{days}"),
            Item::Nearest(day) => format!("{day}W"),
            Item::LastWeekday => "LW".to_owned(),
            Item::Nth(day, number) => format!("{day}#{number}"),
            Item::LastWeek(day) => format!("{day}L"),
        }
    }

    fn matches(self, day: Date) -> bool {
        let weekday = |number| Weekday::from_sunday_zero_offset(number % 7).unwrap();
        match self {
            Item::Day(number) => day.day() == number,
            Item::BeforeLast(days) => day + Span::new().days(days) == day.last_of_month(),
            Item::Nearest(number) => {
                let wanted = Date::new(day.year(), day.month(), number).ok();
                wanted.is_some_and(|wanted| nearest_working_day(wanted) == day)
            }
            Item::LastWeekday => nearest_working_day(day.last_of_month()) == day,
            Item::Week(number) => day.weekday() == weekday(number),
            Item::Nth(number, nth) => day.nth_weekday_of_month(nth, weekday(number)).is_ok_and(|nth| nth == day),
            Item::LastWeek(number) => day.nth_weekday_of_month(-1, weekday(number)).is_ok_and(|last| last == day),
        }
    }
}

/// The nearest day from Monday to Friday in the same month.
fn nearest_working_day(wanted: Date) -> Date {
    let candidates = [0, -1, 1, -2, 2].map(|days| wanted + Span::new().days(days));
    let is_working = |day: &Date| !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
    candidates.into_iter().find(|day| day.month() == wanted.month() && is_working(day)).unwrap()
}

fn of_month() -> impl Strategy<Value = Item> {
    prop_oneof![
        5 => (1_i8..=31).prop_map(Item::Day),
        1 => (0_i8..=30).prop_map(Item::BeforeLast),
        2 => (1_i8..=31).prop_map(Item::Nearest),
        1 => Just(Item::LastWeekday),
    ]
}

fn of_week() -> impl Strategy<Value = Item> {
    prop_oneof![
        3 => (0_i8..=7).prop_map(Item::Week),
        1 => (0_i8..=7, 1_i8..=5).prop_map(|(day, number)| Item::Nth(day, number)),
        1 => (0_i8..=7).prop_map(Item::LastWeek),
    ]
}

fn field(items: &[Item]) -> String {
    match items {
        [] => "*".to_owned(),
        items => items.iter().map(|item| item.text()).collect::<Vec<_>>().join(","),
    }
}

fn midnight(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC).unwrap().timestamp()
}

proptest! {
    #[test]
    fn days_are_those_of_the_calendar(
        of_month in prop::collection::vec(of_month(), 0..4),
        of_week in prop::collection::vec(of_week(), 0..3),
        months in prop::collection::btree_set(1_i8..=12, 1..12),
        year in 1600_i16..2500,
    ) {
        let listed: Vec<String> = months.iter().map(i8::to_string).collect();
        let expression = format!("0 0 {} {} {}", field(&of_month), listed.join(","), field(&of_week));
        let matches = |day: &Date| {
            let any = |items: &[Item]| items.iter().any(|item| item.matches(*day));
            months.contains(&day.month())
                && match (of_month.is_empty(), of_week.is_empty()) {
                    (true, true) => true,
                    (false, true) => any(&of_month),
                    (true, false) => any(&of_week),
                    (false, false) => any(&of_month) || any(&of_week),
                }
        };
        let first = date(year, 1, 1);
        let last = date(year + 2, 12, 31);
        let days = first.series(Span::new().days(1)).take_while(|day| *day <= last);
        let expected: Vec<Timestamp> = days.filter(matches).map(midnight).collect();
        match Schedule::cron(&expression, TimeZone::UTC) {
            Ok(schedule) => {
                let from = midnight(first) - std::time::Duration::from_secs(1);
                let passed = schedule.passed(from, midnight(last), usize::MAX);
                let slots: Vec<Timestamp> = passed.latest.iter().map(|slot| slot.time()).collect();
                prop_assert_eq!(&slots, &expected, "{}", expression);
                prop_assert_eq!(passed.count, expected.len() as u64);
            }
            // "Never fires" is only said of what never does.
            Err(error) => prop_assert!(error.why().contains("no year") && expected.is_empty(), "{}: {}", expression, error),
        }
    }

    /// What both understand, both read in the same way.
    #[test]
    fn croner_reads_expressions_in_the_same_way(expression in super::texts::any_expression(), from in 0..4_000_000_000_i64) {
        let (Ok(schedule), Ok(croner)) = (Schedule::cron(&expression, TimeZone::UTC), Cron::from_str(&expression)) else {
            return Ok(());
        };
        let mut time = Timestamp::from_second(from).unwrap();
        for _ in 0..5 {
            let expected = croner.find_next_occurrence(&time.to_zoned(TimeZone::UTC), false).unwrap().timestamp();
            let slot = schedule.next_after(time).unwrap().time();
            prop_assert_eq!(slot, expected, "{} after {}", expression, time);
            time = slot;
        }
    }
}
