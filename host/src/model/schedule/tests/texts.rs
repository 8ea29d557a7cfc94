//! What is said about an expression that cannot be used.

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::cron;
use crate::model::schedule::Schedule;

/// The error is about this part of the expression, in this field, and says this.
#[track_caller]
fn check(expression: &str, part: &str, field: &str, why: &str, allowed: &str) {
    let error = Schedule::cron(expression, TimeZone::UTC).expect_err(expression);
    assert_eq!(&expression[error.range()], part, "{expression}");
    assert_eq!(error.field().unwrap_or_default(), field, "{expression}");
    assert!(error.why().contains(why), "{expression}: {error}");
    assert!(error.allowed().contains(allowed), "{expression}: {error}");
}

#[test]
fn errors_point_at_the_part_and_say_what_is_allowed() {
    check("61 * * * *", "61", "minute", "`61` is above 59", "0 to 59");
    check("0 24 * * *", "24", "hour", "above 23", "0 to 23");
    check("0 0 0 * *", "0", "day of month", "below 1", "1 to 31");
    check("0 0 * 13 *", "13", "month", "above 12", "JAN to DEC");
    check("0 0 * * 8", "8", "day of week", "above 7", "SUN to SAT");
    check("0 0 1 1 1 999", "999", "day of week", "above 7", "SUN");
    check("  0  0 * *   MON-XXX ", "XXX", "day of week", "`XXX` is not a value", "SUN to SAT");
    check("0 17-9 * * *", "17-9", "hour", "runs backwards", "`17-23,0-9`");
    check("0 0 * * FRI-MON", "FRI-MON", "day of week", "runs backwards", "`FRI-SAT,SUN-MON`");
    check("*/0 * * * *", "0", "minute", "a step of 0", "1 to 60");
    check("*/90 * * * *", "90", "minute", "too long", "`every`");
    check("*/x * * * *", "x", "minute", "`x` is not a step", "1 to 60");
    check("*/+5 * * * *", "+5", "minute", "`+5` is not a step", "1 to 60");
    check("99999999999 * * * *", "99999999999", "minute", "above 59", "0 to 59");
    check("1,,2 * * * *", "", "minute", "missing", "0 to 59");
    check("1- * * * *", "", "minute", "missing", "0 to 59");
    check("-5 * * * *", "", "minute", "missing", "0 to 59");
    check("+5 * * * *", "+5", "minute", "not a value", "0 to 59");
    check("0 0 ? * MON", "?", "day of month", "Quartz", "`*`");
    check("0 0 * * L", "L", "day of week", "alone", "`FRIL`");
    check("0 0 * * FRI#6", "6", "day of week", "not a week", "1 to 5");
    check("0 0 L-31 * *", "31", "day of month", "not a number of days", "1 to 30");
    check("0 0 32W * *", "32", "day of month", "above 31", "15W");
    check("0 0 30 2 *", "30 2", "day of month", "no year", "that the month has");
    check("0 0 31 4,6,9,11 *", "31 4,6,9,11", "day of month", "no year", "that the month has");
    check("0 0 0 * * * 2026", "2026", "", "year of Quartz", "leave it out");
    check("* * * *", "* * * *", "", "there are 4 fields", "five");
    check("soon", "soon", "", "only one field", "five");
    check("  ", "", "", "empty", "five");
    check("@every 5m", "@every 5m", "", "not a cron", "every = ");
    check("@reboot", "@reboot", "", "not a time", "`schedule`");
    check("@often", "@often", "", "not a macro", "@hourly");
    check("@daily 5", "@daily 5", "", "stands alone", "leave");
    check("CRON_TZ=UTC 0 0 * * *", "CRON_TZ=UTC", "", "time zone", "timezone");
    check("0 0 * * ÄÖÜ", "ÄÖÜ", "day of week", "not a value", "SUN");
    check("0 0 ÄW * *", "Ä", "day of month", "not a value", "1 to 31");
}

#[test]
fn schedules_show_what_they_are() {
    let display = |schedule: Schedule, expected: &str| assert_eq!(schedule.to_string(), expected);
    display(cron(" 0 9 * * MON-FRI ", "America/New_York"), "0 9 * * MON-FRI (America/New_York)");
    display(cron("@daily", "UTC"), "@daily (UTC)");
    display(Schedule::every(std::time::Duration::from_secs(90)).unwrap(), "every 1m 30s");
    display(Schedule::manual(), "manual");
    let at = super::super::at::parse("2026-12-24T18:00[Europe/Berlin]").unwrap();
    display(Schedule::at(at), "at 2026-12-24T18:00:00+01:00[Europe/Berlin]");
}

/// Expressions with everything that the grammar has.
pub(super) fn any_expression() -> impl Strategy<Value = String> {
    fn field(low: u8, high: u8, special: &'static str) -> impl Strategy<Value = String> {
        let item = prop_oneof![
            4 => (low..=high).prop_map(|value| value.to_string()),
            2 => (low..=high, low..=high).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
            1 => (low..=high, low..=high, 1..=7_u8).prop_map(|(a, b, step)| format!("{}-{}/{step}", a.min(b), a.max(b))),
            1 => (1..=high / 2 + 1).prop_map(|step| format!("*/{step}")),
            1 => proptest::string::string_regex(special).unwrap(),
        ];
        let list = prop::collection::vec(item, 1..4).prop_map(|items| items.join(","));
        prop_oneof![Just("*".to_owned()), list]
    }
    let days = (
        field(1, 31, "L|LW|[1-9]W|L-[1-9]"),
        field(1, 12, "JAN|feb|MAR|DEC"),
        field(0, 7, "SUN|mon|Fri|SATL|[0-6]L|[0-7]#[1-5]|TUE#2"),
    );
    let times = (prop::option::of(field(0, 59, "0")), field(0, 59, "59"), field(0, 23, "0"));
    (times, days).prop_map(|((second, minute, hour), (day, month, weekday))| {
        let second = second.map_or(String::new(), |second| format!("{second} "));
        format!("{second}{minute} {hour} {day} {month} {weekday}")
    })
}

proptest! {
    #[test]
    fn any_text_is_answered_and_the_place_is_within_it(text in "[-*,/#?@A-Z0-9L Wé]{0,24}") {
        if let Err(error) = Schedule::cron(&text, TimeZone::UTC) {
            prop_assert!(text.get(error.range()).is_some(), "{:?}", error);
        }
    }

    #[test]
    fn expressions_of_the_grammar_are_read(expression in any_expression()) {
        if let Err(error) = Schedule::cron(&expression, TimeZone::UTC) {
            prop_assert!(error.why().contains("no year"), "{}: {}", expression, error);
        }
    }
}
