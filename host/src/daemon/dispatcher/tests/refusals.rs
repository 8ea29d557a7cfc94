//! Steps that the ledger refuses, since somebody else wrote into it.

use jiff::SignedDuration;

use super::memory::Memory;
use super::*;
use crate::model::misfire::{Misfire, MisfirePolicy};

/// Ten slots were missed, some of which, counted from 1, have an entry by then; what is entered beside those.
fn check(taken: &[i64], expected: &[(i64, i64)]) {
    let start: Timestamp = "2026-11-23T09:00:00Z".parse().unwrap();
    let slot = |number: i64| Slot::at(start + SignedDuration::from_secs(number * 10));
    let skip = Misfire { policy: MisfirePolicy::Skip, ..Misfire::default() };
    let task = Arc::new(Task { misfire: skip.into(), ..task("a") });
    let mut memory = Memory::default();
    let (mut dispatcher, first) =
        Dispatcher::new(vec![task.clone()], Queue::new(2, 2), Recovered::default(), 0, start, &mut || 0.5);
    memory.append(&first.entries).unwrap();
    for number in taken.iter().copied() {
        let (id, slot) = (RunId::from_i64(number).unwrap(), Some(slot(number)));
        let (task, cause, why) = (task.name.clone(), Cause::Schedule, Skip::Overlap);
        memory.append(&[Entry::Skipped { id, task, slot, cause, why, at: start }]).unwrap();
    }
    // The ten slots are more than half a minute old.
    let now = start + SignedDuration::from_secs(100 + 35);
    let mut step = Step::default();
    for due in dispatcher.take_due(now, Gap::Suspended) {
        step.append(dispatcher.due(Due { runs: Vec::new(), ..due }, now));
    }
    for _ in 0..=taken.len() {
        let Err(refusal) = memory.append(&step.entries) else { break };
        let (removed, freed) = dispatcher.refused(&mut step, &refusal, now);
        assert!(removed.is_empty() && freed.is_empty());
    }
    let ranges = memory.slots[&task.name].iter().filter(|(_, entered)| entered.why.is_some());
    let ranges: Vec<(Slot, Slot)> = ranges.map(|(first, entered)| (*first, entered.last)).collect();
    let expected: Vec<(Slot, Slot)> = expected.iter().map(|(first, last)| (slot(*first), slot(*last))).collect();
    assert_eq!(ranges, expected, "{taken:?}");
    let entered: u64 = memory.slots[&task.name].values().map(|entered| entered.count).sum();
    assert_eq!(entered, 10, "every slot has one entry");
}

#[test]
fn a_slot_that_is_taken_does_not_cost_the_others_of_its_range_their_entry() {
    check(&[], &[(1, 10)]);
    check(&[1], &[(2, 10)]);
    check(&[10], &[(1, 9)]);
    check(&[4], &[(1, 3), (5, 10)]);
    check(&[4, 5, 9], &[(1, 3), (6, 8), (10, 10)]);
    check(&(1..=10).collect::<Vec<_>>(), &[]);
}
