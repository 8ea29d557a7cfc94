//! What alerts need of the ledger: no cause without its end and no end without its cause, and steps that are whole.

use super::*;
use crate::ledger::{AlertCause, AlertStep, Caused, HostMark, MessageTry, NewMessage, PendingMessage, TryResult};
use crate::model::alert::gate::Waiting;
use crate::model::alert::{Kind, News, Notice, Problem, Signature, Stage, Subject};
use crate::model::id::AlertName;
use crate::model::outcome::{Miss, OutcomeClass, PassedOver};

fn ops() -> AlertName {
    "ops".parse().unwrap()
}

fn subject() -> Subject {
    Subject::Task("a".parse().unwrap())
}

fn notice(what: &str) -> Notice {
    Notice {
        kind: Kind::Failed,
        subject: subject(),
        news: News::Relapse,
        at: time(20),
        run: Some(id(1)),
        what: what.to_owned(),
        since: time(5),
        count: 3,
    }
}

fn problem(stage: Stage) -> Problem {
    Problem {
        since: time(1),
        count: 7,
        streak: 2,
        unsaid: 1,
        told: Some(time(2)),
        stage,
        relapses: 1,
        signatures: vec![Signature::of("busy"), Signature::of("gone")],
        last: time(3),
        run: Some(id(1)),
        what: "busy\u{1b}[31m".to_owned(),
    }
}

fn one_run(number: i64, outcome: AttemptOutcome) -> Vec<Entry> {
    vec![admitted(run(number, "a", None), Admission::Running), ended(number, 1, outcome, Next::Final)]
}

fn alerted(step: AlertStep) -> Vec<Entry> {
    vec![Entry::Alerted(Arc::new(step))]
}

fn causes(bench: &Bench) -> Vec<(i64, Caused)> {
    let whose = |cause: &AlertCause| assert_eq!(cause.task.as_str(), "a");
    bench
        .reader()
        .alert_causes(100)
        .unwrap()
        .iter()
        .inspect(|cause| whose(cause))
        .map(|cause| (cause.seq, cause.what))
        .collect()
}

#[tokio::test]
async fn every_end_leaves_a_cause_while_somebody_wants_them() {
    let bench = Bench::new();
    bench.append(one_run(1, failed())).await.unwrap();
    assert_eq!(causes(&bench), [], "nobody wants any");
    bench.ledger.enter_causes(true);
    bench.append(one_run(2, failed())).await.unwrap();
    bench.append(one_run(3, succeeded())).await.unwrap();
    bench.append([skipped(4, 1000)]).await.unwrap();
    let why = PassedOver::Missed(Miss::Down);
    let missed =
        |first, last, why| Entry::Missed { task: "a".parse().unwrap(), first, last, count: 2, why, at: time(9) };
    bench.append([missed(slot(2000), slot(3000), why)]).await.unwrap();
    bench.append([missed(slot(4000), slot(5000), PassedOver::Skipped(Skip::Paused))]).await.unwrap();
    let ended = |run, class| Caused::Ended { run: id(run), class };
    let expected = [
        (1, ended(2, OutcomeClass::FailedTransient)),
        (2, ended(3, OutcomeClass::Succeeded)),
        (3, ended(4, OutcomeClass::Skipped)),
        (4, Caused::Missed { first: slot(2000), last: slot(3000), count: 2, why }),
    ];
    assert_eq!(causes(&bench), expected);
    // What is refused leaves none.
    bench.append(one_run(2, failed())).await.unwrap_err();
    assert_eq!(causes(&bench).len(), 4);
    // They outlast the host, and those that were judged go with the verdict.
    let (bench, _) = bench.reopen();
    bench.append(alerted(AlertStep { judged: Some(2), ..AlertStep::default() })).await.unwrap();
    assert_eq!(causes(&bench), expected[2..]);
}

#[tokio::test]
async fn what_is_known_and_told_is_read_as_it_was_entered() {
    let bench = Bench::new();
    bench.append(one_run(1, failed())).await.unwrap();
    let stages = [Stage::Open, Stage::Over { since: time(4) }, Stage::Settling { since: time(4) }];
    let keys = [Kind::Failed, Kind::Missed, Kind::Stuck].map(|kind| (ops(), subject(), kind));
    let problems: Vec<_> = keys.iter().cloned().zip(stages.map(problem)).collect();
    let step = AlertStep {
        problems: problems.iter().map(|(key, problem)| (key.clone(), Some(problem.clone()))).collect(),
        notices: vec![(ops(), notice("busy"), time(30)), (ops(), notice("gone"), time(31))],
        host: Some((HostMark::Up, time(1))),
        ..AlertStep::default()
    };
    bench.append(alerted(step)).await.unwrap();
    let reader = bench.reader();
    let mut found = reader.alert_problems().unwrap();
    found.sort_by_key(|((_, _, kind), _)| *kind);
    assert_eq!(found, problems);
    assert_eq!(reader.alert_host().unwrap(), Some((HostMark::Up, time(1))));
    let waiting = |id, since| (ops(), Waiting { id, kind: Kind::Failed, since });
    assert_eq!(reader.alert_notices_waiting().unwrap(), [waiting(1, time(30)), waiting(2, time(31))]);

    // Notices become a message, which is tried until it is delivered.
    let message = NewMessage { channel: ops(), key: "key".to_owned(), at: time(40), notices: vec![1, 2] };
    let forget = (keys[0].clone(), None);
    let step = AlertStep { messages: vec![message], problems: vec![forget], ..AlertStep::default() };
    bench.append(alerted(step)).await.unwrap();
    assert_eq!(reader.alert_problems().unwrap().len(), 2);
    assert_eq!(reader.alert_notices_waiting().unwrap(), []);
    assert_eq!(reader.alert_notices(1).unwrap(), [notice("busy"), notice("gone")]);
    let pending = |tries, next_at| PendingMessage {
        id: 1,
        channel: ops(),
        key: "key".to_owned(),
        made_at: time(40),
        tries,
        next_at,
    };
    assert_eq!(reader.alert_messages_pending().unwrap(), [pending(0, time(40))]);
    let tried = |result| alerted(AlertStep { tries: vec![MessageTry { message: 1, result }], ..AlertStep::default() });
    let failed = TryResult::Failed { error: "refused".to_owned(), next: time(99) };
    bench.append(tried(failed)).await.unwrap();
    assert_eq!(reader.alert_messages_pending().unwrap(), [pending(1, time(99))]);
    let summary = &reader.alert_channels().unwrap()[0];
    assert_eq!((summary.pending, summary.next_at, summary.error.as_deref()), (1, Some(time(99)), Some("refused")));
    bench.append(tried(TryResult::Delivered { at: time(100) })).await.unwrap();
    assert_eq!(reader.alert_messages_pending().unwrap(), []);
    let summary = &reader.alert_channels().unwrap()[0];
    assert_eq!((summary.pending, summary.delivered_at, summary.given_up), (0, Some(time(100)), 0));
    assert_eq!(reader.alert_messages_since(&ops(), time(40)).unwrap(), 1);
    assert_eq!(reader.verify().unwrap(), [""; 0]);
}

#[tokio::test]
async fn what_was_given_up_is_counted_and_the_old_go() {
    let bench = Bench::new();
    for number in 0..1003 {
        let message = NewMessage { channel: ops(), key: number.to_string(), at: time(number), notices: Vec::new() };
        let over = MessageTry { message: number + 1, result: TryResult::GivenUp { error: "gone".to_owned() } };
        bench.append(alerted(AlertStep { messages: vec![message], ..AlertStep::default() })).await.unwrap();
        bench.append(alerted(AlertStep { tries: vec![over], ..AlertStep::default() })).await.unwrap();
    }
    let summary = &bench.reader().alert_channels().unwrap()[0];
    assert_eq!((summary.pending, summary.given_up), (0, 1001));
}
