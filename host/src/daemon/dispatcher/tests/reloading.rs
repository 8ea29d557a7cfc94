//! Another configuration takes the place of the one in force: what becomes of slots and runs.

use super::*;
use std::num::NonZeroU32;

use crate::model::plan::{Change, Counted, PassedSlots, Plan, RunsPlan};

/// A reload of the dispatcher, with all plugins ready.
fn reload(world: &mut World, tasks: Vec<Task>) -> Plan {
    let mut tasks: Vec<Arc<Task>> = tasks.into_iter().map(Arc::new).collect();
    tasks.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let planned = world.dispatcher.plan(&tasks, world.now);
    let plugins = tasks.iter().map(|task| (task.build(), PluginState::Ready)).collect();
    let reload = Reload { tasks, plugins, max_queued: 2 };
    let (plan, step) = world.dispatcher.reload(reload, world.now).unwrap();
    assert_eq!(plan, planned, "what was said before is what is done");
    world.take(step);
    plan
}

/// A plan in words: each task with what changes, since when slots count, and its runs.
fn words_of(plan: &Plan) -> Vec<String> {
    let words = plan.tasks.iter().map(|task| {
        let change = match &task.change {
            Change::Changed(settings) => settings.join("+"),
            other => other.name().to_owned(),
        };
        let slots = match task.slots.counted {
            Counted::AsBefore => "as-before",
            Counted::From(_) => "anew",
            Counted::Ended => "no-more",
        };
        let passed = task.slots.passed.map(|PassedSlots { count, .. }| format!(" passed {count}")).unwrap_or_default();
        let RunsPlan { running, renewed, ended } = task.runs;
        format!("{} {change} {slots}{passed} {running}/{renewed}/{ended}", task.task)
    });
    words.collect()
}

fn slow(name: &str) -> Task {
    Task { schedule: Schedule::every(Duration::from_secs(60)).unwrap(), ..task(name) }
}

fn queueing(name: &str) -> Task {
    Task { overlap: Overlap::Queue, ..task(name) }
}

#[test]
fn the_same_again_is_nothing() {
    let mut world = World::new(vec![task("a"), task("b")]);
    world.pass(10);
    world.said.clear();
    let plan = reload(&mut world, vec![task("a"), task("b")]);
    assert!(plan.is_empty() && plan.unchanged == 2, "{plan:?}");
    world.says(&[]);
}

#[test]
fn a_new_task_counts_from_now() {
    let mut world = World::new(vec![task("a")]);
    world.pass(10);
    world.end(succeeded());
    world.pass(5);
    world.said.clear();
    let plan = reload(&mut world, vec![task("a"), task("b")]);
    assert_eq!(words_of(&plan), ["b added anew 0/0/0"]);
    assert_eq!(plan.tasks[0].slots.next.unwrap().time(), world.now + jiff::SignedDuration::from_secs(5));
    world.says(&["b cursor", "b set enabled"]);
    world.pass(5);
    world.says(&["a admitted Running schedule", "start a 1", "b admitted Running schedule", "start b 1"]);
}

#[test]
fn a_task_that_is_removed_lets_its_attempt_end_and_nothing_follows() {
    let mut world = World::new(vec![queueing("a"), task("b")]);
    world.pass(10);
    world.pass(10);
    world.says(&[
        "a admitted Running schedule",
        "start a 1",
        "b admitted Running schedule",
        "start b 1",
        "a admitted Queued schedule",
        "b skipped overlap",
    ]);
    let plan = reload(&mut world, vec![task("b")]);
    assert_eq!(words_of(&plan), ["a removed no-more 1/0/1"]);
    assert_eq!(plan.tasks[0].slots.next, None);
    assert_eq!(plan.tasks[0].slots.next_before.unwrap().time(), world.now + jiff::SignedDuration::from_secs(10));
    world.says(&["a set disabled", "ended skipped"]);
    let refused = world.dispatcher.trigger(&"a".parse().unwrap(), Cause::Manual, None, None, world.now);
    assert_eq!(refused.unwrap_err(), Refusal::NoSuchTask);
    world.end(failed());
    world.says(&["attempt 1 failed-transient final"]);
    world.pass(10);
    world.says(&["b skipped overlap"]);
}

#[test]
fn a_task_that_comes_back_has_an_entry_for_what_passed_meanwhile() {
    let mut world = World::new(vec![task("a"), slow("b")]);
    world.pass(10);
    world.end(succeeded());
    reload(&mut world, vec![slow("b")]);
    world.pass(35);
    world.said.clear();
    let plan = reload(&mut world, vec![task("a"), slow("b")]);
    assert_eq!(words_of(&plan), ["a added anew passed 3 0/0/0"]);
    world.says(&["a skipped 3 disabled", "a cursor", "a set enabled"]);
    world.pass(5);
    world.says(&["a admitted Running schedule", "start a 1"]);
}

#[test]
fn a_task_that_the_host_found_in_the_ledger_and_not_in_the_configuration_counts_from_now_too() {
    let start: Timestamp = "2026-11-23T09:00:00Z".parse().unwrap();
    let standing = Standing { schedule: Some(task("a").schedule.record()), ..Standing::default() };
    let recovered = Recovered {
        cursors: [("a".parse().unwrap(), Slot::at(start - jiff::SignedDuration::from_secs(100)))].into(),
        standings: [("a".parse().unwrap(), standing)].into(),
        ..Recovered::default()
    };
    let mut world = World::recovering(vec![slow("b")], recovered);
    world.said.clear();
    reload(&mut world, vec![Task { enabled: false, ..task("a") }, slow("b")]);
    world.says(&["a skipped 10 disabled", "a cursor", "a set disabled"]);
}

#[test]
fn another_schedule_counts_anew_after_what_was_due_is_decided() {
    let mut world = World::new(vec![task("a")]);
    // A slot falls due that the loop has not come to yet.
    world.now += jiff::SignedDuration::from_secs(10);
    let tasks = vec![Arc::new(slow("a"))];
    let reload = Reload { tasks, plugins: Vec::new(), max_queued: 2 };
    let (plan, step) = world.dispatcher.reload(reload, world.now).unwrap();
    world.take(step);
    assert_eq!(words_of(&plan), ["a schedule anew 1/0/0"]);
    world.says(&["a admitted Running schedule", "a cursor", "a set enabled", "start a 1"]);
    world.end(succeeded());
    world.pass(40);
    world.says(&["attempt 1 succeeded final"]);
    world.pass(10);
    world.says(&["a admitted Running schedule", "start a 1"]);
}

#[test]
fn a_paused_task_stays_paused_and_the_slots_of_its_old_schedule_are_skipped() {
    let mut world = World::new(vec![task("a")]);
    world.pause("a");
    world.pass(30);
    world.said.clear();
    let plan = reload(&mut world, vec![slow("a")]);
    assert_eq!(words_of(&plan), ["a schedule anew passed 3 0/0/0"]);
    assert_eq!(plan.tasks[0].slots.next, None, "it is paused");
    world.says(&["a skipped 3 paused", "a cursor", "a set enabled"]);
    world.pass(31);
    world.says(&[]);
    world.resume("a");
    world.says(&["a resumed", "a admitted Running catch-up", "start a 1"]);
}

#[test]
fn a_pause_outlives_the_absence_of_its_task() {
    let mut world = World::new(vec![task("a"), slow("b")]);
    world.pause("a");
    reload(&mut world, vec![slow("b")]);
    let plan = reload(&mut world, vec![task("a"), slow("b")]);
    assert_eq!(plan.tasks[0].slots.next, None);
    world.said.clear();
    world.pass(30);
    world.says(&[]);
}

#[test]
fn a_task_that_is_disabled_ends_what_waits() {
    let mut world = World::new(vec![queueing("a")]);
    world.pass(10);
    world.pass(10);
    world.end(failed());
    world.said.clear();
    let plan = reload(&mut world, vec![Task { enabled: false, ..queueing("a") }]);
    assert_eq!(words_of(&plan), ["a enabled no-more 0/0/2"]);
    // The one that waits for its next attempt holds the task's place, which the other does not get.
    world.says(&["a set disabled", "ended skipped", "ended skipped"]);
    assert_eq!(world.dispatcher.open_runs(), 0);
    world.pass(60);
    world.said.clear();
    reload(&mut world, vec![queueing("a")]);
    world.says(&["a set enabled"]);
    world.pass(10);
    world.says(&["a admitted Running schedule", "start a 1"]);
}

#[test]
fn what_has_not_begun_goes_by_the_new_settings_and_so_does_the_next_attempt() {
    let wider = |name| {
        let mut task = queueing(name);
        task.limits.memory = 1 << 30;
        task
    };
    let memory = |world: &World| world.started.as_ref().unwrap().task.limits.memory;
    let mut world = World::new(vec![queueing("a")]);
    world.pass(10);
    world.pass(10);
    let plan = reload(&mut world, vec![wider("a")]);
    assert_eq!(words_of(&plan), ["a limits.memory as-before 1/1/0"]);
    assert_eq!(memory(&world), 64 << 20, "it goes on with what it began with");
    world.end(failed());
    world.pass(1);
    assert_eq!(memory(&world), 1 << 30, "the second attempt");
    world.end(succeeded());
    assert_eq!(memory(&world), 1 << 30, "the run that waited");
    world.said.clear();
    reload(&mut world, vec![queueing("a")]);
    world.end(failed());
    reload(&mut world, vec![wider("a")]);
    world.pass(1);
    assert_eq!(memory(&world), 1 << 30, "one that waited for its next attempt");
}

#[test]
fn more_places_are_taken_at_once() {
    let mut world = World::new(vec![queueing("a")]);
    world.pass(10);
    world.pass(10);
    world.said.clear();
    let two = NonZeroU32::new(2).unwrap();
    let plan = reload(&mut world, vec![Task { max_concurrent: two, ..queueing("a") }]);
    assert_eq!(words_of(&plan), ["a max-concurrent as-before 1/1/0"]);
    world.says(&["started 1", "start a 1"]);
}

#[test]
fn runs_that_waited_for_a_plugin_start_with_another_that_is_ready() {
    let mut world = World::recovering(vec![task("a")], Recovered::default());
    world.pass(10);
    world.said.clear();
    reload(&mut world, vec![Task { plugin: "other".parse().unwrap(), ..task("a") }]);
    world.says(&["started 1", "start a 1"]);
    assert_eq!(world.started.as_ref().unwrap().task.plugin.as_str(), "other");
    // What becomes of the plugin of before is nobody's business any more.
    world.plugin(PluginState::Unusable);
    world.end(succeeded());
    world.pass(10);
    world.says(&["attempt 1 succeeded final", "a admitted Running schedule", "start a 1"]);
}

#[test]
fn a_backfill_of_a_task_that_is_removed_ends() {
    let mut world = World::new(vec![task("a"), slow("b")]);
    let slots: Vec<_> = (1..=5)
        .map(|n| (Slot::at(world.now - jiff::SignedDuration::from_secs(10 * n)), PastSlot::Unknown))
        .rev()
        .collect();
    world.backfill("a", &slots, 2);
    world.said.clear();
    let plan = reload(&mut world, vec![slow("b")]);
    assert_eq!(words_of(&plan), ["a removed no-more 1/0/4"]);
    world.says(&["a set disabled", "ended skipped", "ended skipped", "ended skipped", "ended skipped"]);
    world.end(succeeded());
    world.says(&["attempt 1 succeeded final"]);
    assert_eq!(world.dispatcher.open_runs(), 0);
    assert!(world.dispatcher.backlogs.is_empty());
}

#[test]
fn a_backfill_goes_on_after_its_task_was_given_another_plugin() {
    let mut world = World::new(vec![task("a")]);
    let slots: Vec<_> = (1..=2)
        .map(|n| (Slot::at(world.now - jiff::SignedDuration::from_secs(10 * n)), PastSlot::Unknown))
        .rev()
        .collect();
    world.backfill("a", &slots, 1);
    world.said.clear();
    reload(&mut world, vec![Task { plugin: "other".parse().unwrap(), ..task("a") }]);
    world.end(succeeded());
    world.says(&["attempt 1 succeeded final", "started 1", "start a 1"]);
    assert_eq!(world.started.as_ref().unwrap().task.plugin.as_str(), "other");
}

#[test]
fn followers_are_those_of_the_configuration_as_it_is_when_a_success_is_entered() {
    let mut world = World::new(vec![task("a"), follower("b")]);
    world.pass(10);
    let ended = world.ended(succeeded());
    let (settling, step) = world.dispatcher.settle(ended, world.now).unwrap();
    world.take(step);
    reload(&mut world, vec![task("a")]);
    world.said.clear();
    let step = world.dispatcher.settled(settling, world.now);
    world.take(step);
    world.says(&["ended skipped"]);
    assert_eq!(world.dispatcher.open_runs(), 0);
    reload(&mut world, vec![task("a"), follower("c")]);
    world.pass(10);
    world.said.clear();
    world.end(succeeded());
    world.says(&["attempt 1 succeeded final", "c admitted Running after", "start c 1"]);
}

#[test]
fn a_host_that_shuts_down_takes_no_other_configuration() {
    let mut world = World::new(vec![task("a")]);
    world.dispatcher.drain();
    let reload = Reload { tasks: Vec::new(), plugins: Vec::new(), max_queued: 2 };
    assert_eq!(world.dispatcher.reload(reload, world.now).unwrap_err(), Refusal::ShuttingDown);
}

#[test]
fn settings_of_before_are_let_go_with_the_last_attempt_that_has_them() {
    let first = Arc::new(task("a"));
    let before = Arc::downgrade(&first);
    let now = "2026-11-23T09:00:00Z".parse().unwrap();
    let (dispatcher, step) = Dispatcher::new(vec![first], Queue::new(2, 2), Recovered::default(), 0, now, &mut || 0.5);
    let mut world = World { dispatcher, now, said: VecDeque::new(), running: VecDeque::new(), started: None };
    world.take(step);
    world.plugin(PluginState::Ready);
    world.pass(10);
    reload(&mut world, vec![slow("a")]);
    world.started = None;
    assert!(before.upgrade().is_some(), "an attempt goes on with them");
    world.end(succeeded());
    assert!(before.upgrade().is_none());
}
