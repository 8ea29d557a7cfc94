//! The host is killed at random moments, and comes back each time. Meanwhile people pause its tasks, let them go on, and
//! run again what has passed.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::post;
use fastrand::Rng;
use rustix::process::Signal;
use sandclock_host::clock::Clock;
use sandclock_host::ledger::{Filter, Reader, Record};
use sandclock_host::model::outcome::OutcomeClass;
use sandclock_host::model::run::RunState;

use super::account::{Account, Attempt, Due, Effects, Range, Run};
use super::extent::{extent, seed};
use super::people::People;
use crate::project::Project;
use crate::server::Server;

/// How long a host lives at the most, from its first instruction on.
const LIFE: Duration = Duration::from_millis(2_500);
/// Tasks of each kind.
const COPIES: usize = 5;

/// A kind of task, due every second.
struct Kind {
    name: &'static str,
    given: &'static str,
    /// How the server answers it; none for a kind that asks nobody.
    asks: Option<&'static str>,
    is_retried: bool,
    is_alone: bool,
}

const KINDS: &[Kind] = &[
    Kind {
        name: "all",
        given: "misfire = { policy = \"all\", max = 100 }",
        asks: None,
        is_retried: true,
        is_alone: true,
    },
    Kind { name: "once", given: "misfire = { policy = \"once\" }", asks: None, is_retried: true, is_alone: true },
    Kind { name: "none", given: "misfire = { policy = \"skip\" }", asks: None, is_retried: true, is_alone: true },
    Kind {
        name: "asks",
        given: "retry = { attempts = 1000, first = \"100ms\" }",
        asks: Some("fast"),
        is_retried: true,
        is_alone: true,
    },
    Kind {
        name: "queues",
        given: "overlap = \"queue\"\nretry = { attempts = 1000, first = \"100ms\" }\nmisfire = { policy = \"all\", max = 5 }",
        asks: Some("slow"),
        is_retried: true,
        is_alone: true,
    },
    Kind {
        name: "replaces",
        given: "overlap = \"replace\"\nretry = { attempts = 1000, first = \"100ms\" }",
        asks: Some("slow"),
        is_retried: true,
        is_alone: true,
    },
    Kind {
        name: "flaky",
        given: "overlap = \"allow\"\nretry = { attempts = 1000, first = \"200ms\" }",
        asks: Some("flaky"),
        is_retried: true,
        is_alone: false,
    },
    Kind {
        name: "gives-up",
        given: "on-interrupt = \"give-up\"\nretry = { attempts = 3, on = [\"trapped\"] }",
        asks: Some("fast"),
        is_retried: false,
        is_alone: true,
    },
    Kind {
        name: "gives-up-slow",
        given: "on-interrupt = \"give-up\"\noverlap = \"allow\"\nretry = { attempts = 1 }",
        asks: Some("slow"),
        is_retried: false,
        is_alone: false,
    },
];

#[test]
fn nothing_is_lost_or_done_twice_across_kills() {
    let seed = seed();
    let kills = extent(20, 1_000);
    println!("{kills} kills, seed {seed}");
    let mut rng = Rng::with_seed(seed);
    let server = Server::start(Router::new().route("/{manner}/{run}/{attempt}", post(answer)));
    let project = Project::new(&config(&server), &["tick", "caller"]);

    // The first host compiles, which it does once.
    let first = project.serve();
    first.until("every task has run", || {
        KINDS
            .iter()
            .all(|kind| project.runs(&format!("{}-0", kind.name)).iter().any(|run| run["attempts"].as_u64() > Some(0)))
    });
    let mut people = people();
    first.signal(Signal::KILL);
    first.wait();
    for _ in 1..kills {
        let host = project.launch();
        let (life, moment) = (LIFE.mul_f64(rng.f64()), rng.f64());
        host.lives(life.mul_f64(moment));
        let asking = people.ask(&project, &mut rng);
        host.lives(life.mul_f64(1.0 - moment));
        host.signal(Signal::KILL);
        host.wait();
        people.hear(asking);
    }
    let last_start = Clock::system().now().as_millisecond();
    let last = project.serve();
    for task in &people.paused {
        let resumed = project.run(&["resume", task]);
        assert!(resumed.status.success(), "seed {seed}: {resumed:?}");
    }
    last.until("every task is past its last start", || names().all(|task| newest(&project, &task) > Some(last_start)));
    last.signal(Signal::TERM);
    let (status, log) = last.wait();
    assert!(status.success(), "seed {seed}: {log}");

    let accounts = accounts(&project, &server, last_start);
    let violations: Vec<String> = accounts
        .iter()
        .flat_map(|account| {
            account.violations().into_iter().map(|violation| format!("{}: {violation:?}", account.task))
        })
        .collect();
    let runs: usize = accounts.iter().map(|account| account.runs.len()).sum();
    let cut_off = accounts.iter().flat_map(|account| &account.runs).filter(|run| run.begun > 1).count();
    println!("{people}");
    println!("{runs} runs, {cut_off} of them in several attempts, {} requests", server.requests.lock().unwrap().len());
    assert!(violations.is_empty(), "seed {seed}: {violations:#?}");
    assert!(cut_off > 0, "no kill met a run that went on; seed {seed}");
    assert!(people.were_heard(), "{people}; seed {seed}");
}

/// Of each kind, one task is paused now and then. What was given up is done again if somebody asks for that, so nobody
/// does.
fn people() -> People {
    let repeated = KINDS.iter().filter(|kind| kind.is_retried);
    let repeated = repeated.flat_map(|kind| (0..COPIES).map(move |copy| format!("{}-{copy}", kind.name)));
    let paused = KINDS.iter().map(|kind| format!("{}-0", kind.name));
    People::new(paused.collect(), repeated.collect(), Clock::system().now())
}

/// What the server does with a request.
async fn answer(Path((manner, _, attempt)): Path<(String, String, u32)>) -> StatusCode {
    if manner == "slow" {
        tokio::time::sleep(Duration::from_millis(fastrand::u64(100..1_500))).await;
    }
    if manner == "flaky" && attempt == 1 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::NO_CONTENT }
}

fn names() -> impl Iterator<Item = String> {
    KINDS.iter().flat_map(|kind| (0..COPIES).map(move |copy| format!("{}-{copy}", kind.name)))
}

fn config(server: &Server) -> String {
    let task = |kind: &Kind, copy: usize| {
        let Kind { name, given, asks, .. } = kind;
        let (plugin, asks) = match asks {
            None => ("tick", String::new()),
            Some(manner) => {
                let url = server.url(&format!("/{manner}"));
                ("caller", format!("payload = \"{url}\"\ngrants.http = [\"http://{}\"]\n", server.address))
            }
        };
        format!("[tasks.{name}-{copy}]\nplugin = \"{plugin}\"\nschedule = {{ every = \"1s\" }}\n{given}\n{asks}\n")
    };
    KINDS.iter().flat_map(|kind| (0..COPIES).map(|copy| task(kind, copy))).collect()
}

/// The newest slot of a task that has an entry.
fn newest(project: &Project, task: &str) -> Option<i64> {
    let reader = Reader::open(&project.path("state")).unwrap();
    let filter = Filter { task: Some(task.parse().unwrap()), limit: 20, ..Filter::default() };
    let slots = reader.records(&filter).unwrap().into_iter().map(|record| match record {
        Record::Run(run) => run.slot.map_or(0, |slot| slot.as_millis()),
        Record::Missed(missed) => missed.last.as_millis(),
    });
    slots.max()
}

/// What the ledger and the server know, of each task.
fn accounts(project: &Project, server: &Server, until: i64) -> Vec<Account> {
    let mut requests: BTreeMap<String, Vec<(String, u32)>> = BTreeMap::new();
    for line in server.requests.lock().unwrap().iter() {
        // `POST /manner/task-run/attempt`
        let parts: Vec<&str> = line.split('/').collect();
        let (task, run) = parts[2].rsplit_once('-').unwrap();
        requests.entry(task.to_owned()).or_default().push((run.to_owned(), parts[3].parse().unwrap()));
    }
    let reader = Reader::open(&project.path("state")).unwrap();
    let mut accounts: Vec<Account> = KINDS
        .iter()
        .flat_map(|kind| (0..COPIES).map(move |copy| (kind, format!("{}-{copy}", kind.name))))
        .map(|(kind, task)| {
            let (runs, ranges) = entries(&reader, &task);
            let requests = requests.remove(&task).unwrap_or_default();
            let effects = match (kind.asks, kind.is_retried) {
                (None, _) => Effects::None,
                (Some(_), true) => Effects::AtLeastOnce(requests),
                (Some(_), false) => Effects::AtMostOnce(requests),
            };
            let due = Due { first: i64::MAX, last: until / 1000 * 1000, every: 1000 };
            Account { task, due, runs, ranges, effects, is_alone: kind.is_alone }
        })
        .collect();
    assert!(requests.is_empty(), "requests of tasks that make none: {requests:?}");
    // All tasks were first seen at the same moment, so all have the same first slot.
    let slots = accounts.iter().flat_map(|account| {
        let ranges = account.ranges.iter().map(|range| range.first);
        account.runs.iter().map(|run| run.slot).chain(ranges)
    });
    let first = slots.min().unwrap();
    accounts.iter_mut().for_each(|account| account.due.first = first);
    accounts
}

fn entries(reader: &Reader, task: &str) -> (Vec<Run>, Vec<Range>) {
    let filter = Filter { task: Some(task.parse().unwrap()), limit: u32::MAX, ..Filter::default() };
    let (mut runs, mut ranges) = (Vec::new(), Vec::new());
    for record in reader.records(&filter).unwrap() {
        match record {
            Record::Missed(missed) => ranges.push(Range {
                first: missed.first.as_millis(),
                last: missed.last.as_millis(),
                count: missed.count,
            }),
            Record::Run(run) => {
                let attempts = if run.attempts == 0 { Vec::new() } else { reader.attempts(run.id).unwrap() };
                let attempts = attempts.into_iter().map(|attempt| Attempt {
                    number: attempt.attempt,
                    succeeded: attempt.outcome.class() == OutcomeClass::Succeeded,
                    from: attempt.started_at.as_millisecond(),
                    to: attempt.ended_at.as_millisecond(),
                });
                runs.push(Run {
                    id: run.id.to_string(),
                    slot: run.slot.unwrap().as_millis(),
                    outcome: match &run.state {
                        RunState::Final(outcome) => Some(outcome.class().name()),
                        _ => None,
                    },
                    begun: run.attempts,
                    attempts: attempts.collect(),
                });
            }
        }
    }
    (runs, ranges)
}
