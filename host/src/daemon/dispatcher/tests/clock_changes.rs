//! The clock is set by an hour and by a year, forward and back, and the machine sleeps as long: what runs, what is
//! missed and why, under each misfire policy.

use super::memory::Memory;
use super::*;
use crate::model::misfire::{Misfire, MisfirePolicy};
use crate::model::outcome::Miss;
use crate::model::slot::Slot;

const HOUR: i64 = 3600;
const YEAR: i64 = 365 * 24 * HOUR;
/// The task is due every ten seconds.
const INTERVAL: i64 = 10;
/// Slots of the last 30 seconds are on time, the one of this instant among them.
const ON_TIME: i64 = 4;

/// What became of the slots that a change passed over.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    missed: u64,
    why: Option<PassedOver>,
    /// Runs with the cause `catch-up`.
    late: usize,
    /// Runs with the cause `schedule`.
    on_time: usize,
}

/// A host that has run for a minute sees such a change, and runs for another minute.
fn check(seconds: i64, gap: Gap, policy: MisfirePolicy, expected: &Seen) {
    let misfire = Misfire { policy, ..Misfire::default() };
    let task = Arc::new(Task { misfire: misfire.into(), overlap: Overlap::Allow, ..task("a") });
    let start: Timestamp = "2026-11-23T09:00:00Z".parse().unwrap();
    let mut memory = Memory::default();
    let (mut dispatcher, first) =
        Dispatcher::new(vec![task.clone()], Queue::new(64, 0), Recovered::default(), 0, start, &mut || 0.5);
    memory.append(&first.entries).unwrap();
    memory.append(&dispatcher.plugin_changed(&task.build(), PluginState::Ready, start).entries).unwrap();
    let mut turn = |now: Timestamp, gap: Gap, memory: &mut Memory| {
        let mut causes = Vec::new();
        for due in dispatcher.take_due(now, gap) {
            causes.extend(due.runs.iter().map(|(_, cause)| cause.clone()));
            let step = dispatcher.due(due, now);
            memory.append(&step.entries).unwrap();
            for effect in step.effects {
                let Effect::Start { run, .. } = effect else { continue };
                memory.append(&dispatcher.attempt_ended(ended(run.id, succeeded(), now), now, 0.5).entries).unwrap();
            }
        }
        causes
    };
    let later = |second: i64| start + jiff::SignedDuration::from_secs(second);
    for second in 1..=60 {
        turn(later(second), Gap::None, &mut memory);
    }
    let before = memory.cursors[&task.name];
    let mut causes = turn(later(60 + seconds), gap, &mut memory);
    let late = causes.iter().filter(|cause| **cause == Cause::CatchUp).count();
    let range = memory.slots[&task.name].values().find(|entered| entered.why.is_some()).copied();
    let seen = Seen {
        missed: range.map_or(0, |range| range.count),
        why: range.and_then(|range| range.why),
        late,
        on_time: causes.len() - late,
    };
    assert_eq!(seen, *expected, "{seconds} s, {gap:?}, {policy:?}");

    // Time goes on as usual: nothing comes twice, and after a step forward nothing is left out.
    causes.clear();
    for second in 61..=120 {
        causes.extend(turn(later(second + seconds), Gap::None, &mut memory));
    }
    assert_eq!(causes.len() as i64, if seconds > 0 { 60 / INTERVAL } else { 0 }, "{seconds} s, {policy:?}");
    // A clock that is set right again goes on where it was.
    if seconds < 0 {
        let causes = turn(before.time() + jiff::SignedDuration::from_secs(INTERVAL), Gap::ClockStep, &mut memory);
        assert_eq!(causes, [Cause::Schedule], "{seconds} s, {policy:?}");
    }
    let mut next = Slot::at(later(INTERVAL));
    for (first, entered) in &memory.slots[&task.name] {
        assert_eq!(*first, next, "{seconds} s, {gap:?}, {policy:?}");
        let steps = (entered.last.as_millis() - first.as_millis()) / 1000 / INTERVAL;
        assert_eq!(steps + 1, entered.count as i64);
        next = Slot::at(entered.last.time() + jiff::SignedDuration::from_secs(INTERVAL));
    }
}

#[test]
fn a_change_of_the_clock_leaves_every_slot_with_one_entry() {
    for (gap, why) in [(Gap::ClockStep, Miss::ClockStep), (Gap::Suspended, Miss::Suspended)] {
        for seconds in [HOUR, YEAR] {
            let passed = seconds / INTERVAL;
            for (policy, late) in [
                (MisfirePolicy::Skip, 0),
                // The latest of them is on time.
                (MisfirePolicy::Once, 0),
                (MisfirePolicy::All { max: 10 }, 10 - ON_TIME),
            ] {
                let missed = (passed - ON_TIME - late) as u64;
                let expected =
                    Seen { missed, why: Some(PassedOver::Missed(why)), late: late as usize, on_time: ON_TIME as usize };
                check(seconds, gap, policy, &expected);
            }
        }
    }
    for seconds in [-HOUR, -YEAR] {
        for policy in [MisfirePolicy::Skip, MisfirePolicy::Once, MisfirePolicy::All { max: 10 }] {
            check(seconds, Gap::ClockStep, policy, &Seen { missed: 0, why: None, late: 0, on_time: 0 });
        }
    }
}
