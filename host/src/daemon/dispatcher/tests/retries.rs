//! Runs that wait for their next attempt while the clock is set, or across a restart.

use jiff::SignedDuration;

use super::*;

const YEAR: i64 = 365 * 24 * 3600;

/// A host that comes so many seconds after a run began to wait, for ten seconds.
fn restarted(after: i64) -> World {
    let since: Timestamp = "2026-11-23T09:00:00Z".parse().unwrap();
    let waiting = Unfinished {
        run: RunId::from_i64(1 << 30).unwrap(),
        task: "a".parse().unwrap(),
        cause: Cause::Manual,
        slot: None,
        payload: None,
        admitted_at: since,
        state: RunState::Waiting { next_attempt: 2, until: since + SignedDuration::from_secs(10) },
        since,
        attempts: 1,
        attempts_before: 0,
    };
    let recovered = Recovered { unfinished: vec![waiting], ..Recovered::default() };
    let manual = Task { schedule: Schedule::manual(), ..task("a") };
    let mut world = World::at(since + SignedDuration::from_secs(after), vec![manual], recovered);
    world.said.clear();
    world
}

#[test]
fn a_retry_that_is_due_before_its_plugin_is_ready_waits_for_it() {
    let mut world = restarted(20);
    world.pass(0);
    world.says(&[]);
    world.plugin(PluginState::Ready);
    world.says(&["started 2", "start a 2"]);
    world.end(succeeded());
    assert_eq!(world.dispatcher.open_runs(), 0);
}

#[test]
fn a_retry_whose_plugin_cannot_be_used_is_skipped() {
    for is_due_first in [true, false] {
        let mut world = restarted(0);
        world.pass(if is_due_first { 10 } else { 0 });
        world.plugin(PluginState::Unusable);
        world.pass(10);
        world.says(&["ended skipped"]);
        assert_eq!(world.dispatcher.open_runs(), 0, "it holds no place");
    }
}

#[test]
fn a_run_that_waits_for_its_plugin_can_be_cancelled() {
    let mut world = restarted(20);
    world.pass(0);
    let step = world.dispatcher.cancel(RunId::from_i64(1 << 30).unwrap(), CancelledBy::Operator, world.now).unwrap();
    world.take(step);
    world.plugin(PluginState::Ready);
    world.says(&["ended cancelled"]);
    assert_eq!(world.dispatcher.open_runs(), 0);
}

#[test]
fn a_clock_that_is_set_back_makes_no_wait_longer() {
    let manual = Task { schedule: Schedule::manual(), ..task("a") };
    for back in [0, 1, 3600, YEAR] {
        let mut world = World::new(vec![manual.clone()]);
        world.trigger("a");
        world.end(failed());
        world.said.clear();
        // It waits for a second.
        world.pass_as(-back, Gap::ClockStep);
        world.says(&[]);
        world.pass(1);
        world.says(&["started 2", "start a 2"]);
    }
    let mut world = World::new(vec![manual]);
    world.trigger("a");
    world.end(failed());
    world.said.clear();
    world.pass_as(YEAR, Gap::ClockStep);
    world.says(&["started 2", "start a 2"]);
}

#[test]
fn a_clock_that_is_set_back_twice_does_not_either_and_its_run_can_be_cancelled() {
    let mut world = World::new(vec![Task { schedule: Schedule::manual(), ..task("a") }]);
    let run = world.trigger("a");
    world.end(failed());
    world.said.clear();
    world.pass_as(-YEAR, Gap::ClockStep);
    // And once while the machine sleeps.
    world.pass_as(-YEAR, Gap::Suspended);
    let step = world.dispatcher.cancel(run, CancelledBy::Operator, world.now).unwrap();
    world.take(step);
    world.says(&["ended cancelled"]);
    world.trigger("a");
    world.end(failed());
    world.said.clear();
    world.pass_as(-YEAR, Gap::Suspended);
    world.pass(1);
    world.says(&["started 2", "start a 2"]);
    world.end(succeeded());
    world.said.clear();
    world.pass(YEAR);
    world.says(&[]);
}

#[test]
fn a_clock_that_was_set_back_while_no_host_ran_makes_no_wait_longer() {
    for (after, wait) in [(-YEAR, 10), (0, 10), (4, 6)] {
        let mut world = restarted(after);
        world.plugin(PluginState::Ready);
        world.pass(wait - 1);
        world.says(&[]);
        world.pass(1);
        world.says(&["started 2", "start a 2"]);
    }
}
