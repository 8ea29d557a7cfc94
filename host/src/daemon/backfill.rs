//! Which slots of the past a backfill runs, and what has to change in the ledger for it.
//!
//! Pure. A slot is run if it has no entry, if it is in a range that was not run, or if its run is over without success.
//! Ranges of an earlier schedule are left alone: nobody can say which of their slots is which.

use std::collections::BTreeMap;

use crate::ledger::PastSlot;
use crate::model::id::RunId;
use crate::model::schedule::Schedule;
use crate::model::slot::Slot;

/// How many slots one request may ask for.
pub const MOST_SLOTS: u64 = 10_000;

/// What a backfill came to: how many slots of each kind there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Slots that are run now: they had no entry, or were not run.
    pub new: u64,
    /// Slots whose run is opened again.
    pub reopened: u64,
    /// Slots that succeeded already.
    pub succeeded: u64,
    /// Slots whose run is not over.
    pub unfinished: u64,
    /// Slots that are not decided yet: the schedule will come to them.
    pub undecided: u64,
    /// Slots whose entry may have been removed since: nobody can say whether they succeeded.
    pub removed: u64,
    /// Slots that passed under another schedule.
    pub foreign: u64,
}

impl Tally {
    /// Both together.
    pub fn and(self, other: Tally) -> Tally {
        Tally {
            new: self.new + other.new,
            reopened: self.reopened + other.reopened,
            succeeded: self.succeeded + other.succeeded,
            unfinished: self.unfinished + other.unfinished,
            undecided: self.undecided + other.undecided,
            removed: self.removed + other.removed,
            foreign: self.foreign + other.foreign,
        }
    }
}

/// What to do about some slots.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Plan {
    /// Ranges to cut, and what is left of each.
    pub(super) cuts: Vec<Cut>,
    /// Slots to run, in order; with the run to open again and the attempts it had, if there is one.
    pub(super) runs: Vec<(Slot, Option<(RunId, u32)>)>,
    pub(super) tally: Tally,
}

/// A range to cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) range: (RunId, Slot, Slot),
    /// What is left, each as its first and its last slot and their count.
    pub(super) rest: Vec<(Slot, Slot, u64)>,
}

/// Decides over slots of a schedule, in order, each with what the ledger has of it.
pub(super) fn plan(schedule: &Schedule, slots: &[(Slot, PastSlot)]) -> Plan {
    let mut plan = Plan::default();
    let mut ranges: BTreeMap<(Slot, Slot, RunId, u64), Vec<Slot>> = BTreeMap::new();
    for (slot, past) in slots.iter().copied() {
        let tally = &mut plan.tally;
        match past {
            PastSlot::Undecided => tally.undecided += 1,
            PastSlot::Unfinished => tally.unfinished += 1,
            PastSlot::Succeeded => tally.succeeded += 1,
            PastSlot::Removed => tally.removed += 1,
            PastSlot::InRange { first, last, count, .. } if !is_of(schedule, first, last, count) => tally.foreign += 1,
            PastSlot::InRange { id, first, last, count } => {
                ranges.entry((first, last, id, count)).or_default().push(slot);
                tally.new += 1;
                plan.runs.push((slot, None));
            }
            PastSlot::Unknown => {
                tally.new += 1;
                plan.runs.push((slot, None));
            }
            PastSlot::Over { run, attempts } => {
                tally.reopened += 1;
                plan.runs.push((slot, Some((run, attempts))));
            }
        }
    }
    plan.cuts = ranges
        .into_iter()
        .map(|((first, last, id, _), taken)| Cut {
            range: (id, first, last),
            rest: rest(schedule, first, last, &taken.iter().map(|slot| (*slot, *slot)).collect::<Vec<_>>()),
        })
        .collect();
    plan
}

/// Whether a range is one of this schedule's: it has as many slots there, the first and the last among them.
pub(super) fn is_of(schedule: &Schedule, first: Slot, last: Slot, count: u64) -> bool {
    let passed = schedule.passed(before(first), last.time(), 1);
    passed.count == count && passed.latest.last() == Some(&last) && schedule.next_after(before(first)) == Some(first)
}

/// What is left of a range when some spans of it, in order, are taken out.
pub(super) fn rest(schedule: &Schedule, first: Slot, last: Slot, taken: &[(Slot, Slot)]) -> Vec<(Slot, Slot, u64)> {
    let mut rest = Vec::new();
    let mut from = Some(first);
    let ends = taken.iter().map(|(from, _)| before(*from)).chain([last.time()]);
    for (index, end) in ends.enumerate() {
        if let Some(first) = from {
            let passed = schedule.passed(before(first), end, 1);
            rest.extend(passed.latest.last().map(|last| (first, *last, passed.count)));
        }
        from = taken.get(index).and_then(|(_, to)| schedule.next_after(to.time()));
    }
    rest
}

/// The last moment before a slot.
pub(super) fn before(slot: Slot) -> jiff::Timestamp {
    slot.time().saturating_sub(std::time::Duration::from_millis(1)).unwrap_or(jiff::Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn slot(second: i64) -> Slot {
        Slot::from_millis(second * 1000).unwrap()
    }

    fn id(number: i64) -> RunId {
        RunId::from_i64(number).unwrap()
    }

    /// Every ten seconds from 10 to 100 is a range; these are taken out of it.
    #[track_caller]
    fn check(taken: &[i64], expected: &[(i64, i64, u64)]) {
        let schedule = Schedule::every(Duration::from_secs(10)).unwrap();
        let range = PastSlot::InRange { id: id(7), first: slot(10), last: slot(100), count: 10 };
        let slots: Vec<(Slot, PastSlot)> = taken.iter().map(|second| (slot(*second), range)).collect();
        let plan = plan(&schedule, &slots);
        let [cut] = &plan.cuts[..] else { panic!("{plan:?}") };
        assert_eq!(cut.range, (id(7), slot(10), slot(100)));
        let expected: Vec<_> =
            expected.iter().map(|(first, last, count)| (slot(*first), slot(*last), *count)).collect();
        assert_eq!(cut.rest, expected, "{taken:?}");
        let left: u64 = cut.rest.iter().map(|(_, _, count)| count).sum();
        assert_eq!(left + plan.tally.new, 10, "no slot is lost");
    }

    #[test]
    fn what_is_left_of_a_range_keeps_every_other_slot() {
        check(&[10], &[(20, 100, 9)]);
        check(&[100], &[(10, 90, 9)]);
        check(&[50], &[(10, 40, 4), (60, 100, 5)]);
        check(&[40, 50, 70], &[(10, 30, 3), (60, 60, 1), (80, 100, 3)]);
        check(&[10, 20, 30, 40, 50, 60, 70, 80, 90, 100], &[]);
    }

    #[test]
    fn a_slot_is_run_unless_it_succeeded_or_goes_on() {
        let schedule = Schedule::every(Duration::from_secs(10)).unwrap();
        let foreign = PastSlot::InRange { id: id(7), first: slot(11), last: slot(99), count: 10 };
        let slots = [
            (slot(10), PastSlot::Succeeded),
            (slot(20), PastSlot::Unfinished),
            (slot(30), PastSlot::Undecided),
            (slot(40), foreign),
            (slot(45), PastSlot::Removed),
            (slot(50), PastSlot::Unknown),
            (slot(60), PastSlot::Over { run: id(3), attempts: 2 }),
        ];
        let plan = plan(&schedule, &slots);
        assert_eq!(plan.runs, [(slot(50), None), (slot(60), Some((id(3), 2)))]);
        assert_eq!(plan.cuts, []);
        let one = |tally: Tally| {
            [
                tally.new,
                tally.reopened,
                tally.succeeded,
                tally.unfinished,
                tally.undecided,
                tally.removed,
                tally.foreign,
            ]
        };
        assert_eq!(one(plan.tally), [1; 7]);
        assert_eq!(one(plan.tally.and(plan.tally)), [2; 7]);
    }
}
