//! The state machine of runs, as the ledger and the database itself hold it: both refuse what
//! [`RunState::after`] refuses, and nothing else.

use rusqlite::{Connection, params};

use super::*;
use crate::model::outcome::{CancelledBy, Miss, Outcome, OutcomeClass, PassedOver, Skip};
use crate::model::run::RunState;
use crate::model::transition::Transition;

/// The states of a run that has an attempt behind it where it can, and how to bring run 1 there.
fn states() -> Vec<(RunState, Vec<Entry>)> {
    let at = time(500);
    let begin = || admitted(run(1, "a", Some(slot(1))), Admission::Running);
    let finish = |outcome: AttemptOutcome| {
        (RunState::Final(Outcome::Attempted(outcome.clone())), vec![begin(), ended(1, 1, outcome, Next::Final)])
    };
    let skipped = Entry::Skipped {
        id: id(1),
        task: "a".parse().unwrap(),
        slot: Some(slot(1)),
        cause: Cause::Schedule,
        why: Skip::Overlap,
        at: time(1),
    };
    vec![
        (RunState::Queued, vec![admitted(run(1, "a", Some(slot(1))), Admission::Queued)]),
        (RunState::Running { attempt: 1 }, vec![begin()]),
        (RunState::Waiting { next_attempt: 2, until: at }, vec![begin(), ended(1, 1, failed(), Next::Retry { at })]),
        finish(succeeded()),
        finish(failed()),
        (RunState::Final(Outcome::Skipped(Skip::Overlap)), vec![skipped]),
    ]
}

/// The steps of a run that has had so many attempts, each with its entry.
fn steps(attempts: u32) -> Vec<(Transition, Entry)> {
    let at = time(600);
    let cancelled = Outcome::Attempted(AttemptOutcome::Cancelled(CancelledBy::Operator));
    let close = |outcome: Outcome| (Transition::Close(outcome.clone()), Entry::Ended { run: id(1), outcome, at });
    vec![
        (Transition::Start { attempt: 1 }, started(1, 1, 600)),
        (Transition::Start { attempt: 2 }, started(1, 2, 600)),
        (Transition::Retry { at }, ended(1, 1, failed(), Next::Retry { at })),
        (Transition::Finish(failed()), ended(1, 1, failed(), Next::Final)),
        close(cancelled),
        close(Outcome::Skipped(Skip::TaskRemoved)),
        (Transition::Reopen, Entry::Reopened { run: Arc::new(run(1, "a", Some(slot(1)))), attempts, at }),
    ]
}

#[tokio::test]
async fn the_ledger_takes_the_steps_of_the_model_and_no_others() {
    for (state, entries) in states() {
        let attempts = u32::from(entries.iter().any(|entry| matches!(entry, Entry::AttemptEnded { .. })));
        for (step, entry) in steps(attempts) {
            let bench = Bench::new();
            bench.append(entries.clone()).await.unwrap();
            // The model does not know how many attempts a queued run has had.
            let knows = !matches!((&state, &step), (RunState::Queued, Transition::Start { attempt: 2 }));
            let expected = state.after(step.clone()).ok().filter(|_| knows);
            let result = bench.append([entry]).await;
            match expected {
                Some(expected) => {
                    result.unwrap_or_else(|error| panic!("{state:?} {step:?}: {error}"));
                    assert!(bench.run(id(1)).state.is_like(&expected), "{state:?} {step:?}");
                }
                None => {
                    let error = result.expect_err(&format!("{state:?} {step:?}"));
                    assert!(matches!(error, LedgerError::OutOfOrder { .. }), "{state:?} {step:?}: {error}");
                    assert!(bench.run(id(1)).state.is_like(&state), "nothing has changed");
                }
            }
        }
    }
}

/// How a state is written in the database by somebody who knows the checks: state, attempts, retry, outcome.
fn raw(state: &RunState) -> (i64, i64, Option<i64>, Option<i64>) {
    match state {
        RunState::Queued => (0, 0, None, None),
        RunState::Running { attempt } => (1, i64::from(*attempt), None, None),
        RunState::Waiting { next_attempt, .. } => (2, i64::from(*next_attempt) - 1, Some(1), None),
        RunState::Final(outcome) => {
            let attempts = i64::from(outcome.class() != OutcomeClass::Skipped);
            (3, attempts, None, Some(super::super::stored::class_code(outcome.class())))
        }
    }
}

#[tokio::test]
async fn the_database_refuses_what_the_model_refuses() {
    let targets: Vec<RunState> = states().into_iter().map(|(state, _)| state).collect();
    for (from, entries) in states() {
        for to in &targets {
            let bench = Bench::new();
            bench.append(entries.clone()).await.unwrap();
            let (state, _, retry_at, outcome) = raw(to);
            let before = raw(&from).1;
            // Whoever reopens says so; else only a start counts an attempt.
            let (attempts, attempts_before) = match state {
                0 => (before, before),
                1 => (before + 1, 0),
                _ => (before, 0),
            };
            let Bench { folder, ledger } = bench;
            drop(ledger);
            let connection = Connection::open(folder.path().join("ledger.db")).unwrap();
            let result = connection.execute(
                "UPDATE runs SET state = ?1, attempts = ?2, attempts_before = ?3, retry_at = ?4, outcome = ?5, detail = NULL,
                     started_at = iif(?2 > 0, 1, NULL)
                 WHERE id = 1",
                params![state, attempts, attempts_before, retry_at, outcome],
            );
            let legal = steps(1).into_iter().any(|(step, _)| {
                from.after(step).is_ok_and(|after| {
                    after.is_like(to)
                        && match (&after, to) {
                            (RunState::Final(a), RunState::Final(b)) => {
                                (a.class() == OutcomeClass::Skipped) == (b.class() == OutcomeClass::Skipped)
                                    && !matches!(from, RunState::Queued | RunState::Waiting { .. } if b.class() != OutcomeClass::Skipped)
                            }
                            _ => true,
                        }
                })
            });
            assert_eq!(result.is_ok(), legal, "{from:?} to {to:?}: {result:?}");
        }
    }
}

#[tokio::test]
async fn of_many_runs_that_are_moved_at_once_none_takes_a_step_that_it_cannot() {
    let bench = Bench::new();
    let over = [admitted(run(2, "a", None), Admission::Running), ended(2, 1, succeeded(), Next::Final)];
    bench.append([admitted(run(1, "a", None), Admission::Queued)]).await.unwrap();
    bench.append(over).await.unwrap();
    bench.append([admitted(run(3, "a", None), Admission::Queued)]).await.unwrap();
    let Bench { folder, ledger } = bench;
    drop(ledger);
    let connection = Connection::open(folder.path().join("ledger.db")).unwrap();
    let start = "UPDATE runs SET state = 1, outcome = NULL, attempts = attempts + 1, started_at = 1";
    connection.execute(start, []).unwrap_err();
    let state = |id| connection.query_row("SELECT state FROM runs WHERE id = ?", [id], |row| row.get::<_, i64>(0));
    assert_eq!([1, 2, 3].map(|id| state(id).unwrap()), [1, 3, 0], "those before it were free to go");
}

#[tokio::test]
async fn the_database_keeps_a_run_what_it_is() {
    let bench = Bench::new();
    let entries = states().remove(3).1;
    bench.append(entries).await.unwrap();
    let Bench { folder, ledger } = bench;
    drop(ledger);
    let connection = Connection::open(folder.path().join("ledger.db")).unwrap();
    for statement in [
        "UPDATE runs SET slot = slot + 1",
        "UPDATE runs SET task = 9",
        "UPDATE runs SET id = 9",
        "UPDATE runs SET attempts = 2",
        "UPDATE runs SET outcome = 1",
        "UPDATE runs SET state = 0, outcome = NULL, attempts_before = 1",
        "INSERT INTO runs SELECT 2, task, slot, cause, cause_detail, 0, since, 0, 0, admitted_at, NULL, NULL, NULL, NULL FROM runs",
        "INSERT INTO runs SELECT 2, task, 9, cause, cause_detail, 3, since, 0, 0, admitted_at, NULL, NULL, 0, NULL FROM runs",
    ] {
        assert!(connection.execute(statement, []).is_err(), "{statement}");
    }
}

#[tokio::test]
async fn a_run_that_is_opened_again_keeps_its_attempts_and_gets_new_ones() {
    let bench = Bench::new();
    let failing = [admitted(run(1, "a", Some(slot(1))), Admission::Running), ended(1, 1, failed(), Next::Final)];
    bench.append(failing).await.unwrap();
    let cause = Cause::Backfill { max_parallel: NonZeroU32::MIN };
    let again = Run { cause: cause.clone(), payload: Some(Arc::new(blob(b"in"))), ..run(1, "a", Some(slot(1))) };
    bench.append([Entry::Reopened { run: Arc::new(again), attempts: 1, at: time(700) }]).await.unwrap();
    let (bench, recovered) = bench.reopen();
    let [unfinished] = &recovered.unfinished[..] else { panic!("{recovered:?}") };
    assert_eq!((unfinished.attempts, unfinished.attempts_before), (1, 1));
    assert_eq!((&unfinished.state, &unfinished.cause), (&RunState::Queued, &cause));
    assert_eq!(unfinished.payload.as_deref(), Some(&blob(b"in")));
    bench.append([started(1, 2, 800), ended(1, 2, succeeded(), Next::Final)]).await.unwrap();
    let record = bench.run(id(1));
    assert_eq!((record.attempts, record.state), (2, RunState::Final(Outcome::Attempted(succeeded()))));
    assert_eq!(bench.reader().attempts(id(1)).unwrap().len(), 2);
    let entry = Entry::Reopened { run: Arc::new(run(1, "a", Some(slot(1)))), attempts: 2, at: time(900) };
    assert!(bench.append([entry]).await.unwrap_err().is_refusal(), "it succeeded");
}

#[tokio::test]
async fn a_run_that_has_ended_again_since_it_was_looked_up_is_not_opened() {
    let bench = Bench::new();
    let again = |attempts, at| Entry::Reopened { run: Arc::new(run(1, "a", Some(slot(1)))), attempts, at: time(at) };
    let failing = [admitted(run(1, "a", Some(slot(1))), Admission::Running), ended(1, 1, failed(), Next::Final)];
    bench.append(failing).await.unwrap();
    // Both have found one attempt.
    bench.append([again(1, 700), started(1, 2, 700), ended(1, 2, failed(), Next::Final)]).await.unwrap();
    assert!(bench.append([again(1, 800)]).await.unwrap_err().is_refusal());
    let record = bench.run(id(1));
    assert_eq!((record.attempts, record.state), (2, RunState::Final(Outcome::Attempted(failed()))));
}

#[tokio::test]
async fn a_range_is_lengthened_and_cut_and_no_slot_of_it_is_lost() {
    let passed = |first, last, count, why| Entry::Missed {
        task: "a".parse().unwrap(),
        first: slot(first),
        last: slot(last),
        count,
        why,
        at: time(last),
    };
    let ranges = |bench: &Bench| -> Vec<(Slot, Slot, u64)> {
        let records = bench.reader().records(&Filter::default()).unwrap().into_iter();
        let mut ranges: Vec<_> = records
            .filter_map(|record| match record {
                Record::Missed(range) => Some((range.first, range.last, range.count)),
                Record::Run(_) => None,
            })
            .collect();
        ranges.sort_unstable();
        ranges
    };
    let (paused, down) = (PassedOver::Skipped(Skip::Paused), PassedOver::Missed(Miss::Down));
    let bench = Bench::new();
    bench.append([passed(10, 30, 3, paused), passed(40, 50, 2, paused), passed(60, 60, 1, down)]).await.unwrap();
    bench.append([passed(70, 70, 1, paused)]).await.unwrap();
    assert_eq!(ranges(&bench), [(slot(10), slot(50), 5), (slot(60), slot(60), 1), (slot(70), slot(70), 1)]);

    let skipped = Filter { outcomes: vec![OutcomeClass::Skipped], ..Filter::default() };
    assert_eq!(bench.reader().records(&skipped).unwrap().len(), 2);
    let [PastSlot::InRange { id: range, first, last, count }] =
        bench.reader().past(&"a".parse().unwrap(), &[slot(20)]).unwrap()[..]
    else {
        panic!()
    };
    assert_eq!((first, last, count), (slot(10), slot(50), 5));
    let cut = Entry::RangeCut {
        task: "a".parse().unwrap(),
        range: (range, first, last),
        rest: vec![(slot(10), slot(10), 1), (slot(30), slot(50), 3)],
        at: time(99),
    };
    let taken = admitted(run(2, "a", Some(slot(20))), Admission::Queued);
    assert!(bench.append([taken.clone()]).await.unwrap_err().is_refusal(), "the slot has an entry");
    bench.append([cut.clone(), taken]).await.unwrap();
    assert_eq!(ranges(&bench)[..2], [(slot(10), slot(10), 1), (slot(30), slot(50), 3)]);
    assert!(matches!(bench.append([cut]).await.unwrap_err(), LedgerError::RangeChanged { .. }));

    let past = bench.reader().past(&"a".parse().unwrap(), &[slot(5), slot(20), slot(71)]).unwrap();
    assert_eq!(past, [PastSlot::Unknown, PastSlot::Unfinished, PastSlot::Undecided]);
    assert_eq!(bench.reader().past(&"nobody".parse().unwrap(), &[slot(5)]).unwrap(), [PastSlot::Undecided]);
}

#[tokio::test]
async fn how_a_task_stands_survives() {
    let task = || "a".parse().unwrap();
    let pause = Pause { since: time(5), by: "uid 1000".to_owned() };
    let bench = Bench::new();
    bench.append([Entry::PauseSet { task: task(), pause: Some(pause.clone()) }]).await.unwrap();
    let (bench, recovered) = bench.reopen();
    assert_eq!(recovered.standings[&task()], Standing { schedule: None, enabled: true, pause: Some(pause) });
    let set = Entry::TaskSet { task: task(), schedule: "manual".to_owned(), enabled: false };
    bench.append([set, Entry::PauseSet { task: task(), pause: None }]).await.unwrap();
    let (_, recovered) = bench.reopen();
    let expected = Standing { schedule: Some("manual".to_owned()), enabled: false, pause: None };
    assert_eq!(recovered.standings[&task()], expected);
}
