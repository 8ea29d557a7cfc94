//! A year of a hundred tasks through the dispatcher into a real ledger, with crashes, sleep and clock steps on the way,
//! tasks that are paused, disabled and backfilled, and guests that fail: afterwards every slot has exactly one entry,
//! and none has succeeded twice.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use jiff::tz::TimeZone;

use super::*;
use crate::clock::Clock;
use crate::ledger::{Durability, Filter, Ledger, Reader, Record, Settings};
use crate::model::misfire::{Misfire, MisfirePolicy};

const ZONES: [&str; 8] = [
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Santiago",
    "Africa/Casablanca",
    "Pacific/Apia",
];
const CRONS: [&str; 6] =
    ["0 * * * *", "30 2 * * *", "15 9 * * MON-FRI", "0 0 1 * *", "0 12 L * *", "*/45 6-8 * * SUN#2"];

/// When the year begins.
const START: &str = "2026-01-01T00:00:00Z";

fn hundred_tasks() -> Vec<Arc<Task>> {
    let policies = [MisfirePolicy::Skip, MisfirePolicy::Once, MisfirePolicy::All { max: 3 }];
    (0..100)
        .map(|n| {
            let zone = TimeZone::get(ZONES[n % ZONES.len()]).unwrap();
            let schedule = match n % 10 {
                0 => Schedule::every(Duration::from_secs(5 * 3600 + 60 * n as u64)).unwrap(),
                _ => Schedule::cron(CRONS[n % CRONS.len()], zone).unwrap(),
            };
            let name = format!("task-{n}");
            let splay = Duration::from_secs(if n % 4 == 0 { 120 } else { 0 });
            Arc::new(Task {
                schedule: schedule.with_splay(splay, &name.parse().unwrap()),
                misfire: Misfire { policy: policies[n % 3], ..Misfire::default() }.into(),
                ..task(&name)
            })
        })
        .collect()
}

/// Takes one step into the ledger, and ends at once whatever it starts: every fifth time without success.
async fn settle(
    dispatcher: &mut Dispatcher,
    ledger: &Ledger,
    mut step: Step,
    now: Timestamp,
    chance: &mut fastrand::Rng,
) {
    while !step.is_empty() {
        ledger.append(std::mem::take(&mut step.entries)).await.unwrap();
        for effect in std::mem::take(&mut step.effects) {
            let Effect::Start { run, .. } = effect else { continue };
            let outcome = if chance.u8(..5) == 0 { gave_up() } else { succeeded() };
            step.append(dispatcher.attempt_ended(ended(run.id, outcome, now), now, 0.5));
        }
    }
}

fn gave_up() -> AttemptOutcome {
    AttemptOutcome::Failed(Failure { kind: FailureKind::Permanent, message: String::new() })
}

/// Somebody pauses a task, resumes one, or runs the last days of one again.
async fn meddle(
    dispatcher: &mut Dispatcher,
    ledger: &Ledger,
    tasks: &[Arc<Task>],
    now: Timestamp,
    chance: &mut fastrand::Rng,
) {
    let task = &tasks[chance.usize(..tasks.len())];
    let step = match chance.u8(..4) {
        0 => dispatcher.pause(&task.name, "a test", now).unwrap().1,
        1 | 2 => dispatcher.resume_task(&task.name, now).unwrap().1,
        _ => {
            // What was due before the task was there has no entry, and does not count below.
            let from = (now - SignedDuration::from_hours(chance.i64(1..400))).max(START.parse().unwrap());
            let slots = task.schedule.passed(from, now, 300).latest;
            let past = Reader::open(ledger.folder()).unwrap().past(&task.name, &slots).unwrap();
            let slots: Vec<_> = slots.into_iter().zip(past).collect();
            match dispatcher.backfill(&task.name, &slots, 2.try_into().unwrap(), now) {
                Ok(backfilled) => backfilled.step,
                Err(refusal) => {
                    assert_eq!((refusal, task.enabled), (Refusal::Disabled, false));
                    Step::default()
                }
            }
        }
    };
    settle(dispatcher, ledger, step, now, chance).await;
}

/// The tasks as this host's configuration has them: now these are disabled, now those.
fn configured(tasks: &[Arc<Task>], incarnation: usize) -> Vec<Arc<Task>> {
    let enabled = |index: usize| !(index + incarnation).is_multiple_of(9);
    tasks
        .iter()
        .enumerate()
        .map(|(index, task)| Arc::new(Task { enabled: enabled(index), ..Task::clone(task) }))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn every_slot_of_a_year_is_in_the_ledger_once() {
    let state = tempfile::tempdir().unwrap();
    let settings = Settings { state: state.path().to_owned(), durability: Durability::Normal };
    let start: Timestamp = START.parse().unwrap();
    let end = start + SignedDuration::from_hours(365 * 24);
    let tasks = hundred_tasks();
    let mut chance = fastrand::Rng::with_seed(4);

    let (mut now, mut incarnations) = (start, 0);
    while now < end {
        incarnations += 1;
        let (ledger, recovered) = crate::ledger::tests::opened(&settings, Clock::simulated(now));
        let queue = Queue::new(200, 1000);
        let tasks = configured(&tasks, incarnations);
        let (mut dispatcher, first) = Dispatcher::new(tasks.clone(), queue, recovered, 0, now, &mut || 0.5);
        settle(&mut dispatcher, &ledger, first, now, &mut chance).await;
        let ready = dispatcher.plugin_changed(&tasks[0].build(), PluginState::Ready, now);
        settle(&mut dispatcher, &ledger, ready, now, &mut chance).await;

        // A host lives for nine days and a bit; in its life the machine sleeps once and its clock is set back once.
        let dies = (now + SignedDuration::from_mins(9 * 24 * 60 + 7)).min(end);
        let mut troubles = [(now + SignedDuration::from_hours(70), 31), (now + SignedDuration::from_hours(150), -2)]
            .into_iter()
            .peekable();
        while let Some(wake) = dispatcher.next_wake().filter(|wake| *wake <= dies) {
            now = now.max(wake);
            let mut gap = Gap::None;
            if let Some((_, hours)) = troubles.next_if(|(at, _)| *at <= now) {
                now += SignedDuration::from_hours(hours);
                gap = if hours > 0 { Gap::Suspended } else { Gap::ClockStep };
            }
            let mut step = Step::default();
            for due in dispatcher.take_due(now, gap) {
                step.append(dispatcher.due(due, now));
            }
            settle(&mut dispatcher, &ledger, step, now, &mut chance).await;
            if chance.u8(..20) == 0 {
                meddle(&mut dispatcher, &ledger, &tasks, now, &mut chance).await;
            }
        }
        if now >= end {
            for task in &tasks {
                let (_, step) = dispatcher.resume_task(&task.name, now).unwrap();
                settle(&mut dispatcher, &ledger, step, now, &mut chance).await;
            }
        }
        // Killed; the next host comes five hours later.
        now = now.max(dies) + SignedDuration::from_hours(5);
    }
    assert!(incarnations > 30, "{incarnations} hosts");

    let reader = Reader::open(state.path()).unwrap();
    let (_, recovered) = crate::ledger::tests::opened(&settings, Clock::simulated(now));
    let (mut again, mut held) = (0u32, 0u32);
    for task in &tasks {
        let filter = Filter { task: Some(task.name.clone()), limit: u32::MAX, ..Filter::default() };
        let mut slots = BTreeSet::new();
        let mut missed = 0;
        for record in reader.records(&filter).unwrap() {
            match record {
                Record::Run(run) => {
                    assert!(slots.insert(run.slot.unwrap()), "{} {:?} twice", task.name, run.slot);
                    if run.attempts > 1 {
                        let attempts = reader.attempts(run.id).unwrap();
                        let successes = attempts.iter().filter(|attempt| attempt.outcome == succeeded()).count();
                        assert!(successes <= 1, "{} {:?} succeeded twice", task.name, run.slot);
                        again += 1;
                    }
                }
                Record::Missed(range) => {
                    let ranged =
                        task.schedule.passed(range.first.time() - SignedDuration::from_millis(1), range.last.time(), 0);
                    assert_eq!(ranged.count, range.count, "{} {range:?}", task.name);
                    assert!(slots.range(range.first..=range.last).next().is_none(), "{} {range:?}", task.name);
                    missed += range.count;
                    held += u32::from(matches!(range.why, PassedOver::Skipped(_)));
                }
            }
        }
        let decided = recovered.cursors[&task.name];
        let expected = task.schedule.passed(start, decided.time(), 0).count;
        assert_eq!(slots.len() as u64 + missed, expected, "{} up to {decided}", task.name);
        let left = task.schedule.passed(decided.time(), end - SignedDuration::from_hours(40 * 24), 0).count;
        assert_eq!(left, 0, "{}: nothing before the last weeks is undecided", task.name);
    }
    assert!(again > 100 && held > 100, "{again} slots were run again, {held} ranges were held");
}
