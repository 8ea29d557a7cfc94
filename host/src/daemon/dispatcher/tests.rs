//! The dispatcher, stepped by hand: what is recorded and what is done, for every way a run can go.

mod asked;
mod clock_changes;
mod decade;
mod documented;
mod memory;
mod model;
mod oracle;
mod refusals;
mod reloading;
mod retries;
mod settling;
mod situations;
#[path = "../../../../tests/integration/torture/extent.rs"]
mod torture;
mod year;

use std::collections::VecDeque;
use std::time::Duration;

use super::*;
use crate::daemon::backfill::Tally;
use crate::daemon::step::Effect;
use crate::ledger::{Entry, Next, PastSlot, Standing, Unfinished};
use crate::model::id::Digest;
use crate::model::limits::Usage;
use crate::model::outcome::{AttemptOutcome, CancelledBy, Failure, FailureKind, PassedOver, Stop};
use crate::model::overlap::Overlap;
use crate::model::retry::{Jitter, OnInterrupt, Retry};
use crate::model::run::Run;
use crate::model::schedule::Schedule;
use crate::model::slot::Slot;

/// A task that is due every ten seconds, retried once after a second.
fn task(name: &str) -> Task {
    let retry = Retry { attempts: 2, jitter: Jitter::None, ..Retry::default() };
    Task { retry: retry.into(), ..Task::example(name, Schedule::every(Duration::from_secs(10)).unwrap()) }
}

/// A task that runs after `a`, and at no time of its own.
fn follower(name: &str) -> Task {
    Task { after: ["a".parse().unwrap()].into(), schedule: Schedule::manual(), ..task(name) }
}

/// A dispatcher, the time, and what came of it so far, in words.
struct World {
    dispatcher: Dispatcher,
    now: Timestamp,
    said: VecDeque<String>,
    running: VecDeque<RunId>,
    /// The run of the attempt that was started last.
    started: Option<Arc<Run>>,
}

impl World {
    fn new(tasks: Vec<Task>) -> Self {
        let mut world = Self::recovering(tasks, Recovered::default());
        world.plugin(PluginState::Ready);
        world.said.clear();
        world
    }

    fn recovering(tasks: Vec<Task>, recovered: Recovered) -> Self {
        Self::at("2026-11-23T09:00:00Z".parse().unwrap(), tasks, recovered)
    }

    fn at(now: Timestamp, tasks: Vec<Task>, recovered: Recovered) -> Self {
        let tasks = tasks.into_iter().map(Arc::new).collect();
        let (dispatcher, step) = Dispatcher::new(tasks, Queue::new(2, 2), recovered, 0, now, &mut || 0.5);
        let mut world = Self { dispatcher, now, said: VecDeque::new(), running: VecDeque::new(), started: None };
        world.take(step);
        world
    }

    fn take(&mut self, step: Step) {
        for entry in &step.entries {
            self.said.push_back(words(entry));
        }
        for effect in step.effects {
            match effect {
                Effect::Start { run, attempt } => {
                    self.running.push_back(run.id);
                    self.said.push_back(format!("start {} {attempt}", run.task.name));
                    self.started = Some(run);
                }
                Effect::Stop { run, stop } => {
                    let name = match stop {
                        Stop::Cancel(_) => "cancel",
                        Stop::Interrupt(_) => "interrupt",
                    };
                    self.said.push_back(format!("{name} {}", self.running.iter().position(|id| *id == run).unwrap()));
                }
                Effect::Tell(_) => {}
            }
        }
    }

    /// Lets time pass, and takes what falls due at the end of it.
    fn pass(&mut self, seconds: i64) {
        self.pass_as(seconds, Gap::None);
    }

    fn pass_as(&mut self, seconds: i64, gap: Gap) {
        self.now += jiff::SignedDuration::from_secs(seconds);
        for due in self.dispatcher.take_due(self.now, gap) {
            let step = self.dispatcher.due(due, self.now);
            self.take(step);
        }
        let step = self.dispatcher.retry(self.now);
        self.take(step);
    }

    /// Ends the attempt that has gone on longest.
    fn end(&mut self, outcome: AttemptOutcome) {
        let ended = self.ended(outcome);
        let step = self.dispatcher.attempt_ended(ended, self.now, 0.5);
        self.take(step);
    }

    /// Ends it with a success whose writes the ledger can make, or not.
    fn settle(&mut self, made: bool) {
        let ended = self.ended(succeeded());
        let (settling, step) = self.dispatcher.settle(ended, self.now).unwrap();
        assert!(step.effects.is_empty(), "{:?}", step.effects);
        let step = if made {
            self.take(step);
            self.dispatcher.settled(settling, self.now)
        } else {
            self.dispatcher.unsettled(settling, "taken".to_owned(), self.now, 0.5)
        };
        self.take(step);
    }

    fn ended(&mut self, outcome: AttemptOutcome) -> Ended {
        let run = self.running.pop_front().unwrap();
        ended(run, outcome, self.now)
    }

    fn plugin(&mut self, state: PluginState) {
        let step = self.dispatcher.plugin_changed(&Task::example("any", Schedule::manual()).build(), state, self.now);
        self.take(step);
    }

    fn trigger(&mut self, task: &str) -> RunId {
        let (id, step) = self.dispatcher.trigger(&task.parse().unwrap(), Cause::Manual, None, None, self.now).unwrap();
        self.take(step);
        id
    }

    fn pause(&mut self, task: &str) {
        let (_, step) = self.dispatcher.pause(&task.parse().unwrap(), "a test", self.now).unwrap();
        self.take(step);
    }

    fn resume(&mut self, task: &str) {
        let (_, step) = self.dispatcher.resume_task(&task.parse().unwrap(), self.now).unwrap();
        self.take(step);
    }

    fn backfill(&mut self, task: &str, slots: &[(Slot, PastSlot)], max_parallel: u32) -> Tally {
        let max_parallel = max_parallel.try_into().unwrap();
        let decided = self.dispatcher.backfill(&task.parse().unwrap(), slots, max_parallel, self.now).unwrap();
        self.take(decided.step);
        decided.tally
    }

    #[track_caller]
    fn says(&mut self, expected: &[&str]) {
        assert_eq!(self.said.drain(..).collect::<Vec<_>>(), expected);
    }
}

fn words(entry: &Entry) -> String {
    match entry {
        Entry::Admitted { run, admission } => format!("{} admitted {admission:?} {}", run.task.name, run.cause.name()),
        Entry::Skipped { task, why, .. } => format!("{task} skipped {}", why.name()),
        Entry::Missed { task, count, why: PassedOver::Missed(why), .. } => {
            format!("{task} missed {count} {}", why.name())
        }
        Entry::Missed { task, count, why: PassedOver::Skipped(why), .. } => {
            format!("{task} skipped {count} {}", why.name())
        }
        Entry::RangeCut { task, rest, .. } => format!("{task} range cut to {}", rest.len()),
        Entry::Reopened { run, .. } => format!("{} reopened", run.task.name),
        Entry::TaskSet { task, enabled, .. } => format!("{task} set {}", if *enabled { "enabled" } else { "disabled" }),
        Entry::PauseSet { task, pause } => format!("{task} {}", if pause.is_some() { "paused" } else { "resumed" }),
        Entry::CursorSet { task, .. } => format!("{task} cursor"),
        Entry::Started { attempt, .. } => format!("started {attempt}"),
        Entry::AttemptEnded { attempt, outcome, next, .. } => {
            let next = if *next == Next::Final { "final" } else { "retry" };
            format!("attempt {attempt} {} {next}", outcome.class())
        }
        Entry::Ended { outcome, .. } => format!("ended {}", outcome.class()),
        Entry::Keyed { .. } => "keyed".to_owned(),
        Entry::Stored(_) => "stored".to_owned(),
        Entry::Access(access) => format!("{access:?}"),
        Entry::Removed(removal) => format!("removed {}", removal.len()),
        Entry::Alerted(_) => "alerted".to_owned(),
    }
}

/// An attempt that took no time.
fn ended(run: RunId, outcome: AttemptOutcome, now: Timestamp) -> Ended {
    Ended {
        run,
        plugin: Digest::from_bytes([7; 32]),
        outcome,
        usage: Usage::default(),
        log: Arc::default(),
        writes: Vec::new(),
        started_at: now,
        ended_at: now,
    }
}

fn succeeded() -> AttemptOutcome {
    AttemptOutcome::Succeeded { output: None }
}

fn failed() -> AttemptOutcome {
    AttemptOutcome::Failed(Failure { kind: FailureKind::Transient { retry_after: None }, message: "busy".into() })
}

#[test]
fn a_slot_is_recorded_before_it_starts() {
    let mut world = World::new(vec![task("a")]);
    world.pass(10);
    world.says(&["a admitted Running schedule", "start a 1"]);
    world.end(succeeded());
    world.says(&["attempt 1 succeeded final"]);
}

#[test]
fn a_run_that_goes_on_makes_the_next_slot_skip() {
    let mut world = World::new(vec![task("a")]);
    world.pass(10);
    world.pass(10);
    world.says(&["a admitted Running schedule", "start a 1", "a skipped overlap"]);
}

#[test]
fn a_failure_is_retried_and_keeps_its_task_from_overlapping() {
    let mut world = World::new(vec![task("a")]);
    world.pass(10);
    world.end(failed());
    world.says(&["a admitted Running schedule", "start a 1", "attempt 1 failed-transient retry"]);
    world.trigger("a");
    world.says(&["a skipped overlap"]);
    world.pass(1);
    world.says(&["started 2", "start a 2"]);
    world.end(failed());
    world.says(&["attempt 2 failed-transient final"]);
}

#[test]
fn the_end_of_one_run_and_the_start_of_the_next_are_one_step() {
    let mut world = World::new(["a", "b", "c"].map(task).into());
    world.pass(10);
    world.says(&[
        "a admitted Running schedule",
        "start a 1",
        "b admitted Running schedule",
        "start b 1",
        "c admitted Queued schedule",
    ]);
    world.end(succeeded());
    world.says(&["attempt 1 succeeded final", "started 1", "start c 1"]);
}

#[test]
fn a_success_starts_what_follows_it_in_the_same_step() {
    let mut world = World::new(vec![task("a"), follower("b")]);
    world.pass(10);
    world.said.clear();
    world.end(AttemptOutcome::Succeeded { output: Some(Blob { content_type: String::new(), bytes: b"x".to_vec() }) });
    world.says(&["attempt 1 succeeded final", "b admitted Running after", "start b 1"]);
    world.pass(10);
    world.said.clear();
    world.end(succeeded());
    world.end(AttemptOutcome::Failed(Failure { kind: FailureKind::Permanent, message: String::new() }));
    world.says(&["attempt 1 succeeded final", "attempt 1 failed-permanent final"]);
}

#[test]
fn a_run_is_cancelled_wherever_it_stands() {
    let mut world = World::new(vec![Task { overlap: Overlap::Queue, ..task("a") }]);
    let running = world.trigger("a");
    let queued = world.trigger("a");
    world.said.clear();
    let step = world.dispatcher.cancel(queued, CancelledBy::Operator, world.now).unwrap();
    world.take(step);
    world.says(&["ended cancelled"]);
    let step = world.dispatcher.cancel(running, CancelledBy::Operator, world.now).unwrap();
    world.take(step);
    world.says(&["cancel 0"]);
    world.end(failed());
    world.says(&["attempt 1 failed-transient final"]);
    assert!(world.dispatcher.cancel(running, CancelledBy::Operator, world.now).is_none(), "it is over");

    let waiting = world.trigger("a");
    world.end(failed());
    world.said.clear();
    let step = world.dispatcher.cancel(waiting, CancelledBy::Operator, world.now).unwrap();
    world.take(step);
    world.says(&["ended cancelled"]);
    world.pass(5);
    world.says(&[]);
}

#[test]
fn replacing_ends_the_older_run_and_then_starts_the_newer() {
    let mut world = World::new(vec![Task { overlap: Overlap::Replace, ..task("a") }]);
    world.pass(10);
    world.said.clear();
    world.pass(10);
    world.says(&["a admitted Queued schedule", "cancel 0"]);
    world.pass(10);
    world.says(&["a admitted Queued schedule", "ended cancelled"]);
    world.end(AttemptOutcome::Cancelled(CancelledBy::Operator));
    world.says(&["attempt 1 cancelled final", "started 1", "start a 1"]);
}

#[test]
fn runs_wait_for_a_plugin_that_compiles() {
    let mut world = World::recovering(vec![task("a")], Recovered::default());
    world.says(&["a cursor", "a set enabled"]);
    world.pass(10);
    world.pass(10);
    world.says(&["a admitted Queued schedule", "a admitted Queued schedule"]);
    world.plugin(PluginState::Ready);
    world.says(&["started 1", "ended skipped", "start a 1"]);
}

#[test]
fn runs_of_an_unusable_plugin_are_skipped() {
    let mut world = World::recovering(vec![task("a")], Recovered::default());
    world.pass(10);
    world.plugin(PluginState::Unusable);
    world.pass(10);
    world.says(&[
        "a cursor",
        "a set enabled",
        "a admitted Queued schedule",
        "ended skipped",
        "a skipped plugin-unusable",
    ]);
}

#[test]
fn a_drain_starts_nothing_more_and_keeps_what_waits() {
    let mut world = World::new(["a", "b", "c"].map(task).into());
    world.pass(10);
    world.said.clear();
    world.dispatcher.drain();
    world.pass(60);
    world.says(&[]);
    world.end(failed());
    world.end(succeeded());
    world.says(&["attempt 1 failed-transient retry", "attempt 1 succeeded final"]);
    assert_eq!(world.dispatcher.running().count(), 0);
    assert_eq!(world.dispatcher.open_runs(), 2, "a waits for its retry, c for its turn");
    let refused = world.dispatcher.trigger(&"a".parse().unwrap(), Cause::Manual, None, None, world.now);
    assert_eq!(refused.unwrap_err(), Refusal::ShuttingDown);
}

#[test]
fn what_an_earlier_host_left_is_taken_up() {
    let unfinished = |id, task: &str, state, attempts| Unfinished {
        run: RunId::from_i64(id).unwrap(),
        task: task.parse().unwrap(),
        cause: Cause::Manual,
        slot: None,
        payload: None,
        admitted_at: Timestamp::UNIX_EPOCH,
        since: Timestamp::UNIX_EPOCH,
        state,
        attempts,
        attempts_before: 0,
    };
    let until = "2026-11-23T09:00:05Z".parse().unwrap();
    let recovered = Recovered {
        unfinished: vec![
            unfinished(1, "gone", RunState::Queued, 0),
            unfinished(2, "a", RunState::Running { attempt: 1 }, 1),
            unfinished(3, "b", RunState::Running { attempt: 2 }, 2),
            unfinished(4, "c", RunState::Waiting { next_attempt: 2, until }, 1),
            unfinished(5, "gone", RunState::Running { attempt: 1 }, 1),
            unfinished(6, "d", RunState::Running { attempt: 1 }, 1),
            unfinished(7, "e", RunState::Waiting { next_attempt: 2, until }, 1),
        ],
        ..Recovered::default()
    };
    let mut tasks: Vec<Task> = ["a", "b", "c", "d", "e"].map(task).into();
    tasks[3].retry.on_interrupt = OnInterrupt::GiveUp;
    tasks[4].enabled = false;
    let mut world = World::recovering(tasks, recovered);
    world.said.drain(..10);
    world.says(&[
        "ended skipped",
        "attempt 1 interrupted retry",
        "attempt 2 interrupted retry",
        "attempt 1 interrupted final",
        "attempt 1 interrupted final",
        "ended skipped",
    ]);
    world.plugin(PluginState::Ready);
    world.pass(1);
    world.says(&["started 2", "start a 2"]);
    world.pass(1);
    world.says(&["started 3", "start b 3"]);
    world.end(succeeded());
    world.pass(3);
    world.says(&["attempt 2 succeeded final", "started 2", "start c 2"]);
}
