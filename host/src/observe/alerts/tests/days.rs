//! Days of tasks, from the ends of their runs in a real ledger to the messages that go out, in simulated time.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;

use jiff::SignedDuration;

use super::*;
use crate::clock::Clock;
use crate::ledger::{
    Admission, AlertStep, Durability, Entry, Ledger, MessageTry, Next, Settings as LedgerSettings, TryResult,
};
use crate::model::alert::channel::{Channel, GROUP, Target};
use crate::model::alert::{Gate, Recoveries, Rules};
use crate::model::cause::Cause;
use crate::model::id::{AlertName, Digest};
use crate::model::limits::Usage;
use crate::model::outcome::{AttemptOutcome, Failure, FailureKind, Skip};
use crate::model::run::Run;
use crate::model::schedule::Schedule;
use crate::model::task::Task;
use crate::model::taskset::TaskSet;
use crate::observe::alerts::draft::{Draft, Problems};
use crate::observe::alerts::happenings::{self, Known};
use crate::observe::alerts::{Settings, outbox};

const MIDNIGHT: Timestamp = Timestamp::constant(1_795_824_000, 0);

/// A host's alerts without their thread and without a network.
struct Bench {
    folder: tempfile::TempDir,
    ledger: Option<Ledger>,
    settings: Settings,
    tasks: TaskSet,
    problems: Problems,
    known: Known,
    runs: i64,
}

fn ops() -> AlertName {
    "ops".parse().unwrap()
}

fn open(folder: &tempfile::TempDir) -> Ledger {
    let settings = LedgerSettings { state: folder.path().to_owned(), durability: Durability::Normal };
    let (ledger, _) = crate::ledger::tests::opened(&settings, Clock::system());
    ledger.enter_causes(true);
    ledger
}

impl Bench {
    fn new(daily_cap: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hook =
            Hook { url: "http://127.0.0.1:1".parse().unwrap(), service: Service::Json, token: None, roots: None };
        let channel = Channel {
            name: ops(),
            rules: Rules {
                on: Kind::ALL.into(),
                recoveries: Recoveries::Told,
                after_failures: NonZeroU32::MIN,
                reminder: Duration::from_secs(4 * 60 * 60),
            },
            gate: Gate {
                group_wait: Duration::from_secs(30),
                daily_cap: NonZeroU32::new(daily_cap).unwrap(),
                group: GROUP,
                quiet: None,
                zone: TimeZone::UTC,
            },
            queued_for: Duration::from_secs(600),
            target: Target::Hook(hook),
        };
        let mut task = Task::example("report", Schedule::manual());
        task.alerts = [ops()].into();
        let channels = [(ops(), Arc::new(channel))].into();
        Self {
            ledger: Some(open(&folder)),
            folder,
            settings: Settings { channels, ..Settings::default() },
            tasks: [Arc::new(task)].into_iter().collect(),
            problems: Problems::new(),
            known: Known::default(),
            runs: 0,
        }
    }

    fn ledger(&self) -> &Ledger {
        self.ledger.as_ref().unwrap()
    }

    async fn append(&self, entries: Vec<Entry>) {
        self.ledger().append(entries).await.unwrap();
    }

    fn run(&mut self, at: Timestamp) -> Arc<Run> {
        self.runs += 1;
        let task = self.tasks.values().next().unwrap().clone();
        let id = RunId::from_i64(self.runs).unwrap();
        Arc::new(Run { id, task, cause: Cause::Manual, slot: None, payload: None, trace: None, admitted_at: at })
    }

    /// A run ends.
    async fn ends(&mut self, outcome: AttemptOutcome, took: Duration, at: Timestamp) {
        let began = at - SignedDuration::try_from(took).unwrap();
        let run = self.run(began);
        let ended = Entry::AttemptEnded {
            run: run.id,
            task: run.task.name.clone(),
            attempt: 1,
            outcome: Arc::new(outcome),
            usage: Usage { duration: took, ..Usage::default() },
            plugin: Some(Digest::from_bytes([7; 32])),
            log: Arc::default(),
            writes: Arc::default(),
            started_at: began,
            ended_at: at,
            next: Next::Final,
        };
        self.append(vec![Entry::Admitted { run, admission: Admission::Running }, ended]).await;
    }

    /// One look at what waits, as the engine takes it. Returns the notices of each message that goes out.
    async fn look(&mut self, now: Timestamp) -> Vec<Vec<Notice>> {
        let reader = self.ledger().reader().unwrap();
        let mut draft = Draft::default();
        let channel = self.settings.channels[&ops()].clone();
        for cause in reader.alert_causes(1000).unwrap() {
            let task = self.tasks.get(&cause.task).unwrap();
            let wanted: BTreeSet<Kind> = Kind::ALL.into();
            let all = happenings::of_cause(&cause, task, &wanted, &reader, &mut self.known, now).unwrap();
            all.iter().for_each(|happening| draft.judge(&self.problems, &channel, happening, now));
            draft.step.judged = Some(cause.seq);
        }
        for key in self.problems.keys() {
            draft.tick(&self.problems, &channel, key, now);
        }
        self.append(vec![Entry::Alerted(Arc::new(draft.to_step()))]).await;
        draft.settle(&mut self.problems);
        let made = outbox::make(&reader, &self.settings, false, now).unwrap();
        self.append(vec![Entry::Alerted(Arc::new(AlertStep { messages: made.messages, ..AlertStep::default() }))])
            .await;
        let mut sent = Vec::new();
        let mut step = AlertStep::default();
        for pending in reader.alert_messages_pending().unwrap() {
            sent.push(reader.alert_notices(pending.id).unwrap());
            step.tries.push(MessageTry { message: pending.id, result: TryResult::Delivered { at: now } });
        }
        self.append(vec![Entry::Alerted(Arc::new(step))]).await;
        sent
    }

    /// The host is gone and another takes its place.
    fn restart(&mut self) {
        self.ledger = None;
        let ledger = open(&self.folder);
        self.problems = ledger.reader().unwrap().alert_problems().unwrap().into_iter().collect();
        self.ledger = Some(ledger);
    }
}

fn busy(number: i64) -> AttemptOutcome {
    let message = format!("busy, try {number}");
    AttemptOutcome::Failed(Failure { kind: FailureKind::Permanent, message })
}

const DONE: AttemptOutcome = AttemptOutcome::Succeeded { output: None };

fn after(minutes: i64) -> Timestamp {
    MIDNIGHT + SignedDuration::from_mins(minutes)
}

#[tokio::test]
async fn a_day_of_flapping_sends_what_the_rules_allow_across_restarts() {
    for (cap, expected) in [(50, 9), (4, 4)] {
        let mut bench = Bench::new(cap);
        let mut sent: Vec<Vec<Notice>> = Vec::new();
        for minute in 0..24 * 60 - 1 {
            // It fails two minutes out of four.
            let outcome = if minute % 4 < 2 { busy(minute) } else { DONE };
            if minute % 2 == 0 {
                bench.ends(outcome, Duration::from_secs(1), after(minute)).await;
            }
            if minute % 97 == 0 {
                bench.restart();
            }
            sent.extend(bench.look(after(minute)).await);
        }
        let news: Vec<News> = sent.iter().flatten().map(|notice| notice.news).collect();
        assert_eq!(news[..3], [News::First, News::Recovered, News::Relapse]);
        assert!(news[3..].iter().all(|news| *news == News::Reminder), "{news:?}");
        assert!(sent.len() <= expected, "{} messages under a cap of {cap}", sent.len());
        // What the cap held back comes on the next day, together, and says how it stands.
        let next_day = bench.look(after(24 * 60)).await;
        if cap == 4 {
            assert_eq!((sent.len(), next_day.len()), (4, 1), "{next_day:?}");
            assert_eq!(next_day[0].last().map(|notice| notice.news), Some(News::Reminder));
        }
    }
}

#[tokio::test]
async fn what_is_unusual_for_a_task_is_told() {
    let mut bench = Bench::new(50);
    let seconds = Duration::from_secs;
    // Before there is enough of a past, nothing is unusual.
    bench.ends(DONE, seconds(600), after(0)).await;
    assert_eq!(bench.look(after(1)).await.len(), 0);
    for number in 0..300 {
        bench.ends(DONE, seconds(60), after(number / 3)).await;
    }
    bench.look(after(100)).await;
    bench.known = Known::default();
    let told = |sent: Vec<Vec<Notice>>| -> Vec<(Kind, String)> {
        sent.into_iter().flatten().map(|notice| (notice.kind, notice.what)).collect()
    };
    for (minute, took, expected) in [
        (200, 61, None),
        (300, 1200, Some((Kind::Slow, "took 20m, where"))),
        (400, 3, Some((Kind::Short, "took 3s, where"))),
    ] {
        bench.ends(DONE, seconds(took), after(minute)).await;
        bench.look(after(minute)).await;
        let found = told(bench.look(after(minute + 1)).await);
        match expected {
            None => assert_eq!(found, []),
            Some((kind, what)) => {
                assert!(found.len() == 1 && found[0].0 == kind && found[0].1.starts_with(what), "{found:?}");
            }
        }
    }
    // One that goes on is stuck once it takes three times as long.
    let run = bench.run(after(500));
    let entry = Entry::Admitted { run: run.clone(), admission: Admission::Running };
    bench.append(vec![entry]).await;
    let queued = bench.run(after(500));
    bench.append(vec![Entry::Admitted { run: queued.clone(), admission: Admission::Queued }]).await;
    let reader = bench.ledger().reader().unwrap();
    let mut stuck = |minute| {
        let open = reader.unfinished_runs().unwrap();
        let queued_for = |_: &Task| Some(seconds(600));
        let found =
            happenings::stuck(open, &bench.tasks, queued_for, &reader, &mut bench.known, after(minute)).unwrap();
        found.into_values().map(|happening| (happening.run.unwrap(), happening.what)).collect::<Vec<_>>()
    };
    assert_eq!(stuck(502), []);
    let found = stuck(504);
    assert!(found[0].0 == run.id && found[0].1.starts_with("attempt 1 goes on for 4m, where "), "{found:?}");
    // Of several, the oldest is told.
    assert_eq!(stuck(511)[0].0, run.id);
    let ended = Entry::AttemptEnded {
        run: run.id,
        task: run.task.name.clone(),
        attempt: 1,
        outcome: Arc::new(DONE),
        usage: Usage::default(),
        plugin: None,
        log: Arc::default(),
        writes: Arc::default(),
        started_at: after(500),
        ended_at: after(511),
        next: Next::Final,
    };
    bench.ledger.as_ref().unwrap().append(vec![ended]).await.unwrap();
    assert_eq!(stuck(511), [(queued.id, "waits for its turn for 11m".to_owned())]);
}

#[tokio::test]
async fn skips_that_nobody_wanted_are_told_and_others_are_not() {
    let mut bench = Bench::new(50);
    for (minute, why) in (0..).zip(Skip::ALL) {
        let run = bench.run(after(minute));
        let entry = Entry::Skipped {
            id: run.id,
            task: run.task.name.clone(),
            slot: None,
            cause: Cause::Manual,
            why,
            at: after(minute),
        };
        bench.append(vec![entry]).await;
    }
    bench.look(after(10)).await;
    let told: Vec<_> = bench.look(after(11)).await.into_iter().flatten().collect();
    let told: Vec<_> = told.iter().map(|notice| (notice.kind, notice.subject.to_string())).collect();
    assert_eq!(told, [(Kind::Missed, "task:report".to_owned()), (Kind::Plugin, "plugin:plugin".to_owned())]);
}
