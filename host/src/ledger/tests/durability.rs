//! The writer: many callers, a full disk, a clock that stands still, a second host.

use super::*;
use crate::ledger::schema;
use crate::ledger::writer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_share_commits_and_lose_nothing() {
    let bench = Bench::new();
    let callers: Vec<_> = (0..64)
        .map(|caller| {
            let ledger = bench.ledger.clone();
            tokio::spawn(async move {
                for number in (0..20).map(|n| caller * 100 + n) {
                    let task = format!("task-{}", caller % 7);
                    let admit = admitted(run(number, &task, Some(slot(number))), Admission::Running);
                    ledger.append(vec![admit]).await.unwrap();
                    ledger.append(vec![ended_of(&task, number, 1, succeeded(), Next::Final)]).await.unwrap();
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    let all = Filter { limit: u32::MAX, ..Filter::default() };
    assert_eq!(bench.reader().runs(&all).unwrap().len(), 64 * 20);
    let (_, recovered) = bench.reopen();
    assert_eq!(recovered.cursors.len(), 7);
    assert_eq!(recovered.cursors[&"task-0".parse().unwrap()], slot(6319));
    assert_eq!(recovered.unfinished, []);
}

#[tokio::test]
async fn calls_are_entered_in_the_order_in_which_they_were_made() {
    let bench = Bench::new();
    let calls: Vec<_> = (0..500)
        .flat_map(|number| {
            let admit = admitted(run(number, "a", Some(slot(number))), Admission::Running);
            [bench.ledger.append(vec![admit]), bench.ledger.append(vec![ended(number, 1, succeeded(), Next::Final)])]
        })
        .collect();
    for result in futures_util::future::join_all(calls).await {
        result.unwrap();
    }
}

#[tokio::test]
async fn calls_that_find_the_queue_full_wait_for_room() {
    let bench = Bench::new();
    let admit = |number| admitted(run(number, "a", Some(slot(number))), Admission::Queued);
    let calls: Vec<_> = (0..writer::QUEUE as i64 * 2).map(|number| bench.ledger.append(vec![admit(number)])).collect();
    for result in futures_util::future::join_all(calls).await {
        result.unwrap();
    }
}

#[test]
fn what_is_queued_is_finished_when_the_last_handle_goes() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, _) = open(&folder);
    for number in 0..100 {
        drop(ledger.append(vec![admitted(run(number, "a", Some(slot(number))), Admission::Queued)]));
    }
    drop(ledger);
    let (_, recovered) = open(&folder);
    assert_eq!(recovered.unfinished.len(), 100);
}

#[tokio::test]
async fn a_second_host_is_refused_until_the_first_is_gone() {
    let bench = Bench::new();
    let error = Ledger::open(&settings(&bench.folder), Clock::system()).unwrap_err();
    assert!(matches!(error, LedgerError::InUse { .. }), "{error}");
    bench.append([admitted(run(1, "a", None), Admission::Queued)]).await.unwrap();
    let (_, recovered) = bench.reopen();
    assert_eq!(recovered.unfinished.len(), 1);
}

#[tokio::test]
async fn a_full_disk_fails_calls_whole_and_the_ledger_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, _) = open(&folder);
    drop(ledger);
    let connection = schema::open_writer(folder.path(), Durability::Full).unwrap();
    let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    let limit = |connection: &rusqlite::Connection, pages: i64| {
        connection.pragma_update_and_check(None, "max_page_count", pages, |row| row.get::<_, i64>(0)).unwrap();
    };
    limit(&connection, pages + 4);
    let mut book = writer::tests::book(connection);
    let large = |number| {
        let payload = Some(Arc::new(blob(&[0; 8192])));
        let run = Run { payload, ..run(number, "a", Some(slot(number))) };
        vec![
            admitted(run, Admission::Queued),
            admitted(super::run(number + 1000, "b", Some(slot(number))), Admission::Queued),
        ]
    };
    let results = writer::tests::commit(&mut book, (1..=9).map(large).collect());
    assert!(results.iter().all(|result| matches!(result, Err(LedgerError::Database { .. }))), "{results:?}");
    let message = results[0].clone().unwrap_err();
    let cause = std::error::Error::source(&message).unwrap().to_string();
    assert_eq!(
        (message.to_string().as_str(), cause.as_str()),
        ("cannot write an entry into the ledger", "database or disk is full")
    );
    assert!(!message.is_refusal());
    assert_eq!(Reader::open(folder.path()).unwrap().runs(&Filter::default()).unwrap(), [], "nothing is half-written");

    // What fits is still taken, and everything is when there is room.
    assert!(writer::tests::commit(&mut book, vec![large(1)])[0].is_ok());
    limit(book.connection, 1_000_000);
    let results = writer::tests::commit(&mut book, (2..=9).map(large).collect());
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(Reader::open(folder.path()).unwrap().runs(&Filter::default()).unwrap().len(), 18);
    drop(book);
    let (_, recovered) = open(&folder);
    assert_eq!(recovered.cursors.len(), 2);
    assert_eq!(recovered.cursors[&"b".parse().unwrap()], slot(9));
}

#[tokio::test]
async fn a_probe_says_whether_the_ledger_can_be_written() {
    let bench = Bench::new();
    bench.ledger.probe().await.unwrap();
    bench.ledger.probe().await.unwrap();
    let other = rusqlite::Connection::open(bench.folder.path().join("ledger.db")).unwrap();
    other.execute_batch("DROP TABLE probe").unwrap();
    assert!(matches!(bench.ledger.probe().await, Err(LedgerError::Database { .. })));
    bench.append([admitted(run(1, "a", None), Admission::Queued)]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn simulated_time_stands_still_while_the_ledger_writes() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::simulated(time(0));
    let (ledger, _) = Ledger::open(&settings(&folder), clock).unwrap();
    let nearby = tokio::time::sleep(Duration::from_millis(1));
    tokio::pin!(nearby);
    for number in 0..50 {
        let append = ledger.append(vec![admitted(run(number, "a", Some(slot(number))), Admission::Queued)]);
        tokio::select! {
            biased;
            () = &mut nearby => panic!("time moved on while the ledger was written"),
            result = append => result.unwrap(),
        }
    }
    assert_eq!(clock.now(), time(0));
}

#[tokio::test]
async fn readers_see_what_is_durable_with_and_without_a_host() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Reader::open(folder.path()), Err(LedgerError::Absent { .. })));
    let (ledger, _) = open(&folder);
    let reader = Reader::open(folder.path()).unwrap();
    assert_eq!(reader.runs(&Filter::default()).unwrap(), []);
    ledger.append(vec![admitted(run(1, "a", None), Admission::Queued)]).await.unwrap();
    assert_eq!(reader.runs(&Filter::default()).unwrap().len(), 1);
    drop(ledger);
    assert_eq!(reader.runs(&Filter::default()).unwrap().len(), 1);
    drop(reader);
    assert_eq!(Reader::open(folder.path()).unwrap().runs(&Filter::default()).unwrap().len(), 1);
    let (ledger, _) = open(&folder);
    ledger.append(vec![admitted(run(2, "a", None), Admission::Queued)]).await.unwrap();
}
