//! The table of `docs/semantics.md`: whatever may happen to a task's slots, by each misfire policy.

use jiff::SignedDuration;

use super::documented::rows;
use super::*;
use crate::ledger::Standing;
use crate::model::misfire::{Misfire, MisfirePolicy};

/// What happens for ten minutes and forty seconds to a task that is due every minute. Ten slots pass, the latest of
/// them 40 seconds before the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Situation {
    HostDown,
    Suspended,
    ClockForward,
    ClockBack,
    PausedAndResumed,
    PausedWhileDown,
    DisabledAndEnabled,
    EnabledAndDisabled,
    ScheduleChanged,
    PausedAndScheduleChanged,
    New,
}

const SPAN: i64 = 640;

fn minutely(policy: MisfirePolicy, window: u64) -> Task {
    Task {
        schedule: Schedule::every(Duration::from_secs(60)).unwrap(),
        misfire: Misfire { policy, window: Duration::from_secs(window) }.into(),
        overlap: Overlap::Allow,
        ..task("a")
    }
}

fn start() -> Timestamp {
    "2026-11-23T09:00:00Z".parse().unwrap()
}

/// A host that comes 640 seconds after the last one, and finds the task as that one knew it.
fn restart(task: Task, standing: Standing) -> World {
    let recovered = Recovered {
        cursors: [(task.name.clone(), Slot::at(start()))].into(),
        standings: [(task.name.clone(), standing)].into(),
        ..Recovered::default()
    };
    World::at(start() + SignedDuration::from_secs(SPAN), vec![task], recovered)
}

fn happen(situation: Situation, task: Task) -> World {
    let standing = Standing { schedule: Some(task.schedule.record()), ..Standing::default() };
    let pause = |after| Some(Pause { since: start() + SignedDuration::from_secs(after), by: "a test".to_owned() });
    let another = || Some("every 30s".to_owned());
    let mut world = match situation {
        Situation::Suspended | Situation::ClockForward | Situation::ClockBack | Situation::PausedAndResumed => {
            World::new(vec![task])
        }
        Situation::HostDown => restart(task, standing),
        Situation::New => World::at(start() + SignedDuration::from_secs(SPAN), vec![task], Recovered::default()),
        Situation::PausedWhileDown => restart(task, Standing { pause: pause(330), ..standing }),
        Situation::DisabledAndEnabled => restart(task, Standing { enabled: false, ..standing }),
        Situation::EnabledAndDisabled => restart(Task { enabled: false, ..task }, standing),
        Situation::ScheduleChanged => restart(task, Standing { schedule: another(), ..standing }),
        Situation::PausedAndScheduleChanged => {
            restart(task, Standing { schedule: another(), pause: pause(0), ..standing })
        }
    };
    world.plugin(PluginState::Ready);
    match situation {
        Situation::Suspended => world.pass_as(SPAN, Gap::Suspended),
        Situation::ClockForward => world.pass_as(SPAN, Gap::ClockStep),
        Situation::ClockBack => {
            world.pass(60);
            world.said.clear();
            world.pass_as(-SPAN, Gap::ClockStep);
            // The time that is lived through again has no slots of its own.
            (0..64).for_each(|_| world.pass(10));
        }
        Situation::PausedAndResumed => {
            world.pause("a");
            (0..64).for_each(|_| world.pass(10));
            world.resume("a");
        }
        _ => {
            world.pass(0);
            if matches!(situation, Situation::PausedWhileDown | Situation::PausedAndScheduleChanged) {
                world.resume("a");
            }
        }
    }
    world
}

/// How many slots had which fate: `missed 9 down`, `skipped 2 paused`, `catch-up 1`.
fn summary(world: &World) -> String {
    let mut fates: Vec<(String, u64)> = Vec::new();
    for words in &world.said {
        let (fate, count) = match words.split(' ').collect::<Vec<_>>()[..] {
            [_, "missed" | "skipped", count, why] => (
                format!("{} {why}", if words.contains(" missed ") { "missed" } else { "skipped" }),
                count.parse().unwrap(),
            ),
            [_, "admitted", _, cause] => (cause.to_owned(), 1),
            _ => continue,
        };
        match fates.iter_mut().find(|(known, _)| *known == fate) {
            Some((_, known)) => *known += count,
            None => fates.push((fate, count)),
        }
    }
    fates.iter().map(|(fate, count)| format!("{fate} {count}")).collect::<Vec<_>>().join(", ")
}

#[test]
fn what_becomes_of_slots_in_every_situation() {
    use Situation::*;
    #[rustfmt::skip]
    let table = [
        // the row of the document; the situation, and what `skip`, `once` and `all` (max = 2) make of it
        ("| the host was down | 10 missed (down) | 9 missed (down), the latest runs late | 8 missed (down), the latest 2 run late |",
            HostDown, ["missed down 10", "missed down 9, catch-up 1", "missed down 8, catch-up 2"]),
        ("| the machine slept, the host was stalled, or the ledger could not be written | 10 missed (suspended) | 9 missed (suspended), 1 runs late | 8 missed (suspended), 2 run late |",
            Suspended, ["missed suspended 10", "missed suspended 9, catch-up 1", "missed suspended 8, catch-up 2"]),
        ("| the clock was set forward | 10 missed (clock step) | 9 missed (clock step), 1 runs late | 8 missed (clock step), 2 run late |",
            ClockForward, ["missed clock-step 10", "missed clock-step 9, catch-up 1", "missed clock-step 8, catch-up 2"]),
        ("| the clock was set back | nothing: those slots are decided, none runs again, and none is due until the clock has come past them | the same | the same |",
            ClockBack, ["", "", ""]),
        ("| the task was paused and resumed | 10 skipped (paused) | 9 skipped (paused), 1 runs late | 8 skipped (paused), 2 run late |",
            PausedAndResumed, ["skipped paused 10", "skipped paused 9, catch-up 1", "skipped paused 8, catch-up 2"]),
        ("| the task was paused while the host was down | missed (down) up to the pause, skipped (paused) after it | the same, and the latest after the pause runs late when it is resumed | the same with 2 |",
            PausedWhileDown, ["missed down 5, skipped paused 5", "missed down 5, skipped paused 4, catch-up 1", "missed down 5, skipped paused 3, catch-up 2"]),
        ("| the task was disabled and enabled again | 10 skipped (disabled) | the same | the same |",
            DisabledAndEnabled, ["skipped disabled 10", "skipped disabled 10", "skipped disabled 10"]),
        ("| the host was down, and came back with the task disabled | 10 missed (down) | the same | the same |",
            EnabledAndDisabled, ["missed down 10", "missed down 10", "missed down 10"]),
        ("| the host was down, and came back with another schedule | missed (schedule changed): the slots of the old schedule | the same | the same |",
            ScheduleChanged, ["missed schedule-changed 21", "missed schedule-changed 21", "missed schedule-changed 21"]),
        ("| the task was paused, and then had another schedule | skipped (paused): the slots of the old schedule | the same | the same |",
            PausedAndScheduleChanged, ["skipped paused 21", "skipped paused 21", "skipped paused 21"]),
        ("| the task is new | nothing: its slots count from the moment at which a host first saw it | the same | the same |",
            New, ["", "", ""]),
    ];
    assert_eq!(table.map(|(row, ..)| row).as_slice(), rows("Slots that nobody could run in time"));
    for (row, situation, expected) in table {
        let policies = [MisfirePolicy::Skip, MisfirePolicy::Once, MisfirePolicy::All { max: 2 }];
        for (policy, expected) in policies.into_iter().zip(expected) {
            let world = happen(situation, minutely(policy, 86_400));
            assert_eq!(summary(&world), expected, "{row} {policy:?}");
        }
    }
}

#[test]
fn a_slot_beyond_the_window_says_so_wherever_it_was_lost() {
    for (situation, lost) in [
        (Situation::HostDown, "missed down"),
        (Situation::Suspended, "missed suspended"),
        (Situation::ClockForward, "missed clock-step"),
        (Situation::PausedAndResumed, "skipped paused"),
    ] {
        let check = |policy, window, expected: &str| {
            let world = happen(situation, minutely(policy, window));
            assert_eq!(summary(&world), expected.replace("lost", lost), "{situation:?} {policy:?}");
        };
        check(MisfirePolicy::Once, 39, "lost 9, missed outside-window 1");
        check(MisfirePolicy::Once, 40, "lost 9, catch-up 1");
        check(MisfirePolicy::All { max: 3 }, 100, "lost 7, missed outside-window 1, catch-up 2");
    }
}

#[test]
fn a_year_of_seconds_is_a_range_whatever_became_of_them() {
    let year = SignedDuration::from_hours(365 * 24);
    let every_second =
        Task { schedule: Schedule::every(Duration::from_secs(1)).unwrap(), ..minutely(MisfirePolicy::Skip, 60) };
    for (standing, expected) in [
        (Standing::default(), "missed down 31535969, schedule 31"),
        (Standing { enabled: false, ..Standing::default() }, "skipped disabled 31536000"),
        (Standing { schedule: Some("every 2s".to_owned()), ..Standing::default() }, "missed schedule-changed 15768000"),
    ] {
        let recovered = Recovered {
            cursors: [(every_second.name.clone(), Slot::at(start()))].into(),
            standings: [(every_second.name.clone(), standing)].into(),
            ..Recovered::default()
        };
        let mut world = World::at(start() + year, vec![every_second.clone()], recovered);
        world.plugin(PluginState::Ready);
        world.pass(0);
        let summary = summary(&world);
        assert!(world.said.len() < 200, "a year does not make many entries");
        assert!(summary.starts_with(expected.split(", ").next().unwrap()), "{summary}");
    }
}
