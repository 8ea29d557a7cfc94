//! Cases with a name.

use std::time::Duration;

use super::{at, cron, zone};
use crate::model::id::TaskName;
use crate::model::schedule::{Passed, Schedule};
use crate::model::slot::Slot;

/// The next slots of an expression are these, in the zone's own time.
#[track_caller]
fn check(expression: &str, zone_name: &str, from: &str, expected: &[&str]) {
    let schedule = cron(expression, zone_name);
    let from = from.parse::<jiff::civil::DateTime>().unwrap().to_zoned(zone(zone_name)).unwrap().timestamp();
    let slots = std::iter::successors(schedule.next_after(from), |slot| schedule.next_after(slot.time()));
    let shown: Vec<String> = slots
        .take(expected.len())
        .map(|slot| slot.time().to_zoned(zone(zone_name)).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
        .collect();
    assert_eq!(shown, expected, "{expression} in {zone_name}");
}

#[test]
fn a_fixed_time_in_a_gap_fires_once_at_its_end() {
    check(
        "30 2 * * *",
        "America/New_York",
        "2026-03-07T00:00",
        &["2026-03-07T02:30:00-05:00", "2026-03-08T03:00:00-04:00", "2026-03-09T02:30:00-04:00"],
    );
    // Both times are in the gap, and so is due what is due at its end anyway.
    check(
        "0,30 2,3 * * *",
        "Europe/Berlin",
        "2026-03-29T00:00",
        &["2026-03-29T03:00:00+02:00", "2026-03-29T03:30:00+02:00", "2026-03-30T02:00:00+02:00"],
    );
    check(
        "30 2 * * *",
        "Australia/Sydney",
        "2026-10-04T00:00",
        &["2026-10-04T03:00:00+11:00", "2026-10-05T02:30:00+11:00"],
    );
    // Lord Howe moves by half an hour: 02:00 to 02:30.
    check(
        "15 2 * * *",
        "Australia/Lord_Howe",
        "2026-10-04T00:00",
        &["2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00"],
    );
    // A gap at midnight.
    check("@daily", "Asia/Beirut", "2026-03-28T12:00", &["2026-03-29T01:00:00+03:00", "2026-03-30T00:00:00+03:00"]);
    // Samoa had no 30 December 2011.
    check(
        "0 12 * * *",
        "Pacific/Apia",
        "2011-12-29T00:00",
        &["2011-12-29T12:00:00-10:00", "2011-12-31T00:00:00+14:00", "2011-12-31T12:00:00+14:00"],
    );
}

#[test]
fn a_fixed_time_in_an_overlap_fires_the_first_time_only() {
    check(
        "30 1 * * *",
        "America/New_York",
        "2026-11-01T00:00",
        &["2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"],
    );
    check(
        "0 30 2 * * *",
        "Europe/Berlin",
        "2026-10-25T00:00",
        &["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"],
    );
    check(
        "45 1 * * *",
        "Australia/Lord_Howe",
        "2026-04-05T00:00",
        &["2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30"],
    );
    // The end of the overlap itself comes once.
    check("0 3 * * *", "Europe/Berlin", "2026-10-25T00:00", &["2026-10-25T03:00:00+01:00"]);
    // A repeated midnight.
    check(
        "30 23 * * *",
        "America/Sao_Paulo",
        "2018-02-17T12:00",
        &["2018-02-17T23:30:00-02:00", "2018-02-18T23:30:00-03:00"],
    );
}

#[test]
fn a_wildcard_follows_the_clocks() {
    check(
        "*/30 * * * *",
        "America/New_York",
        "2026-03-08T01:15",
        &["2026-03-08T01:30:00-05:00", "2026-03-08T03:00:00-04:00", "2026-03-08T03:30:00-04:00"],
    );
    check(
        "*/30 * * * *",
        "America/New_York",
        "2026-11-01T00:45",
        &[
            "2026-11-01T01:00:00-04:00",
            "2026-11-01T01:30:00-04:00",
            "2026-11-01T01:00:00-05:00",
            "2026-11-01T01:30:00-05:00",
            "2026-11-01T02:00:00-05:00",
        ],
    );
    check(
        "15 * * * *",
        "Australia/Lord_Howe",
        "2026-10-04T01:00",
        &["2026-10-04T01:15:00+10:30", "2026-10-04T03:15:00+11:00"],
    );
    check("*/20 2 * * *", "America/New_York", "2026-03-08T00:00", &["2026-03-09T02:00:00-04:00"]);
    // Every value is as good as a wildcard.
    check(
        "0 0-23 * * *",
        "Europe/Berlin",
        "2026-10-25T01:30",
        &["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T03:00:00+01:00"],
    );
}

#[test]
fn days_of_months_and_weeks() {
    let from = "2026-01-01T00:00";
    check("0 0 29 2 *", "UTC", from, &["2028-02-29T00:00:00+00:00", "2032-02-29T00:00:00+00:00"]);
    check("0 0 31 * *", "UTC", from, &["2026-01-31T00:00:00+00:00", "2026-03-31T00:00:00+00:00"]);
    check("0 0 L * *", "UTC", from, &["2026-01-31T00:00:00+00:00", "2026-02-28T00:00:00+00:00"]);
    check(
        "0 0 L-3 2 *",
        "UTC",
        from,
        &["2026-02-25T00:00:00+00:00", "2027-02-25T00:00:00+00:00", "2028-02-26T00:00:00+00:00"],
    );
    check("0 0 LW * *", "UTC", from, &["2026-01-30T00:00:00+00:00", "2026-02-27T00:00:00+00:00"]);
    check(
        "0 0 15W * *",
        "UTC",
        from,
        &[
            "2026-01-15T00:00:00+00:00",
            "2026-02-16T00:00:00+00:00",
            "2026-03-16T00:00:00+00:00",
            "2026-04-15T00:00:00+00:00",
            "2026-05-15T00:00:00+00:00",
            "2026-06-15T00:00:00+00:00",
            "2026-07-15T00:00:00+00:00",
            "2026-08-14T00:00:00+00:00",
        ],
    );
    // The first is a Sunday in February and March, a Saturday in August: within the month.
    check("0 0 1W 2,8 *", "UTC", from, &["2026-02-02T00:00:00+00:00", "2026-08-03T00:00:00+00:00"]);
    check("0 0 * * FRI#2", "UTC", from, &["2026-01-09T00:00:00+00:00", "2026-02-13T00:00:00+00:00"]);
    check("0 0 * * MON#5", "UTC", from, &["2026-03-30T00:00:00+00:00", "2026-06-29T00:00:00+00:00"]);
    check("0 0 * * friL", "UTC", from, &["2026-01-30T00:00:00+00:00", "2026-02-27T00:00:00+00:00"]);
    check(
        "0 0 13 * FRI",
        "UTC",
        from,
        &["2026-01-02T00:00:00+00:00", "2026-01-09T00:00:00+00:00", "2026-01-13T00:00:00+00:00"],
    );
    check("0 0 * * 0", "UTC", from, &["2026-01-04T00:00:00+00:00"]);
    check("0 0 * * 7", "UTC", from, &["2026-01-04T00:00:00+00:00"]);
    check(
        "0 0 * * FRI-SUN",
        "UTC",
        "2026-01-04T00:00",
        &[
            "2026-01-09T00:00:00+00:00",
            "2026-01-10T00:00:00+00:00",
            "2026-01-11T00:00:00+00:00",
            "2026-01-16T00:00:00+00:00",
        ],
    );
    check("0 0 1 JAN-MAR/2 *", "UTC", from, &["2026-03-01T00:00:00+00:00", "2027-01-01T00:00:00+00:00"]);
    check(
        "5/20 9 * * *",
        "UTC",
        from,
        &[
            "2026-01-01T09:05:00+00:00",
            "2026-01-01T09:25:00+00:00",
            "2026-01-01T09:45:00+00:00",
            "2026-01-02T09:05:00+00:00",
        ],
    );
}

#[test]
fn time_does_not_end_in_2038() {
    check("14 3 19 1 *", "UTC", "2038-01-01T00:00", &["2038-01-19T03:14:00+00:00", "2039-01-19T03:14:00+00:00"]);
    check("30 2 * 3 SUN#2", "America/New_York", "2060-01-01T00:00", &["2060-03-14T03:00:00-04:00"]);
    assert_eq!(cron("@yearly", "UTC").next_after(at("9999-06-01T00:00:00Z")), None);
}

#[test]
fn macros_are_what_they_are_elsewhere() {
    for (macro_, spelled_out) in [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@weekly", "0 0 * * SUN"),
        ("@Monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
    ] {
        let from = at("2026-05-05T05:05:05Z");
        let next = cron(macro_, "Asia/Kolkata").next_after(from);
        assert_eq!(next, cron(spelled_out, "Asia/Kolkata").next_after(from), "{macro_}");
    }
}

#[test]
fn intervals_count_from_the_epoch() {
    let every = Schedule::every(Duration::from_secs(90)).unwrap();
    let slot = every.next_after(at("1970-01-01T00:01:30Z")).unwrap();
    assert_eq!(slot.time(), at("1970-01-01T00:03:00Z"));
    assert_eq!(every.next_after(at("1969-12-31T23:59:59.9999Z")).unwrap().time(), at("1970-01-01T00:00:00Z"));
    for wrong in [Duration::ZERO, Duration::from_millis(999), Duration::from_micros(1_000_500), Duration::MAX] {
        assert!(Schedule::every(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn one_shots_fire_once() {
    let check = |text: &str, expected: &str| {
        let time = crate::model::schedule::at::parse(text).unwrap();
        let schedule = Schedule::at(time);
        let slot = schedule.next_after(at("2020-01-01T00:00:00Z")).unwrap();
        assert_eq!(slot.time(), at(expected), "{text}");
        assert_eq!(schedule.next_after(slot.time()), None);
        assert_eq!(schedule.passed(at("2020-01-01T00:00:00Z"), slot.time(), 5).latest, [slot]);
    };
    check("2026-12-24T18:00:00[Europe/Berlin]", "2026-12-24T17:00:00Z");
    check("2026-12-24T18:00:00+01:00[Europe/Berlin]", "2026-12-24T17:00:00Z");
    check("2026-12-24 18:00[America/New_York]", "2026-12-24T23:00:00Z");
    check("2026-12-24T18:00:00Z", "2026-12-24T18:00:00Z");
    check("2026-12-24T18:00:00.5-05:00", "2026-12-24T23:00:00.5Z");
    // In a gap, and in an overlap.
    check("2026-03-29T02:30[Europe/Berlin]", "2026-03-29T01:00:00Z");
    check("2026-10-25T02:30[Europe/Berlin]", "2026-10-25T00:30:00Z");
    check("2026-10-25T02:30+01:00[Europe/Berlin]", "2026-10-25T01:30:00Z");
    for wrong in [
        "",
        "soon",
        "2026-12-24",
        "2026-12-24T18:00",
        "2026-12-24T18:00[Mars/Olympus]",
        "2026-12-24T18:00+05:00[Europe/Berlin]",
        "2026-02-30T00:00Z",
    ] {
        assert!(crate::model::schedule::at::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn splay_puts_off_and_stays() {
    let name: TaskName = "report".parse().unwrap();
    let plain = cron("0 9 * * *", "UTC");
    let splayed = plain.clone().with_splay(Duration::from_secs(120), &name);
    // SHA-256 of "report" begins with these bytes; they must be the same in every version.
    let part = 0x845e_9183_1319_e89c_u64 % 120_000;
    let from = at("2026-01-01T00:00:00Z");
    let put_off = splayed.next_after(from).unwrap().as_millis() - plain.next_after(from).unwrap().as_millis();
    assert_eq!(put_off.unsigned_abs(), part);
    let slot = splayed.next_after(from).unwrap();
    assert_eq!(splayed.passed(from, slot.time(), 9), Passed { count: 1, latest: vec![slot] });
    assert_eq!(plain.clone().with_splay(Duration::ZERO, &name), plain);
}

#[test]
fn a_year_of_seconds_is_counted_and_not_gone_through() {
    let from = at("2026-01-01T00:00:00-05:00[America/New_York]");
    let to = at("2027-01-01T00:00:00-05:00[America/New_York]");
    let passed = cron("* * * * * *", "America/New_York").passed(from, to, 3);
    assert_eq!(passed.count, 365 * 24 * 60 * 60);
    assert_eq!(passed.latest.last(), Some(&Slot::at(to)));
    assert_eq!(passed.latest.len(), 3);
    // Fixed times: the skipped hour and the repeated one are not twice what they are.
    let fixed = cron("0 0 0-22,23 * * *", "America/New_York");
    assert_eq!(fixed.passed(from, to, 0).count, 365 * 24);
}
