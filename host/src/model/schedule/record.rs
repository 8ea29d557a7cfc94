//! A schedule as a line of text that can be read back: what the ledger keeps beside a task's cursor, so that a changed
//! schedule is noticed and the slots of the one before it can still be counted.

use jiff::tz::TimeZone;

use super::{Kind, Schedule, at};
use crate::model::quantity::parse_duration;

/// What stands between a schedule and the milliseconds by which its slots are put off.
const PUT_OFF: &str = " +";

impl Schedule {
    /// The schedule as text: what `Display` shows, and by how many milliseconds each slot is put off.
    pub fn record(&self) -> String {
        match self.put_off {
            0 => self.to_string(),
            put_off => format!("{self}{PUT_OFF}{put_off}"),
        }
    }

    /// The schedule that was written down so; none if this version cannot read it.
    pub fn of_record(text: &str) -> Option<Self> {
        let (text, put_off) = match text.rsplit_once(PUT_OFF) {
            Some((text, put_off)) => (text, put_off.parse().ok()?),
            None => (text, 0),
        };
        let schedule = if text == Kind::Manual.to_string() {
            Self::manual()
        } else if let Some(interval) = text.strip_prefix("every ") {
            Self::every(parse_duration(interval).ok()?).ok()?
        } else if let Some(time) = text.strip_prefix("at ") {
            Self::at(at::parse(time).ok()?)
        } else {
            let (expression, zone) = text.strip_suffix(')')?.rsplit_once(" (")?;
            Self::cron(expression, TimeZone::get(zone).ok()?).ok()?
        };
        Some(Self { put_off, ..schedule })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_schedule_is_read_back_as_it_was_written() {
        let cron = |text: &str, zone| Schedule::cron(text, TimeZone::get(zone).unwrap()).unwrap();
        let name = "report".parse().unwrap();
        for (schedule, expected) in [
            (cron("0 9 * * MON-FRI", "America/New_York"), "0 9 * * MON-FRI (America/New_York)"),
            (cron("@daily", "UTC"), "@daily (UTC)"),
            (Schedule::every(Duration::from_millis(90_500)).unwrap(), "every 1m 30s 500ms"),
            (
                Schedule::at(at::parse("2026-12-24T18:00:00[Europe/Berlin]").unwrap()),
                "at 2026-12-24T18:00:00+01:00[Europe/Berlin]",
            ),
            (Schedule::manual(), "manual"),
            (cron("0 9 * * *", "UTC").with_splay(Duration::from_secs(120), &name), "0 9 * * * (UTC) +97564"),
        ] {
            assert_eq!(schedule.record(), expected);
            assert_eq!(Schedule::of_record(expected), Some(schedule));
        }
        for text in ["", "every", "every day", "0 9 * * *", "0 9 * * * (Nowhere)", "0 9 * * * (UTC) +x", "at noon"] {
            assert_eq!(Schedule::of_record(text), None, "{text}");
        }
    }
}
