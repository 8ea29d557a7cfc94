//! The misfire rule in a table, and whatever may happen to time against a model that lists every slot.

mod year;

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::model::misfire::MisfirePolicy;
use crate::model::schedule::Schedule;

fn at(text: &str) -> Timestamp {
    format!("2026-11-23T{text}Z").parse().unwrap()
}

/// Words for what is due: `missed 5 09:00:00-09:04:00 (down)`, then `catch-up 09:05:00` or `schedule 09:05:00`.
fn words(due: &Due) -> String {
    let time = |slot: Slot| slot.time().strftime("%H:%M:%S").to_string();
    let missed = due.missed.iter().map(|missed| {
        let (what, why) = match missed.why {
            PassedOver::Missed(why) => ("missed", why.name()),
            PassedOver::Skipped(why) => ("skipped", why.name()),
        };
        format!("{what} {} {}-{} ({why})", missed.count, time(missed.first), time(missed.last))
    });
    let runs = due.runs.iter().map(|(slot, cause)| format!("{} {}", cause.kind().name(), time(*slot)));
    missed.chain(runs).collect::<Vec<_>>().join(", ")
}

/// A task that is due every minute was last due at 09:00, and is now taken up at a time of day.
#[track_caller]
fn check(policy: MisfirePolicy, window: u64, now: &str, expected: &str) {
    let mut task = Task::example("task", Schedule::every(Duration::from_secs(60)).unwrap());
    task.misfire = Misfire { policy, window: Duration::from_secs(window) }.into();
    let cursors = HashMap::from([(task.name.clone(), Slot::at(at("09:00:00")))]);
    let mut scheduler = Scheduler::new([Arc::new(task)], &cursors, at(now));
    let due = scheduler.take_due(at(now), Gap::None);
    assert_eq!(due.iter().map(words).collect::<Vec<_>>().join("; "), expected, "{policy:?} at {now}");
    assert!(scheduler.next_wake().unwrap() > at(now));
    assert!(scheduler.take_due(at(now), Gap::None).is_empty(), "once only");
}

#[test]
fn the_misfire_rule() {
    use MisfirePolicy::{All, Once, Skip};
    let day = 86_400;
    // Not due, due, and late by no more than the grace: no misfire.
    check(Skip, day, "09:00:59", "");
    check(Skip, day, "09:01:00", "schedule 09:01:00");
    check(Skip, day, "09:01:30", "schedule 09:01:30".replace(":30", ":00").as_str());
    // One slot, later than the grace.
    check(Skip, day, "09:01:31", "missed 1 09:01:00-09:01:00 (down)");
    check(Once, day, "09:01:31", "catch-up 09:01:00");
    // Many.
    check(Skip, day, "09:05:40", "missed 5 09:01:00-09:05:00 (down)");
    check(Once, day, "09:05:40", "missed 4 09:01:00-09:04:00 (down), catch-up 09:05:00");
    check(All { max: 2 }, day, "09:05:40", "missed 3 09:01:00-09:03:00 (down), catch-up 09:04:00, catch-up 09:05:00");
    check(All { max: 9 }, day, "09:03:10", "catch-up 09:01:00, catch-up 09:02:00, schedule 09:03:00");
    check(All { max: 0 }, day, "09:05:40", "missed 5 09:01:00-09:05:00 (down)");
    // The newest is on time: it runs whatever the policy and the window.
    check(Skip, day, "09:05:10", "missed 4 09:01:00-09:04:00 (down), schedule 09:05:00");
    check(All { max: 9 }, 0, "09:05:10", "missed 4 09:01:00-09:04:00 (outside-window), schedule 09:05:00");
    check(
        All { max: 2 },
        0,
        "09:05:10",
        "missed 3 09:01:00-09:03:00 (down), missed 1 09:04:00-09:04:00 (outside-window), schedule 09:05:00",
    );
    // The window, its end included.
    check(Once, 30, "09:05:40", "missed 4 09:01:00-09:04:00 (down), missed 1 09:05:00-09:05:00 (outside-window)");
    check(
        All { max: 9 },
        100,
        "09:05:40",
        "missed 3 09:01:00-09:03:00 (outside-window), catch-up 09:04:00, catch-up 09:05:00",
    );
    check(All { max: 9 }, 99, "09:05:40", "missed 4 09:01:00-09:04:00 (outside-window), catch-up 09:05:00");
}

#[test]
fn a_stalled_host_misses_no_slot_that_is_on_time() {
    let mut task = Task::example("task", Schedule::every(Duration::from_secs(1)).unwrap());
    task.misfire.policy = MisfirePolicy::Skip;
    let mut scheduler = Scheduler::new([Arc::new(task)], &HashMap::new(), at("09:00:00"));
    let due = scheduler.take_due(at("09:00:40"), Gap::Suspended);
    assert_eq!(due[0].missed.iter().map(|missed| missed.count).collect::<Vec<_>>(), [9]);
    assert_eq!(due[0].runs.len(), 31);
    assert!(due[0].runs.iter().all(|(_, cause)| *cause == Cause::Schedule));
}

#[test]
fn a_new_task_has_no_past() {
    let task = Task::example("task", Schedule::every(Duration::from_secs(60)).unwrap());
    let mut scheduler = Scheduler::new([Arc::new(task)], &HashMap::new(), at("09:00:00"));
    assert_eq!(scheduler.next_wake(), Some(at("09:01:00")));
    assert!(scheduler.take_due(at("09:00:59"), Gap::None).is_empty());
    assert_eq!(words(&scheduler.take_due(at("09:01:00"), Gap::None)[0]), "schedule 09:01:00");
}

#[test]
fn a_task_without_a_schedule_never_wakes_anybody() {
    let tasks = [Arc::new(Task::example("task", Schedule::manual()))];
    assert_eq!(Scheduler::new(tasks, &HashMap::new(), at("09:00:00")).next_wake(), None);
}

/// What happens to the host and its clock.
#[derive(Debug, Clone, Copy)]
enum Happening {
    Passes(i64),
    Sleeps(i64),
    IsSet(i64),
    Restarts(i64),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => (1_i64..200).prop_map(Happening::Passes),
        1 => (100_i64..20_000).prop_map(Happening::Sleeps),
        2 => (-5_000_i64..5_000).prop_map(Happening::IsSet),
        2 => (0_i64..20_000).prop_map(Happening::Restarts),
    ]
}

fn misfire() -> impl Strategy<Value = Misfire> {
    let policy = prop_oneof![
        Just(MisfirePolicy::Skip),
        Just(MisfirePolicy::Once),
        (0_u32..6).prop_map(|max| MisfirePolicy::All { max }),
    ];
    let window = prop_oneof![Just(0), 1_u64..300, Just(86_400)].prop_map(Duration::from_secs);
    (policy, window).prop_map(|(policy, window)| Misfire { policy, window })
}

/// A schedule, as the model knows it: an interval in seconds and a task that puts off each slot.
fn tasks() -> impl Strategy<Value = Vec<(i64, Misfire)>> {
    prop::collection::vec((prop_oneof![1_i64..5, 5_i64..90, 90_i64..4_000], misfire()), 1..5)
}

/// What becomes of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Runs,
    IsTooOld,
    IsMissed,
}

/// What becomes of slots by the rule, told slowly.
fn by_rule(slots: &[i64], now: i64, misfire: &Misfire) -> Vec<Fate> {
    let late = |slot: i64| now - slot;
    let mut left = match misfire.policy {
        MisfirePolicy::Skip => 0,
        MisfirePolicy::Once => 1,
        MisfirePolicy::All { max } => max,
    };
    let mut fates = vec![Fate::IsMissed; slots.len()];
    for (index, slot) in slots.iter().enumerate().rev() {
        let in_window = late(*slot) <= misfire.window.as_secs().cast_signed();
        fates[index] = match left > 0 {
            _ if late(*slot) <= 30 => Fate::Runs,
            true if in_window => Fate::Runs,
            true => Fate::IsTooOld,
            false => Fate::IsMissed,
        };
        left = left.saturating_sub(1);
    }
    fates
}

proptest! {
    #[test]
    fn every_slot_is_decided_once_and_by_the_rule(
        tasks in tasks(),
        happenings in prop::collection::vec(happening(), 1..40),
    ) {
        let make = |(index, (interval, misfire)): (usize, &(i64, Misfire))| {
            let schedule = Schedule::every(Duration::from_secs(interval.unsigned_abs())).unwrap();
            Arc::new(Task { misfire: (*misfire).into(), ..Task::example(&format!("task{index}"), schedule) })
        };
        let made: Vec<Arc<Task>> = tasks.iter().enumerate().map(make).collect();
        let time = |second: i64| Timestamp::from_second(second).unwrap();
        let mut now = 1_800_000_000_i64;
        let mut started_at = now;
        let mut cursors: BTreeMap<TaskName, i64> = made.iter().map(|task| (task.name.clone(), now)).collect();
        let mut scheduler = Scheduler::new(made.iter().cloned(), &HashMap::new(), time(now));
        for happening in happenings {
            let gap = match happening {
                Happening::Passes(seconds) => { now += seconds; Gap::None }
                Happening::Sleeps(seconds) => { now += seconds; Gap::Suspended }
                Happening::IsSet(seconds) => { now += seconds; Gap::ClockStep }
                Happening::Restarts(seconds) => {
                    now += seconds;
                    started_at = now;
                    let cursors = cursors.iter().map(|(name, cursor)| (name.clone(), Slot::at(time(*cursor)))).collect();
                    scheduler = Scheduler::new(made.iter().cloned(), &cursors, time(now));
                    Gap::None
                }
            };
            let mut due: BTreeMap<TaskName, Due> = BTreeMap::new();
            for one in scheduler.take_due(time(now), gap) {
                prop_assert!(due.insert(one.task.name.clone(), one).is_none(), "a task is due once");
            }
            for (task, (interval, misfire)) in made.iter().zip(&tasks) {
                let cursor = cursors[&task.name];
                let slots: Vec<i64> = (cursor + 1..=now).filter(|second| second % interval == 0).collect();
                let Some(due) = due.remove(&task.name) else {
                    prop_assert!(slots.is_empty(), "{} slots of {} went by", slots.len(), task.name);
                    continue;
                };
                let runs = by_rule(&slots, now, misfire);
                let why = match gap {
                    _ if slots[0] <= started_at => Miss::Down,
                    Gap::ClockStep => Miss::ClockStep,
                    Gap::None | Gap::Suspended => Miss::Suspended,
                };
                let range = |fate, why| {
                    let missed: Vec<i64> =
                        slots.iter().zip(&runs).filter(|(_, found)| **found == fate).map(|(slot, _)| *slot).collect();
                    Some(Missed {
                        first: Slot::at(time(*missed.first()?)),
                        last: Slot::at(time(*missed.last()?)),
                        count: missed.len() as u64,
                        why: PassedOver::Missed(why),
                    })
                };
                let expected: Vec<Missed> =
                    [range(Fate::IsMissed, why), range(Fate::IsTooOld, Miss::OutsideWindow)].into_iter().flatten().collect();
                prop_assert_eq!(&due.missed, &expected);
                let expected: Vec<(Slot, bool)> = slots.iter().zip(&runs).filter(|(_, fate)| **fate == Fate::Runs)
                    .map(|(slot, _)| (Slot::at(time(*slot)), now - slot <= 30)).collect();
                let found: Vec<(Slot, bool)> =
                    due.runs.iter().map(|(slot, cause)| (*slot, matches!(cause, Cause::Schedule))).collect();
                prop_assert_eq!(found, expected);
                cursors.insert(task.name.clone(), slots[slots.len() - 1]);
            }
            prop_assert!(due.is_empty());
            let next = made.iter().zip(&tasks).map(|(task, (interval, _))| (cursors[&task.name] / interval + 1) * interval);
            prop_assert_eq!(scheduler.next_wake(), next.min().map(time));
        }
    }
}
