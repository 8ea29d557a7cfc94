//! Every kind of entry, and every step that is refused.

use super::*;
use crate::ledger::{AttemptLog, MissedRecord};
use crate::model::cause::CauseKind;
use crate::model::outcome::{CancelledBy, Miss, Outcome, OutcomeClass, PassedOver, Skip};
use crate::model::run::RunState;

#[tokio::test]
async fn a_run_goes_through_its_states_and_keeps_all_that_is_said_of_it() {
    let bench = Bench::new();
    let payload = Some(Arc::new(blob(b"in")));
    let cause = Cause::After { task: "fetch".parse().unwrap(), run: id(3) };
    let queued = Run { payload, cause: cause.clone(), ..run(10, "report", None) };
    bench.append([admitted(queued, Admission::Queued)]).await.unwrap();
    let record = bench.run(id(10));
    assert_eq!((record.state, record.since, record.cause, record.took), (RunState::Queued, time(10), cause, None));

    bench.append([started(10, 1, 15)]).await.unwrap();
    let record = bench.run(id(10));
    assert_eq!((record.state, record.since, record.attempts), (RunState::Running { attempt: 1 }, time(15), 1));

    let next = Next::Retry { at: time(2_030) };
    bench.append([ended_of("report", 10, 1, failed(), next)]).await.unwrap();
    let record = bench.run(id(10));
    assert_eq!(record.state, RunState::Waiting { next_attempt: 2, until: time(2_030) });
    assert_eq!((record.since, record.took), (time(30), None));

    let output = Some(blob(b"out"));
    bench.append([started(10, 2, 2_031)]).await.unwrap();
    bench
        .append([ended_of("report", 10, 2, AttemptOutcome::Succeeded { output: output.clone() }, Next::Final)])
        .await
        .unwrap();
    let record = bench.run(id(10));
    assert_eq!(record.state, RunState::Final(Outcome::Attempted(succeeded())));
    assert_eq!((record.attempts, record.started_at), (2, Some(time(15))));
    assert_eq!(record.took, Some(Duration::from_millis(15)), "over all attempts, by the wall clock");

    let reader = bench.reader();
    let attempts = reader.attempts(id(10)).unwrap();
    assert_eq!(attempts.iter().map(|a| a.attempt).collect::<Vec<_>>(), [1, 2]);
    assert_eq!((&attempts[0].outcome, attempts[0].usage), (&failed(), usage()));
    assert_eq!(attempts[1].plugin, Some(Digest::from_bytes([7; 32])));
    assert_eq!((attempts[1].started_at, attempts[1].ended_at), (time(15), time(30)));
    let of_task = |limit| reader.attempts_of_task(&"report".parse().unwrap(), limit).unwrap();
    assert_eq!(of_task(9), [attempts[1].clone(), attempts[0].clone()], "newest first");
    assert_eq!(of_task(1), [attempts[1].clone()]);
    assert_eq!(reader.attempts_of_task(&"other".parse().unwrap(), 9).unwrap(), []);
    assert_eq!(reader.output(id(10)).unwrap(), output);
    assert_eq!(reader.payload(id(10)).unwrap(), Some(blob(b"in")));
    let of = |attempt| AttemptLog { attempt, lines: vec![line("hello")] };
    assert_eq!(reader.log(id(10), None).unwrap(), [of(1), of(2)]);
    assert_eq!(reader.log(id(10), Some(2)).unwrap(), [of(2)]);
}

#[tokio::test]
async fn a_run_that_starts_at_once_takes_two_entries() {
    let bench = Bench::new();
    bench.append([admitted(run(10, "a", Some(slot(10))), Admission::Running)]).await.unwrap();
    assert_eq!(bench.run(id(10)).state, RunState::Running { attempt: 1 });
    bench.append([ended(10, 1, failed(), Next::Final)]).await.unwrap();
    let record = bench.run(id(10));
    assert_eq!(record.state, RunState::Final(Outcome::Attempted(failed())));
    assert_eq!(record.started_at, Some(time(15)), "when the guest started, not when it was admitted");
    assert_eq!(record.took, Some(usage().duration), "of a single attempt, as measured");
}

#[tokio::test]
async fn a_step_that_cannot_follow_is_refused_and_changes_nothing() {
    let admit = |state| admitted(run(1, "a", None), state);
    let end = || Entry::Ended { run: id(1), outcome: Outcome::Skipped(Skip::TaskRemoved), at: time(9) };
    let retry = Next::Retry { at: time(50) };
    let waiting = || vec![admit(Admission::Running), ended(1, 1, failed(), retry)];
    let over = || vec![admit(Admission::Running), ended(1, 1, succeeded(), Next::Final)];
    for (before, step) in [
        (vec![], started(1, 1, 0)),
        (vec![], ended(1, 1, succeeded(), Next::Final)),
        (vec![], end()),
        (vec![admit(Admission::Queued)], admit(Admission::Queued)),
        (vec![admit(Admission::Queued)], started(1, 0, 0)),
        (vec![admit(Admission::Queued)], started(1, 2, 0)),
        (vec![admit(Admission::Queued)], ended(1, 1, succeeded(), Next::Final)),
        (vec![admit(Admission::Running)], started(1, 1, 0)),
        (vec![admit(Admission::Running)], started(1, 2, 0)),
        (vec![admit(Admission::Running)], ended(1, 2, succeeded(), Next::Final)),
        (vec![admit(Admission::Running)], ended_of("b", 1, 1, succeeded(), Next::Final)),
        (vec![admit(Admission::Running)], end()),
        (waiting(), started(1, 1, 0)),
        (waiting(), started(1, 3, 0)),
        (waiting(), ended(1, 1, succeeded(), Next::Final)),
        (over(), started(1, 2, 0)),
        (over(), ended(1, 1, succeeded(), Next::Final)),
        (over(), end()),
    ] {
        let bench = Bench::new();
        let is_new = before.is_empty();
        if !is_new {
            bench.append(before).await.unwrap();
        }
        let before = bench.reader().records(&Filter::default()).unwrap();
        let what = format!("{step:?} after {before:?}");
        let error = bench.append([step]).await.unwrap_err();
        assert!(error.is_refusal(), "{what}: {error}");
        assert_eq!(bench.reader().records(&Filter::default()).unwrap(), before, "{what}");
    }
}

#[tokio::test]
async fn a_run_ends_without_another_attempt_while_it_is_queued_or_waits() {
    let bench = Bench::new();
    let cancelled = Outcome::Attempted(AttemptOutcome::Cancelled(CancelledBy::Replaced { by: id(3) }));
    let end = |number| Entry::Ended { run: id(number), outcome: cancelled.clone(), at: time(99) };
    bench.append([admitted(run(1, "a", None), Admission::Queued), end(1)]).await.unwrap();
    let next = Next::Retry { at: time(500) };
    bench.append([admitted(run(2, "a", None), Admission::Running), ended(2, 1, failed(), next), end(2)]).await.unwrap();
    for (number, attempts) in [(1, 0), (2, 1)] {
        let record = bench.run(id(number));
        assert_eq!((record.state, record.attempts), (RunState::Final(cancelled.clone()), attempts));
        assert_eq!(record.since, time(99));
    }
}

#[tokio::test]
async fn a_slot_has_one_entry_for_ever() {
    let miss = |first, last, count| Entry::Missed {
        task: "a".parse().unwrap(),
        first: slot(first),
        last: slot(last),
        count,
        why: PassedOver::Missed(Miss::Down),
        at: time(last),
    };
    let admit = |number, at| admitted(run(number, "a", Some(slot(at))), Admission::Queued);
    let bench = Bench::new();
    bench.append([admit(1, 10), skipped(2, 20), miss(30, 50, 3), admit(3, 60)]).await.unwrap();
    for taken in [
        admit(9, 10),
        skipped(9, 10),
        admit(9, 20),
        skipped(9, 20),
        admit(9, 30),
        skipped(9, 40),
        admit(9, 50),
        miss(60, 60, 1),
        miss(50, 55, 1),
        miss(5, 10, 2),
        miss(20, 20, 1),
        miss(1, 99, 9),
        miss(35, 36, 2),
    ] {
        let error = bench.append([taken.clone()]).await.unwrap_err();
        assert!(error.is_refusal(), "{taken:?}: {error}");
        match (&taken, &error) {
            (Entry::Missed { first, last, .. }, LedgerError::RangeTaken { taken: (from, to), .. }) => {
                assert!(from <= last && to >= first, "{taken:?}: {error}");
            }
            (Entry::Admitted { .. } | Entry::Skipped { .. }, LedgerError::SlotTaken { .. }) => {}
            _ => panic!("{taken:?}: {error}"),
        }
    }
    // What lies between is free, whenever it comes; and every task has slots of its own.
    bench.append([admit(4, 15), miss(51, 59, 9), skipped(5, 29)]).await.unwrap();
    bench.append([admitted(run(6, "b", Some(slot(10))), Admission::Queued)]).await.unwrap();
    let (_, recovered) = bench.reopen();
    assert_eq!(recovered.cursors[&"a".parse().unwrap()], slot(60), "the cursor never moves back");
    assert_eq!(recovered.cursors[&"b".parse().unwrap()], slot(10));
}

#[tokio::test]
async fn a_cursor_moves_with_its_entry_or_not_at_all() {
    let cursor = |bench: Bench| {
        let (bench, recovered) = bench.reopen();
        (bench, recovered.cursors.get(&"a".parse().unwrap()).copied())
    };
    let bench = Bench::new();
    bench.append([Entry::CursorSet { task: "a".parse().unwrap(), slot: slot(5) }]).await.unwrap();
    let (bench, found) = cursor(bench);
    assert_eq!(found, Some(slot(5)));
    let both = [admitted(run(1, "a", Some(slot(10))), Admission::Queued), started(77, 1, 0)];
    bench.append(both).await.unwrap_err();
    let (bench, found) = cursor(bench);
    assert_eq!(found, Some(slot(5)));
    bench.append([admitted(run(1, "a", Some(slot(10))), Admission::Queued)]).await.unwrap();
    assert_eq!(cursor(bench).1, Some(slot(10)));
}

#[tokio::test]
async fn a_call_is_entered_whole_or_not_at_all() {
    let bench = Bench::new();
    let calls: Vec<_> = [
        vec![admitted(run(1, "a", Some(slot(1))), Admission::Running)],
        vec![
            admitted(run(2, "a", Some(slot(2))), Admission::Queued),
            admitted(run(3, "a", Some(slot(1))), Admission::Queued),
        ],
        vec![ended(1, 1, succeeded(), Next::Final), admitted(run(4, "new", Some(slot(3))), Admission::Queued)],
        vec![started(4, 2, 0), admitted(run(5, "newer", None), Admission::Queued)],
        vec![admitted(run(6, "newer", None), Admission::Queued)],
    ]
    .into_iter()
    .map(|entries| bench.ledger.append(entries))
    .collect();
    let results = futures_util::future::join_all(calls).await;
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true, false, true]);
    let ids: Vec<_> = bench.reader().runs(&Filter::default()).unwrap().iter().map(|run| run.id).collect();
    assert_eq!(ids, [id(6), id(4), id(1)]);
    let (_, recovered) = bench.reopen();
    assert_eq!(recovered.cursors.len(), 2);
    assert_eq!(recovered.cursors[&"a".parse().unwrap()], slot(1), "as far as the calls that were entered");
}

#[tokio::test]
async fn records_are_listed_newest_first_by_what_was_asked() {
    let bench = Bench::new();
    let milli = |millis| RunId::next(time(millis).as_millisecond(), 0, None).as_i64();
    for (at, task) in [(0, "a"), (10, "b"), (20, "a")] {
        let number = milli(at);
        let admit = Run { id: id(number), ..run(at, task, Some(slot(at))) };
        bench.append([admitted(admit, Admission::Running)]).await.unwrap();
        let outcome = if at == 10 { failed() } else { succeeded() };
        bench.append([ended_of(task, number, 1, outcome, Next::Final)]).await.unwrap();
    }
    let missed = Entry::Missed {
        task: "a".parse().unwrap(),
        first: slot(30),
        last: slot(40),
        count: 11,
        why: PassedOver::Missed(Miss::ClockStep),
        at: time(45),
    };
    let trigger = Entry::Skipped {
        id: id(milli(50)),
        task: "a".parse().unwrap(),
        slot: None,
        cause: Cause::Http,
        why: Skip::QueueFull,
        at: time(50),
    };
    bench.append([missed, trigger]).await.unwrap();

    let reader = bench.reader();
    let list = |filter: Filter| -> Vec<i64> {
        let of = |record: Record| match record {
            Record::Run(run) => run.admitted_at.duration_since(time(0)).as_millis() as i64,
            Record::Missed(MissedRecord { entered_at, .. }) => entered_at.duration_since(time(0)).as_millis() as i64,
        };
        reader.records(&filter).unwrap().into_iter().map(of).collect()
    };
    let all = Filter::default;
    let task = |name: &str| Some(name.parse().unwrap());
    assert_eq!(list(all()), [50, 45, 20, 10, 0]);
    assert_eq!(list(Filter { limit: 2, ..all() }), [50, 45]);
    assert_eq!(list(Filter { before: Some(id(milli(20))), ..all() }), [10, 0]);
    assert_eq!(list(Filter { task: task("a"), ..all() }), [50, 45, 20, 0]);
    assert_eq!(list(Filter { task: task("nobody"), ..all() }), [0; 0]);
    assert_eq!(list(Filter { outcomes: vec![OutcomeClass::Succeeded], ..all() }), [20, 0]);
    assert_eq!(list(Filter { outcomes: vec![OutcomeClass::FailedTransient], ..all() }), [10]);
    assert_eq!(list(Filter { outcomes: vec![OutcomeClass::Skipped], task: task("a"), ..all() }), [50]);
    assert_eq!(list(Filter { outcomes: vec![OutcomeClass::Missed], ..all() }), [45]);
    let two = vec![OutcomeClass::FailedTransient, OutcomeClass::Skipped];
    assert_eq!(list(Filter { outcomes: two, ..all() }), [50, 10]);
    assert_eq!(list(Filter { cause: Some(CauseKind::Http), ..all() }), [50]);
    assert_eq!(list(Filter { since: Some(time(10)), until: Some(time(45)), ..all() }), [20, 10]);

    let Record::Missed(record) = reader.records(&Filter { limit: 2, ..all() }).unwrap().remove(1) else { panic!() };
    assert_eq!(
        (record.first, record.last, record.count, record.why),
        (slot(30), slot(40), 11, PassedOver::Missed(Miss::ClockStep))
    );
}
