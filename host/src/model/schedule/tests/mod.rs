//! Schedules against named cases, and against oracles in every zone.

mod days;
mod named;
mod texts;
mod zones;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::Schedule;

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn cron(expression: &str, zone_name: &str) -> Schedule {
    Schedule::cron(expression, zone(zone_name)).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse::<Zoned>().map(|time| time.timestamp()).unwrap_or_else(|_| text.parse().unwrap())
}
