//! Where clocks are changed, in every zone: against an oracle that goes from civil minute to instants by jiff's own
//! rules for ambiguous times, and knows nothing of stretches.

use std::collections::BTreeSet;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::model::schedule::Schedule;

/// Hours and minutes of every day.
#[derive(Debug, Clone)]
struct Daily {
    /// None for `*`.
    minutes: Option<BTreeSet<i8>>,
    hours: Option<BTreeSet<i8>>,
}

impl Daily {
    fn new(minutes: &[i8], hours: &[i8]) -> Self {
        let set = |values: &[i8]| (!values.is_empty()).then(|| values.iter().copied().collect());
        Self { minutes: set(minutes), hours: set(hours) }
    }

    fn expression(&self) -> String {
        let field = |set: &Option<BTreeSet<i8>>| match set {
            Some(set) => set.iter().map(i8::to_string).collect::<Vec<_>>().join(","),
            None => "*".to_owned(),
        };
        format!("{} {} * * *", field(&self.minutes), field(&self.hours))
    }

    fn matches(&self, time: DateTime) -> bool {
        let contains = |set: &Option<BTreeSet<i8>>, value| set.as_ref().is_none_or(|set| set.contains(&value));
        contains(&self.minutes, time.minute()) && contains(&self.hours, time.hour())
    }

    fn is_fixed(&self) -> bool {
        self.minutes.is_some() && self.hours.is_some()
    }

    /// The slots within three hours of a change of the clocks.
    fn slots(&self, zone: &TimeZone, change: Timestamp) -> Vec<Timestamp> {
        let (from, to) = around(change);
        let civil = [
            zone.to_datetime(from),
            zone.to_datetime(change - second()),
            zone.to_datetime(change),
            zone.to_datetime(to),
        ];
        let first = civil.iter().min().unwrap();
        let first = first.date().at(first.hour(), first.minute(), 0, 0);
        let last = *civil.iter().max().unwrap();
        let minutes = first.series(jiff::Span::new().minutes(1)).take_while(|time| *time <= last);
        let slots = minutes.filter(|time| self.matches(*time)).flat_map(|time| {
            let instant = |offset: jiff::tz::Offset| offset.to_timestamp(time).unwrap();
            match zone.to_ambiguous_timestamp(time).offset() {
                AmbiguousOffset::Unambiguous { offset } => vec![instant(offset)],
                AmbiguousOffset::Gap { .. } if self.is_fixed() => vec![change],
                AmbiguousOffset::Gap { .. } => vec![],
                AmbiguousOffset::Fold { before, .. } if self.is_fixed() => vec![instant(before)],
                AmbiguousOffset::Fold { before, after } => vec![instant(before), instant(after)],
            }
        });
        let slots: BTreeSet<Timestamp> = slots.filter(|slot| from < *slot && *slot <= to).collect();
        slots.into_iter().collect()
    }

    fn check(&self, name: &str, zone: &TimeZone, change: Timestamp) {
        let expression = self.expression();
        let schedule = Schedule::cron(&expression, zone.clone()).unwrap();
        let (from, to) = around(change);
        let expected = self.slots(zone, change);
        let next = |time: &Timestamp| schedule.next_after(*time).map(|slot| slot.time());
        let slots: Vec<Timestamp> = std::iter::successors(next(&from), next).take_while(|slot| *slot <= to).collect();
        assert_eq!(slots, expected, "{expression} in {name} around {}", change.to_zoned(zone.clone()));
        // Counting says the same, from wherever.
        for (index, start) in std::iter::once(&from).chain(&expected).enumerate().step_by(expected.len() / 5 + 1) {
            let passed = schedule.passed(*start, to, 2);
            assert_eq!(passed.count, (expected.len() - index) as u64, "{expression} in {name} from {start} to {to}");
            let latest: Vec<Timestamp> = passed.latest.iter().map(|slot| slot.time()).collect();
            assert_eq!(latest, expected[index..][expected.len().saturating_sub(2).max(index) - index..]);
        }
    }
}

fn around(change: Timestamp) -> (Timestamp, Timestamp) {
    (change - SignedDuration::from_hours(3), change + SignedDuration::from_hours(3))
}

fn second() -> SignedDuration {
    SignedDuration::from_secs(1)
}

fn names() -> Vec<String> {
    jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect()
}

/// Changes of a zone's offset, the next after a time and the last before it. Those within a day of another are left
/// out: the oracle looks at one at a time.
fn changes(zone: &TimeZone, time: Timestamp, count: usize) -> Vec<Timestamp> {
    let is_lonely = |change: &Timestamp| {
        let day = SignedDuration::from_hours(24);
        let next = zone.following(*change).next();
        let last = zone.preceding(*change).next();
        zone.to_offset(*change) != zone.to_offset(*change - second())
            && next.is_none_or(|next| next.timestamp() - day > *change)
            && last.is_none_or(|last| last.timestamp() + day < *change)
    };
    let after = zone.following(time).map(|transition| transition.timestamp()).filter(is_lonely).take(count);
    let before = zone.preceding(time).map(|transition| transition.timestamp()).take(300).filter(is_lonely).take(count);
    after.chain(before).collect()
}

#[test]
fn every_zone_keeps_the_rule_when_its_clocks_change() {
    let schedules = [
        Daily::new(&[0], &[0, 1, 2, 3]),
        Daily::new(&[0, 20, 30, 45], &[23, 0, 1, 2, 3, 4]),
        Daily::new(&[], &[0, 1, 2]),
        Daily::new(&[0, 30], &[]),
    ];
    for name in names() {
        let zone = TimeZone::get(&name).unwrap();
        for change in changes(&zone, "2026-11-23T00:00:00Z".parse().unwrap(), 2) {
            for schedule in &schedules {
                schedule.check(&name, &zone, change);
            }
        }
    }
}

fn some(values: std::ops::Range<i8>) -> impl Strategy<Value = Option<BTreeSet<i8>>> {
    // Not all of them: that is the same as `*`.
    prop::option::weighted(0.7, prop::collection::btree_set(values, 1..12))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_zone_keeps_the_rule_at_any_time(
        name in prop::sample::select(names()),
        year in 1890_i16..2100,
        minutes in some(0..60),
        hours in some(0..24),
    ) {
        let zone = TimeZone::get(&name).unwrap();
        let time = jiff::civil::date(year, 7, 1).to_zoned(TimeZone::UTC).unwrap().timestamp();
        for change in changes(&zone, time, 1) {
            Daily { minutes: minutes.clone(), hours: hours.clone() }.check(&name, &zone, change);
        }
    }

    /// Whatever the expression: strictly later, never at a time that does not match, and counted as enumerated.
    #[test]
    fn slots_increase_and_are_counted(
        name in prop::sample::select(names()),
        expression in super::texts::any_expression(),
        from in -2_000_000_000_i64..6_000_000_000,
        nanos in 0..1_000_000_000_i32,
    ) {
        let zone = TimeZone::get(&name).unwrap();
        let Ok(schedule) = Schedule::cron(&expression, zone) else { return Ok(()) };
        let start = Timestamp::new(from, nanos).unwrap();
        let mut slots = Vec::new();
        let mut last = start;
        while let Some(slot) = schedule.next_after(last).filter(|_| slots.len() < 40) {
            prop_assert!(slot.time() > last, "{} after {}", slot, last);
            last = slot.time();
            slots.push(slot);
        }
        for end in 0..slots.len() {
            let passed = schedule.passed(start, slots[end].time(), 3);
            prop_assert_eq!(passed.count, end as u64 + 1);
            prop_assert_eq!(&passed.latest, &slots[(end + 1).saturating_sub(3)..=end]);
            let moment_before = slots[end].time() - SignedDuration::from_nanos(1);
            prop_assert_eq!(schedule.passed(start, moment_before, 0).count, end as u64);
        }
    }
}
