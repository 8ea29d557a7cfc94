//! The slots that are to come, and the changes of the clocks among them. Pure: nothing here knows what time it is.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::model::slot::Slot;
use crate::model::task::Task;

/// A slot that is to come.
#[derive(Debug, Clone, Copy)]
pub struct Upcoming<'t> {
    /// The task.
    pub task: &'t Task,
    /// The slot.
    pub slot: Slot,
    /// How the clocks of the task's zone were changed shortly before.
    pub change: Option<ClockChange>,
}

/// A change of a zone's clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockChange {
    /// The clocks do not show these times.
    Skip {
        /// The first of them.
        from: DateTime,
        /// The first one after them.
        to: DateTime,
    },
    /// The clocks show these times twice.
    Repeat {
        /// The first of them.
        from: DateTime,
        /// The first one after them.
        to: DateTime,
    },
}

impl ClockChange {
    /// The word for it, the first of the times, and the first one after them.
    pub fn parts(self) -> (&'static str, DateTime, DateTime) {
        match self {
            ClockChange::Skip { from, to } => ("skip", from, to),
            ClockChange::Repeat { from, to } => ("repeat", from, to),
        }
    }
}

/// How long after a change of the clocks a slot still mentions it: every slot of a daily schedule is near enough.
const SHORTLY: SignedDuration = SignedDuration::from_hours(25);

/// The first `count` slots of some tasks after `from`, in order.
pub fn upcoming<'t>(tasks: &[&'t Task], from: Timestamp, count: usize) -> Vec<Upcoming<'t>> {
    let next = |index: usize, after: Timestamp| {
        let slot = tasks[index].schedule.next_after(after)?;
        Some(Reverse((slot, index, after)))
    };
    let mut heap: BinaryHeap<_> = (0..tasks.len()).filter_map(|index| next(index, from)).collect();
    let mut slots = Vec::new();
    while slots.len() < count
        && let Some(Reverse((slot, index, after))) = heap.pop()
    {
        let task = tasks[index];
        let zone = task.schedule.zone();
        slots.push(Upcoming { task, slot, change: zone.and_then(|zone| last_change(zone, after, slot.time())) });
        heap.extend(next(index, slot.time()));
    }
    slots
}

/// The last change of a zone's clocks after `after` and up to `slot`, if it is not long before `slot`.
fn last_change(zone: &TimeZone, after: Timestamp, slot: Timestamp) -> Option<ClockChange> {
    let earliest = slot.checked_sub(SHORTLY).unwrap_or(Timestamp::MIN).max(after);
    let transitions = zone.following(earliest).take_while(|transition| transition.timestamp() <= slot);
    let changes = transitions.filter_map(|transition| {
        let just_before = transition.timestamp().checked_sub(SignedDuration::from_secs(1)).ok()?;
        let from = zone.to_offset(just_before).to_datetime(transition.timestamp());
        let to = transition.offset().to_datetime(transition.timestamp());
        match from.cmp(&to) {
            std::cmp::Ordering::Less => Some(ClockChange::Skip { from, to }),
            std::cmp::Ordering::Greater => Some(ClockChange::Repeat { from: to, to: from }),
            // Only the name of the time or the rule for it changed.
            std::cmp::Ordering::Equal => None,
        }
    });
    changes.last()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::schedule::Schedule;

    fn cron(expression: &str, zone: &str) -> Schedule {
        Schedule::cron(expression, TimeZone::get(zone).unwrap()).unwrap()
    }

    fn task(name: &str, schedule: Schedule) -> Task {
        Task::example(name, schedule)
    }

    /// The slots as local times with offsets, and `!` with the change where there is one.
    fn check(schedule: Schedule, from: &str, expected: &[&str]) {
        let task = task("task", schedule);
        let zone = task.schedule.zone().unwrap().clone();
        let shown: Vec<String> = upcoming(&[&task], from.parse().unwrap(), expected.len())
            .iter()
            .map(|upcoming| {
                let time = upcoming.slot.time().to_zoned(zone.clone()).strftime("%d %H:%M %:z").to_string();
                match upcoming.change {
                    None => time,
                    Some(ClockChange::Skip { from, to }) => format!("{time} skips {} to {}", from.time(), to.time()),
                    Some(ClockChange::Repeat { from, to }) => {
                        format!("{time} repeats {} to {}", from.time(), to.time())
                    }
                }
            })
            .collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_slot_mentions_the_change_of_clocks_before_it_once() {
        check(
            cron("30 2 * * *", "America/New_York"),
            "2026-03-07T12:00:00Z",
            &["08 03:00 -04:00 skips 02:00:00 to 03:00:00", "09 02:30 -04:00", "10 02:30 -04:00"],
        );
        check(
            cron("*/30 1 * * *", "America/New_York"),
            "2026-11-01T04:00:00Z",
            &[
                "01 01:00 -04:00",
                "01 01:30 -04:00",
                "01 01:00 -05:00 repeats 01:00:00 to 02:00:00",
                "01 01:30 -05:00",
                "02 01:00 -05:00",
            ],
        );
        // Nothing was due on the day of the change itself.
        check(
            cron("*/30 2 * * *", "America/New_York"),
            "2026-03-07T12:00:00Z",
            &["09 02:00 -04:00 skips 02:00:00 to 03:00:00", "09 02:30 -04:00"],
        );
        check(
            cron("0 9 * * *", "Europe/Berlin"),
            "2026-03-28T12:00:00Z",
            &["29 09:00 +02:00 skips 02:00:00 to 03:00:00"],
        );
    }

    #[test]
    fn a_change_long_before_a_slot_is_not_mentioned() {
        check(cron("0 0 1 * *", "Europe/Berlin"), "2026-03-02T00:00:00Z", &["01 00:00 +02:00", "01 00:00 +02:00"]);
        check(cron("0 9 * * *", "UTC"), "2026-03-28T12:00:00Z", &["29 09:00 +00:00"]);
    }

    #[test]
    fn the_slots_of_several_tasks_come_in_order() {
        let every = |name, seconds| task(name, Schedule::every(std::time::Duration::from_secs(seconds)).unwrap());
        let tasks = [every("a", 20), every("b", 30), task("c", Schedule::manual())];
        let tasks: Vec<&Task> = tasks.iter().collect();
        let slots = upcoming(&tasks, Timestamp::UNIX_EPOCH, 5);
        let slots: Vec<_> = slots.iter().map(|next| (next.task.name.as_str(), next.slot.as_millis() / 1000)).collect();
        assert_eq!(slots, [("a", 20), ("b", 30), ("a", 40), ("a", 60), ("b", 60)]);
    }
}
