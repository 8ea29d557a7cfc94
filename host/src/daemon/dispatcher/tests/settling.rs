//! Successes that are settled by the ledger, since they have writes.

use super::*;

#[test]
fn a_success_with_writes_keeps_its_place_until_they_are_made() {
    let mut world = World::new(vec![task("a"), follower("b")]);
    world.pass(10);
    world.said.clear();
    let run = world.running[0];
    let ended = world.ended(succeeded());
    let (settling, step) = world.dispatcher.settle(ended, world.now).unwrap();
    assert_eq!(
        step.entries.iter().map(words).collect::<Vec<_>>(),
        ["attempt 1 succeeded final", "b admitted Queued after"]
    );
    assert_eq!((settling.run(), world.dispatcher.running().count()), (run, 1));
    world.trigger("a");
    world.says(&["a skipped overlap"]);
    let step = world.dispatcher.settled(settling, world.now);
    world.take(step);
    world.says(&["started 1", "start b 1"]);
    world.end(succeeded());
    assert_eq!(world.dispatcher.open_runs(), 0);
}

#[test]
fn a_success_whose_writes_cannot_be_made_is_a_failure_that_may_pass() {
    let mut world = World::new(vec![task("a"), follower("b")]);
    world.pass(10);
    world.said.clear();
    world.settle(false);
    world.says(&["attempt 1 failed-transient retry"]);
    world.pass(1);
    world.says(&["started 2", "start a 2"]);
    world.settle(true);
    world.says(&["attempt 2 succeeded final", "b admitted Queued after", "started 1", "start b 1"]);
}

#[test]
fn whoever_is_to_follow_such_a_success_and_is_paused_is_skipped_with_it() {
    let mut world = World::new(vec![task("a"), follower("b"), follower("c")]);
    world.pass(10);
    world.pause("b");
    world.said.clear();
    world.settle(true);
    world.says(&["attempt 1 succeeded final", "b skipped paused", "c admitted Queued after", "started 1", "start c 1"]);
}

#[test]
fn a_cancel_while_the_ledger_is_asked_leaves_a_success_and_retries_no_failure() {
    for (made, expected) in [(true, "attempt 1 succeeded final"), (false, "attempt 1 failed-transient final")] {
        let mut world = World::new(vec![task("a")]);
        world.pass(10);
        let run = world.running[0];
        let ended = world.ended(succeeded());
        let (settling, recorded) = world.dispatcher.settle(ended, world.now).unwrap();
        let step = world.dispatcher.cancel(run, CancelledBy::Operator, world.now).unwrap();
        assert!(matches!(step.effects[..], [Effect::Stop { .. }]), "{:?}", step.effects);
        world.said.clear();
        let step = if made {
            world.take(recorded);
            world.dispatcher.settled(settling, world.now)
        } else {
            world.dispatcher.unsettled(settling, "taken".to_owned(), world.now, 0.5)
        };
        world.take(step);
        world.says(&[expected]);
        assert_eq!(world.dispatcher.open_runs(), 0);
    }
}

#[test]
fn the_next_slot_of_a_backfill_goes_on_after_such_a_success() {
    let slot = |second: i64| (Slot::from_millis(second * 1000).unwrap(), PastSlot::Unknown);
    let mut world = World::new(vec![task("a")]);
    world.backfill("a", &[slot(10), slot(20)], 1);
    world.said.clear();
    world.settle(true);
    world.says(&["attempt 1 succeeded final", "started 1", "start a 1"]);
}

#[test]
fn a_run_that_the_ledger_refuses_does_not_follow() {
    let mut world = World::new(vec![task("a"), follower("b")]);
    world.pass(10);
    world.said.clear();
    let ended = world.ended(succeeded());
    let (mut settling, step) = world.dispatcher.settle(ended, world.now).unwrap();
    let [_, Entry::Admitted { run: follower, .. }] = &step.entries[..] else { panic!("{:?}", step.entries) };
    settling.forget(&[follower.id]);
    let step = world.dispatcher.settled(settling, world.now);
    world.take(step);
    world.says(&[]);
    assert_eq!(world.dispatcher.open_runs(), 0);
}
