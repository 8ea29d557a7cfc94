//! A simulated year of a hundred mixed schedules, with the host late, down and asleep at times, against an oracle that
//! goes through the calendar day by day.

use std::collections::BTreeSet;

use jiff::civil::{Date, Weekday, date};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Span, ToSpan};

use super::*;

const ZONES: [&str; 8] = [
    "UTC",
    "America/New_York",
    "Europe/London",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Africa/Casablanca",
    "America/Santiago",
    "Asia/Kathmandu",
];

/// A schedule as a person thinks of it.
#[derive(Debug, Clone, Copy)]
enum Habit {
    Daily { hour: i8, minute: i8 },
    Weekly { weekday: Weekday, hour: i8 },
    WorkingDays { hour: i8 },
    Monthly { day: i8, hour: i8 },
    MonthEnd,
    EveryHour { minute: i8 },
    Once { day: Date },
}

impl Habit {
    /// A mixture: most are daily or rarer, a few come every hour.
    fn new(number: i64) -> Self {
        let below = |number: i64, limit: i64| (number % limit) as i8;
        let hour = below(number * 7, 24);
        match number {
            0..4 => Habit::EveryHour { minute: below(number * 15, 60) },
            _ => match number % 6 {
                // Many at the hours at which clocks are changed.
                0 => Habit::Daily { hour: below(number, 5), minute: below(number * 13, 60) },
                1 => Habit::Weekly { weekday: Weekday::from_monday_zero_offset(below(number, 7)).unwrap(), hour },
                2 => Habit::WorkingDays { hour },
                3 => Habit::Monthly { day: below(number, 31) + 1, hour },
                4 => Habit::MonthEnd,
                _ => Habit::Once { day: date(2026, 1, 1) + Span::new().days(number * 3) },
            },
        }
    }

    fn schedule(self, zone: &str) -> Schedule {
        let expression = match self {
            Habit::Daily { hour, minute } => format!("{minute} {hour} * * *"),
            Habit::Weekly { weekday, hour } => format!("0 {hour} * * {}", weekday.to_sunday_zero_offset()),
            Habit::WorkingDays { hour } => format!("0 {hour} * * MON-FRI"),
            Habit::Monthly { day, hour } => format!("0 {hour} {day} * *"),
            Habit::MonthEnd => "30 23 L * *".to_owned(),
            Habit::EveryHour { minute } => format!("{minute} * * * *"),
            Habit::Once { day } => {
                let time = day.at(12, 0, 0, 0).to_zoned(TimeZone::get(zone).unwrap()).unwrap();
                return Schedule::at(time);
            }
        };
        Schedule::cron(&expression, TimeZone::get(zone).unwrap()).unwrap()
    }

    /// The times of a day.
    fn on(self, day: Date) -> Vec<(i8, i8)> {
        let weekday = day.weekday();
        match self {
            Habit::Daily { hour, minute } => vec![(hour, minute)],
            Habit::Weekly { weekday: wanted, hour } if weekday == wanted => vec![(hour, 0)],
            Habit::WorkingDays { hour } if !matches!(weekday, Weekday::Saturday | Weekday::Sunday) => vec![(hour, 0)],
            Habit::Monthly { day: wanted, hour } if day.day() == wanted => vec![(hour, 0)],
            Habit::MonthEnd if day.tomorrow().unwrap().day() == 1 => vec![(23, 30)],
            Habit::EveryHour { minute } => (0..24).map(|hour| (hour, minute)).collect(),
            Habit::Once { day: wanted } if day == wanted => vec![(12, 0)],
            _ => vec![],
        }
    }

    /// All slots after `from` and up to `to`.
    fn slots(self, zone: &TimeZone, from: Timestamp, to: Timestamp) -> BTreeSet<Timestamp> {
        let days = (from.to_zoned(zone.clone()).date() - 1.day()).series(1.day());
        let last = to.to_zoned(zone.clone()).date() + 1.day();
        let times = days
            .take_while(|day| *day <= last)
            .flat_map(|day| self.on(day).into_iter().map(move |(hour, minute)| day.at(hour, minute, 0, 0)));
        let follows_clocks = matches!(self, Habit::EveryHour { .. });
        let instants = times.flat_map(|time| match zone.to_ambiguous_timestamp(time).offset() {
            AmbiguousOffset::Unambiguous { offset } => vec![offset.to_timestamp(time).unwrap()],
            AmbiguousOffset::Fold { before, after } if follows_clocks => {
                vec![before.to_timestamp(time).unwrap(), after.to_timestamp(time).unwrap()]
            }
            AmbiguousOffset::Fold { before, .. } => vec![before.to_timestamp(time).unwrap()],
            AmbiguousOffset::Gap { .. } if follows_clocks => vec![],
            // Minute by minute to the end of the gap.
            AmbiguousOffset::Gap { .. } => {
                let is_shown = |time: &jiff::civil::DateTime| {
                    !matches!(zone.to_ambiguous_timestamp(*time).offset(), AmbiguousOffset::Gap { .. })
                };
                let shown = time.series(1.minute()).find(is_shown).unwrap();
                vec![zone.to_timestamp(shown).unwrap()]
            }
        });
        instants.filter(|slot| from < *slot && *slot <= to).collect()
    }
}

#[test]
fn a_year_of_a_hundred_tasks() {
    let from: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let to: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
    let habits: Vec<(Habit, &str)> =
        (0..100).map(|number| (Habit::new(number), ZONES[number as usize / 6 % 8])).collect();
    let tasks: Vec<Arc<Task>> = habits
        .iter()
        .enumerate()
        .map(|(number, (habit, zone))| Arc::new(Task::example(&format!("task{number}"), habit.schedule(zone))))
        .collect();
    let mut left: HashMap<TaskName, BTreeSet<Timestamp>> = tasks
        .iter()
        .zip(&habits)
        .map(|(task, (habit, zone))| (task.name.clone(), habit.slots(&TimeZone::get(zone).unwrap(), from, to)))
        .collect();
    let total: usize = left.values().map(BTreeSet::len).sum();
    assert!(total > 40_000, "{total} slots are not a year of a hundred tasks");

    let mut cursors: HashMap<TaskName, Slot> = tasks.iter().map(|task| (task.name.clone(), Slot::at(from))).collect();
    let mut scheduler = Scheduler::new(tasks.iter().cloned(), &cursors, from);
    let (mut on_time, mut late, mut missed) = (0, 0, 0);
    let mut now = from;
    for turn in 0_i64.. {
        let Some(wake) = scheduler.next_wake().filter(|wake| *wake <= to) else { break };
        let (delay, gap) = match turn {
            // The host sleeps, is stopped, and is late.
            _ if turn % 5_000 == 1_000 => (SignedDuration::from_hours(9), Gap::Suspended),
            _ if turn % 5_000 == 3_000 => (SignedDuration::from_hours(50), Gap::None),
            _ => (SignedDuration::from_millis(turn * 7_919 % 20_000), Gap::None),
        };
        now = (now.max(wake) + delay).min(to);
        if turn % 5_000 == 3_000 {
            scheduler = Scheduler::new(tasks.iter().cloned(), &cursors, now);
        }
        for due in scheduler.take_due(now, gap) {
            let left = left.get_mut(&due.task.name).unwrap();
            for range in &due.missed {
                let taken: Vec<Timestamp> = left.range(range.first.time()..=range.last.time()).copied().collect();
                assert_eq!(taken.len() as u64, range.count, "{} {range:?}", due.task.schedule);
                assert!(taken.contains(&range.first.time()) && taken.contains(&range.last.time()));
                taken.iter().for_each(|slot| assert!(left.remove(slot)));
                missed += taken.len();
            }
            for (slot, cause) in &due.runs {
                assert!(left.remove(&slot.time()), "{} is not due at {slot}, or was already", due.task.schedule);
                assert!(left.first().is_none_or(|first| *first > slot.time()), "{} in order", due.task.schedule);
                match cause {
                    Cause::Schedule => on_time += 1,
                    _ => late += 1,
                }
            }
            cursors.insert(due.task.name.clone(), due.last().unwrap());
        }
    }
    let forgotten: Vec<_> = left.iter().filter(|(_, left)| !left.is_empty()).collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
    assert_eq!(on_time + late + missed, total);
    assert!(late > 0 && missed > 0 && on_time > total * 9 / 10, "{on_time} on time, {late} late, {missed} missed");
}
