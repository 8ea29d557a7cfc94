//! Slots that are to come, as a table for people.

use std::time::Duration;

use anstyle::{AnsiColor, Style};
use jiff::fmt::temporal::Pieces;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::cli::columns::aligned;
use crate::cli::shown::{ClockChange, Slot};
use crate::model::quantity;
use crate::model::task::Task;
use crate::model::text::inert;

const CHANGE: Style = AnsiColor::Yellow.on_default();

/// The slots as an aligned table.
pub(super) fn table(slots: &[Slot], now: Timestamp) -> String {
    if slots.is_empty() {
        return String::new();
    }
    let mut rows = vec![["DUE", "IN", "TASK", "ZONE", ""].map(str::to_owned)];
    rows.extend(slots.iter().map(|slot| cells(slot, now)));
    aligned(&rows)
}

fn cells(slot: &Slot, now: Timestamp) -> [String; 5] {
    [
        shown_there(slot),
        distance(slot.due.duration_since(now)),
        inert(&slot.task).to_string(),
        inert(&slot.timezone).to_string(),
        slot.clocks.as_ref().map(|change| format!("{CHANGE}{}{CHANGE:#}", said(change))).unwrap_or_default(),
    ]
}

/// When a slot is due, as clocks show it in its zone; what cannot be read is shown as it came.
fn shown_there(slot: &Slot) -> String {
    let Some(offset) = Pieces::parse(&slot.local).ok().and_then(|local| local.to_numeric_offset()) else {
        return inert(&slot.local).to_string();
    };
    let local = slot.due.to_zoned(TimeZone::fixed(offset));
    let format = if local.millisecond() == 0 { "%a %Y-%m-%d %H:%M:%S %:z" } else { "%a %Y-%m-%d %H:%M:%S%.3f %:z" };
    local.strftime(format).to_string()
}

/// Why there is no slot to show of these tasks.
pub(super) fn nothing(tasks: &[&Task]) -> String {
    match tasks {
        [] => "there are no tasks".to_owned(),
        [task] if task.schedule.zone().is_some() => format!("{} is never due again", task.name),
        [task] => format!("{} has no schedule: it runs when asked for, or after another task", task.name),
        _ => "no task is due again".to_owned(),
    }
}

/// How long it is until a time, or since.
fn distance(time: SignedDuration) -> String {
    let whole = Duration::from_secs(time.unsigned_abs().as_secs());
    let suffix = if time.is_negative() { " ago" } else { "" };
    format!("{}{suffix}", quantity::duration(whole))
}

fn said(ClockChange { change, from, to }: &ClockChange) -> String {
    // Samoa skipped a whole day, of which times alone say nothing.
    let format = if to.duration_since(*from).as_hours() < 24 { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    let word = inert(change);
    format!("the clocks {word} {} to {}", from.strftime(format), to.strftime(format))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Value, json};

    use super::*;
    use crate::api::view;
    use crate::cli::{adhoc, shown};
    use crate::model::schedule::Schedule;
    use crate::model::schedule::at;
    use crate::model::upcoming::upcoming;

    fn task(name: &str, schedule: Schedule) -> Task {
        Task { schedule, ..adhoc::task(Path::new(&format!("{name}.wasm"))).unwrap() }
    }

    fn cron(expression: &str, zone: &str) -> Schedule {
        Schedule::cron(expression, TimeZone::get(zone).unwrap()).unwrap()
    }

    fn shown(tasks: &[Task], from: &str, count: usize) -> (String, Value) {
        let from: Timestamp = from.parse().unwrap();
        let tasks: Vec<&Task> = tasks.iter().collect();
        let slots = upcoming(&tasks, from, count);
        let slots: Vec<view::Slot> = slots.iter().map(|next| view::Slot::new(next, &TimeZone::UTC)).collect();
        let table = table(&shown::of::<Vec<Slot>>(&slots).unwrap(), from);
        (anstream::adapter::strip_str(&table).to_string(), serde_json::to_value(slots).unwrap())
    }

    #[test]
    fn slots_line_up_in_the_time_of_their_zones() {
        let nightly = task("nightly", cron("30 2 * * *", "America/New_York"));
        let every = Schedule::every(Duration::from_secs(6 * 60 * 60)).unwrap();
        let name = "six-hourly".parse().unwrap();
        let every = task("six-hourly", every.with_splay(Duration::from_secs(60), &name));
        let once = task("once", Schedule::at(at::parse("2026-03-08T12:00:00+01:00").unwrap()));
        let (table, json) = shown(&[nightly, every, once], "2026-03-08T00:00:10Z", 6);
        insta::assert_snapshot!(table, @r"
        DUE                                 IN       TASK        ZONE
        Sun 2026-03-08 00:00:37.445 +00:00  27s      six-hourly  UTC
        Sun 2026-03-08 06:00:37.445 +00:00  6h       six-hourly  UTC
        Sun 2026-03-08 03:00:00 -04:00      6h 59m   nightly     America/New_York  the clocks skip 02:00 to 03:00
        Sun 2026-03-08 12:00:00 +01:00      10h 59m  once        +01:00
        Sun 2026-03-08 12:00:37.445 +00:00  12h      six-hourly  UTC
        Sun 2026-03-08 18:00:37.445 +00:00  18h      six-hourly  UTC
        ");
        let expected = json!([
            {
                "task": "six-hourly",
                "due": "2026-03-08T06:00:37.445Z",
                "local": "2026-03-08T06:00:37.445+00:00",
                "timezone": "UTC",
                "clocks": null,
            },
            {
                "task": "nightly",
                "due": "2026-03-08T07:00:00Z",
                "local": "2026-03-08T03:00:00-04:00",
                "timezone": "America/New_York",
                "clocks": { "change": "skip", "from": "2026-03-08T02:00:00", "to": "2026-03-08T03:00:00" },
            },
        ]);
        assert_eq!(json.as_array().unwrap()[1..3], *expected.as_array().unwrap());
    }

    #[test]
    fn what_has_no_slots_makes_no_table() {
        assert_eq!(shown(&[task("manual", Schedule::manual())], "2026-03-08T00:00:10Z", 5).0, "");
    }

    #[test]
    fn a_skipped_day_is_told_with_its_date() {
        let (table, _) = shown(&[task("morning", cron("0 9 * * *", "Pacific/Apia"))], "2011-12-29T20:00:00Z", 1);
        assert!(table.contains("the clocks skip 2011-12-30 00:00 to 2011-12-31 00:00"), "{table}");
    }

    #[test]
    fn distances_are_rounded() {
        let check = |seconds: i64, expected: &str| assert_eq!(distance(SignedDuration::from_secs(seconds)), expected);
        check(0, "0s");
        check(45, "45s");
        check(3 * 60 + 20, "3m 20s");
        check(14 * 3600 + 3 * 60, "14h 3m");
        check(-3600, "1h ago");
        check(12 * 86_400 + 4 * 3600, "12d 4h");
    }
}
