//! Cron expressions: what can be read is due again and again, always strictly later, and is counted as it is walked.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sandclock_host::model::schedule::Schedule;

/// Zones with little in common: no daylight saving, an hour of it, half an hour of it, a day that was left out.
const ZONES: [&str; 4] = ["UTC", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"];
/// As many slots are walked one by one.
const WALKED: usize = 50;

/// A byte chooses the zone, four the time, and the rest is the expression.
pub(crate) fn feed(bytes: &[u8]) {
    let Some((head, expression)) = bytes.split_first_chunk::<5>() else { return };
    let zone = TimeZone::get(ZONES[usize::from(head[0]) % ZONES.len()]).expect("a zone of the database");
    let seconds = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
    let start = Timestamp::from_second(seconds.into()).expect("within 136 years");
    let Ok(schedule) = Schedule::cron(crate::text(expression), zone) else { return };
    let mut last = start;
    let mut walked = 0;
    while walked < WALKED
        && let Some(slot) = schedule.next_after(last)
    {
        assert!(slot.time() > last, "after {last} comes {}", slot.time());
        last = slot.time();
        walked += 1;
    }
    let passed = schedule.passed(start, last, WALKED);
    assert_eq!((passed.count, passed.latest.len()), (walked as u64, walked), "between {start} and {last}");
    assert_eq!(schedule.passed(last, last + SignedDuration::ZERO, 1).count, 0);
}
