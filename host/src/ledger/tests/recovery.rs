//! What is found when a ledger is opened again, however the host before ended.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::*;
use crate::ledger::Unfinished;
use crate::model::outcome::{Interruption, Outcome};
use crate::model::run::RunState;

#[tokio::test]
async fn unfinished_runs_are_found_where_they_stood() {
    let bench = Bench::new();
    let queued = Run { payload: Some(Arc::new(blob(b"in"))), ..run(1, "a", Some(slot(1))) };
    bench.append([admitted(queued, Admission::Queued)]).await.unwrap();
    bench.append([admitted(run(2, "b", None), Admission::Running)]).await.unwrap();
    let next = Next::Retry { at: time(500) };
    bench
        .append([admitted(run(3, "a", Some(slot(3))), Admission::Running), ended(3, 1, failed(), next)])
        .await
        .unwrap();
    bench
        .append([admitted(run(4, "a", None), Admission::Running), ended(4, 1, succeeded(), Next::Final)])
        .await
        .unwrap();

    let unfinished = |number, task: &str, slot: Option<Slot>, state, attempts| Unfinished {
        run: id(number),
        task: task.parse().unwrap(),
        cause: if slot.is_some() { Cause::Schedule } else { Cause::Manual },
        slot,
        payload: (number == 1).then(|| Arc::new(blob(b"in"))),
        admitted_at: time(number),
        since: time(if number == 3 { 23 } else { number }),
        state,
        attempts,
        attempts_before: 0,
    };
    let expected = [
        unfinished(1, "a", Some(slot(1)), RunState::Queued, 0),
        unfinished(2, "b", None, RunState::Running { attempt: 1 }, 1),
        unfinished(3, "a", Some(slot(3)), RunState::Waiting { next_attempt: 2, until: time(500) }, 1),
    ];
    let (bench, recovered) = bench.reopen();
    assert_eq!(recovered.unfinished, expected);
    assert_eq!(recovered.last_run, Some(id(4)));
    // Nothing was decided, so a second crash changes nothing.
    let (_, recovered) = bench.reopen();
    assert_eq!(recovered.unfinished, expected);
}

/// What a host enters for an attempt that the host before it could not end.
fn interrupted(number: i64, next: Next) -> Entry {
    Entry::AttemptEnded {
        run: id(number),
        task: "a".parse().unwrap(),
        attempt: 1,
        outcome: Arc::new(AttemptOutcome::Interrupted(Interruption::Crash)),
        usage: Usage::default(),
        plugin: None,
        log: Arc::default(),
        writes: Arc::default(),
        started_at: time(number),
        ended_at: time(90),
        next,
    }
}

#[tokio::test]
async fn a_run_that_was_cut_off_is_retried_or_given_up() {
    let bench = Bench::new();
    for number in [1, 2] {
        bench.append([admitted(run(number, "a", None), Admission::Running)]).await.unwrap();
    }
    let (bench, _) = bench.reopen();
    bench.append([interrupted(1, Next::Retry { at: time(100) }), interrupted(2, Next::Final)]).await.unwrap();
    bench.append([started(1, 2, 100)]).await.unwrap();
    let (bench, recovered) = bench.reopen();
    let [unfinished] = &recovered.unfinished[..] else { panic!("{recovered:?}") };
    assert_eq!((unfinished.run, &unfinished.state), (id(1), &RunState::Running { attempt: 2 }));
    assert_eq!((unfinished.since, unfinished.attempts), (time(100), 2));
    let [attempt] = &bench.reader().attempts(id(2)).unwrap()[..] else { panic!("one attempt") };
    assert_eq!(attempt.outcome, AttemptOutcome::Interrupted(Interruption::Crash));
    assert_eq!((attempt.started_at, attempt.plugin), (time(2), None));
    let record = bench.run(id(2));
    assert_eq!(record.state, RunState::Final(Outcome::Attempted(attempt.outcome.clone())));
    assert_eq!(record.took, Some(Duration::from_millis(88)), "by the wall clock, for want of a measurement");
}

/// The part of the test below that is killed: appends until then, and says what was acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs as a child of the test that kills it"]
async fn child_that_appends_until_it_is_killed() {
    let state = std::env::var_os("SANDCLOCK_TEST_STATE").expect("the parent says where");
    let settings = Settings { state: state.into(), durability: Durability::Full };
    let (ledger, recovered) = Ledger::open(&settings, Clock::system()).unwrap();
    let first = recovered.last_run.map_or(1, |last| last.as_i64() + 1);
    for lot in (first..).step_by(16) {
        let lot: Vec<i64> = (lot..lot + 16).collect();
        let admit =
            |number: &i64| ledger.append(vec![admitted(run(*number, "a", Some(slot(*number))), Admission::Running)]);
        let results = futures_util::future::join_all(lot.iter().map(admit)).await;
        assert!(results.iter().all(Result::is_ok));
        println!("admitted {}", lot.last().unwrap());
        let finish = |number: &i64| ledger.append(vec![ended(*number, 1, succeeded(), Next::Final)]);
        futures_util::future::join_all(lot.iter().map(finish)).await;
        println!("ended {}", lot.last().unwrap());
    }
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    for round in 1..=4 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "--ignored",
                "--nocapture",
                "ledger::tests::recovery::child_that_appends_until_it_is_killed",
            ])
            .env("SANDCLOCK_TEST_STATE", folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let said: Vec<String> = lines
            .by_ref()
            .filter(|line| line.starts_with("admitted") || line.starts_with("ended"))
            .take(round * 7)
            .collect();
        child.kill().unwrap();
        let said: Vec<String> = said.into_iter().chain(lines).collect();
        child.wait().unwrap();

        let last = |what: &str| {
            let of = said.iter().filter_map(|line| line.strip_prefix(what)?.trim().parse::<i64>().ok());
            of.max().expect("the child got somewhere")
        };
        let (ledger, recovered) = open(&folder);
        assert!(recovered.last_run >= Some(id(last("admitted"))));
        assert_eq!(recovered.cursors[&"a".parse().unwrap()], slot(recovered.last_run.unwrap().as_i64()));
        assert!(recovered.unfinished.iter().all(|unfinished| unfinished.run > id(last("ended"))), "{recovered:?}");
        let runs = Reader::open(folder.path()).unwrap().runs(&Filter { limit: u32::MAX, ..Filter::default() }).unwrap();
        let ids: Vec<i64> = runs.iter().rev().map(|run| run.id.as_i64()).collect();
        assert_eq!(ids, (1..=recovered.last_run.unwrap().as_i64()).collect::<Vec<_>>(), "every slot once");
        // The next child starts from a ledger in which all is over.
        let give_up = |unfinished: &Unfinished| interrupted(unfinished.run.as_i64(), Next::Final);
        let append = ledger.append(recovered.unfinished.iter().map(give_up).collect());
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(append).unwrap();
    }
}
