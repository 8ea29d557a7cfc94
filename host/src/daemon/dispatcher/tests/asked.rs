//! What people ask for, and what configuration holds back: pauses, disabled tasks, backfills.

use super::*;

#[test]
fn a_paused_task_starts_nothing_by_itself_and_what_goes_on_goes_on() {
    let mut world = World::new(vec![task("a"), follower("b")]);
    world.pass(10);
    world.said.clear();
    world.pause("a");
    world.pause("b");
    world.pause("b");
    world.says(&["a paused", "b paused"]);
    world.end(succeeded());
    world.says(&["attempt 1 succeeded final", "b skipped paused"]);
    world.pass(35);
    world.says(&[]);
    world.trigger("a");
    world.says(&["a admitted Running manual", "start a 1"]);
    world.end(succeeded());
    world.said.clear();
    world.resume("a");
    world.resume("a");
    // The latest is five seconds late, which counts as on time otherwise; here the policy decides over it.
    world.says(&["a resumed", "a skipped 2 paused", "a admitted Running catch-up", "start a 1"]);
}

#[test]
fn what_is_due_when_a_task_is_paused_is_decided_as_ever() {
    let mut world = World::new(vec![task("a")]);
    world.now += jiff::SignedDuration::from_secs(11);
    world.pause("a");
    world.says(&["a admitted Running schedule", "a paused", "start a 1"]);
}

#[test]
fn a_pause_that_lasts_is_entered_once_a_minute_and_survives_the_host() {
    let mut world = World::new(vec![Task { schedule: Schedule::every(Duration::from_secs(1)).unwrap(), ..task("a") }]);
    world.pause("a");
    (0..150).for_each(|_| world.pass(1));
    // The latest is kept: the misfire policy may run it when the task is resumed.
    world.says(&["a paused", "a skipped 59 paused", "a skipped 60 paused"]);
    let recovered = Recovered {
        cursors: [("a".parse().unwrap(), Slot::at(world.now))].into(),
        standings: [(
            "a".parse().unwrap(),
            Standing {
                schedule: Some("every 10s".to_owned()),
                pause: Some(Pause { since: world.now, by: String::new() }),
                ..Standing::default()
            },
        )]
        .into(),
        ..Recovered::default()
    };
    let mut world = World::at(world.now, vec![task("a")], recovered);
    world.plugin(PluginState::Ready);
    world.pass(600);
    world.says(&["a skipped 59 paused"]);
}

#[test]
fn a_disabled_task_is_not_run_for_anybody() {
    let mut world = World::new(vec![Task { enabled: false, ..task("a") }]);
    world.pass(600);
    world.says(&["a skipped 60 disabled"]);
    let task = "a".parse().unwrap();
    let refused = world.dispatcher.trigger(&task, Cause::Manual, None, None, world.now).map(drop);
    assert_eq!(refused, Err(Refusal::Disabled));
    let refused = world.dispatcher.backfill(&task, &[], 1.try_into().unwrap(), world.now).map(drop);
    assert_eq!(refused.unwrap_err(), Refusal::Disabled);
}

#[test]
fn a_backfill_goes_on_beside_the_schedule_and_keeps_to_its_bound() {
    let slot = |second: i64| Slot::from_millis(second * 1000).unwrap();
    let over = |id| PastSlot::Over { run: RunId::from_i64(id).unwrap(), attempts: 3 };
    let range = PastSlot::InRange { id: RunId::from_i64(9).unwrap(), first: slot(30), last: slot(50), count: 3 };
    let mut world = World::new(vec![task("a")]);
    let slots =
        [(slot(10), over(1)), (slot(20), PastSlot::Unknown), (slot(40), range), (slot(60), PastSlot::Succeeded)];
    let tally = world.backfill("a", &slots, 1);
    assert_eq!(tally, Tally { new: 2, reopened: 1, succeeded: 1, ..Tally::default() });
    world.says(&[
        "a range cut to 2",
        "a reopened",
        "a admitted Queued backfill",
        "a admitted Queued backfill",
        "started 4",
        "start a 4",
    ]);
    // Its retries begin anew, and no slot is skipped because of it.
    world.pass(10);
    world.end(failed());
    world.says(&["a admitted Queued schedule", "attempt 4 failed-transient retry"]);
    assert_eq!(world.backfill("a", &slots[..1], 1), Tally { unfinished: 1, ..Tally::default() });
    world.pass(1);
    world.says(&["started 5", "start a 5"]);
    world.end(failed());
    world.says(&["attempt 5 failed-transient final", "started 1", "start a 1"]);
    world.end(succeeded());
    world.says(&["attempt 1 succeeded final", "started 1", "start a 1"]);
    let waiting = *world.dispatcher.active.iter().find(|(_, run)| run.whereabouts == Whereabouts::Backlog).unwrap().0;
    let step = world.dispatcher.cancel(waiting, CancelledBy::Operator, world.now).unwrap();
    world.take(step);
    world.end(succeeded());
    world.says(&["ended cancelled", "attempt 1 succeeded final"]);
    assert!(world.dispatcher.backlogs.is_empty() && world.dispatcher.active.is_empty());
}

#[test]
fn a_backfill_survives_the_host() {
    let unfinished = |id, state, attempts| Unfinished {
        run: RunId::from_i64(id).unwrap(),
        task: "a".parse().unwrap(),
        cause: Cause::Backfill { max_parallel: 1.try_into().unwrap() },
        slot: Slot::from_millis(id * 10_000),
        payload: None,
        admitted_at: Timestamp::UNIX_EPOCH,
        since: Timestamp::UNIX_EPOCH,
        state,
        attempts,
        attempts_before: 0,
    };
    let recovered = Recovered {
        unfinished: vec![
            unfinished(1, RunState::Running { attempt: 1 }, 1),
            unfinished(2, RunState::Queued, 0),
            unfinished(3, RunState::Queued, 0),
        ],
        ..Recovered::default()
    };
    let mut world = World::recovering(vec![task("a")], recovered);
    world.plugin(PluginState::Ready);
    world.says(&["a cursor", "a set enabled", "attempt 1 interrupted retry"]);
    world.pass(1);
    world.says(&["started 2", "start a 2"]);
    for _ in 0..2 {
        world.end(succeeded());
    }
    world.says(&[
        "attempt 2 succeeded final",
        "started 1",
        "start a 1",
        "attempt 1 succeeded final",
        "started 1",
        "start a 1",
    ]);
}

#[test]
fn a_run_that_is_over_is_run_again_as_the_same_one() {
    let mut world = World::new(vec![Task { overlap: Overlap::Queue, ..task("a") }]);
    let first = world.trigger("a");
    world.said.clear();
    let past = |run| PastRun {
        id: run,
        task: "a".parse().unwrap(),
        cause: Cause::Manual,
        slot: None,
        attempts: 1,
        payload: None,
    };
    assert_eq!(world.dispatcher.run_again(past(first), world.now).unwrap_err(), Refusal::NotOver);
    world.end(AttemptOutcome::Failed(Failure { kind: FailureKind::Permanent, message: String::new() }));
    world.says(&["attempt 1 failed-permanent final"]);
    let (again, step) = world.dispatcher.run_again(past(first), world.now).unwrap();
    world.take(step);
    assert_eq!(again, first);
    world.says(&["a reopened", "started 2", "start a 2"]);
    // Its retry begins anew, whatever the attempts before.
    world.end(failed());
    world.says(&["attempt 2 failed-transient retry"]);

    let gone = PastRun { task: "gone".parse().unwrap(), ..past(first) };
    assert_eq!(world.dispatcher.run_again(gone, world.now).unwrap_err(), Refusal::NoSuchTask);
    world.dispatcher.drain();
    assert_eq!(world.dispatcher.run_again(past(first), world.now).unwrap_err(), Refusal::ShuttingDown);
}

#[test]
fn a_run_of_a_backfill_that_is_run_again_waits_behind_the_others() {
    let mut world = World::new(vec![task("a")]);
    let cause = Cause::Backfill { max_parallel: std::num::NonZeroU32::MIN };
    let past = |number| PastRun {
        id: RunId::from_i64(number).unwrap(),
        task: "a".parse().unwrap(),
        cause: cause.clone(),
        slot: Slot::from_millis(number),
        attempts: 1,
        payload: None,
    };
    for number in [1, 2] {
        let (_, step) = world.dispatcher.run_again(past(number), world.now).unwrap();
        world.take(step);
    }
    world.says(&["a reopened", "started 2", "start a 2", "a reopened"]);
    world.end(succeeded());
    world.says(&["attempt 2 succeeded final", "started 2", "start a 2"]);
}

#[test]
fn a_run_stays_in_the_trace_it_was_asked_for_in_and_so_does_what_follows() {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap();
    for made_with_writes in [false, true] {
        let mut world = World::new(vec![task("a"), follower("b")]);
        let a = "a".parse().unwrap();
        let asked = world.dispatcher.trigger(&a, Cause::Http, None, Some(trace), world.now);
        world.take(asked.unwrap().1);
        let traces = |world: &World| world.dispatcher.unfinished().map(|(run, _)| run.trace).collect::<Vec<_>>();
        assert_eq!(traces(&world), [Some(trace)]);
        match made_with_writes {
            true => world.settle(true),
            false => world.end(succeeded()),
        }
        assert_eq!(traces(&world), [Some(trace)], "of the one that follows");
    }
}
