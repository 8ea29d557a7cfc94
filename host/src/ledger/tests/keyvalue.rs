//! Key-value stores: durable, atomic, within their quota, and written with an attempt's success or not at all.

use super::*;
use crate::ledger::KeyValue;
use crate::model::keyvalue::{Batch, Change, Expected, Quota, Refused, Store, Write};

fn own(task: &str) -> Store {
    Store::Own(task.parse().unwrap())
}

fn shared(name: &str) -> Store {
    Store::Shared(name.parse().unwrap())
}

fn write(key: &str, expected: Expected, change: Change) -> Write {
    Write { key: key.to_owned(), expected, change }
}

fn set(key: &str, value: &str) -> Write {
    write(key, Expected::Anything, Change::Set(value.as_bytes().to_vec()))
}

/// Makes a write that the ledger can make.
async fn put(stores: &KeyValue, store: &Store, quota: Quota, write: Write) -> Result<Option<i64>, Refused> {
    let written = stores.write(store.clone(), quota, write);
    tokio::time::timeout(Duration::from_secs(30), written).await.expect("the writer answers").unwrap()
}

async fn text(stores: &KeyValue, store: &Store, key: &str) -> Option<String> {
    let found = stores.find(store.clone(), key.to_owned()).await.unwrap();
    found.value.map(|value| String::from_utf8(value.bytes).unwrap())
}

#[tokio::test]
async fn what_was_written_is_read_at_once_and_after_a_restart() {
    let bench = Bench::new();
    let (mine, ours) = (own("a"), shared("a"));
    let stores = bench.ledger.keyvalue();
    assert_eq!(text(&stores, &mine, "k").await, None);
    for (store, value) in [(&mine, "1"), (&ours, "2"), (&mine, "3")] {
        put(&stores, store, Quota::default(), set("k", value)).await.unwrap();
        assert_eq!(text(&stores, store, "k").await.as_deref(), Some(value));
    }
    put(&stores, &mine, Quota::default(), set("gone", "x")).await.unwrap();
    put(&stores, &mine, Quota::default(), write("gone", Expected::Anything, Change::Delete)).await.unwrap();
    let (bench, _) = bench.reopen();
    assert!(matches!(stores.find(mine.clone(), "k".to_owned()).await, Err(LedgerError::Stopped)));
    let stores = bench.ledger.keyvalue();
    assert_eq!(text(&stores, &mine, "k").await.as_deref(), Some("3"));
    assert_eq!(text(&stores, &ours, "k").await.as_deref(), Some("2"));
    assert_eq!(text(&stores, &mine, "gone").await, None);
    assert_eq!(bench.reader().store(&mine).unwrap(), [("k".to_owned(), b"3".to_vec())]);
    assert_eq!(stores.keys(mine, None, 10).await.unwrap(), ["k"]);
}

#[tokio::test]
async fn keys_come_in_pages_in_the_order_of_their_bytes() {
    let bench = Bench::new();
    let (store, stores) = (own("a"), bench.ledger.keyvalue());
    for key in ["b", "ä", "a", "B", "a/1"] {
        put(&stores, &store, Quota::default(), set(key, "")).await.unwrap();
    }
    for (after, limit, expected) in [
        (None, 3, ["B", "a", "a/1"].as_slice()),
        (Some("a/1"), 3, &["b", "ä"]),
        (Some("ä"), 3, &[]),
        (Some("a0"), 1, &["b"]),
    ] {
        let keys = stores.keys(store.clone(), after.map(str::to_owned), limit).await.unwrap();
        assert_eq!(keys, expected, "{after:?}");
    }
}

#[tokio::test]
async fn a_quota_is_kept_exactly_and_a_refusal_changes_nothing() {
    let bench = Bench::new();
    let (store, stores) = (own("a"), bench.ledger.keyvalue());
    let quota = Quota { bytes: 10, keys: 2 };
    let mut results = Vec::new();
    for (key, value) in [("a", "1234"), ("b", "12345"), ("b", "1234"), ("c", ""), ("a", "12345")] {
        results.push(put(&stores, &store, quota, set(key, value)).await);
    }
    let too_large = Err(Refused::Bytes { allowed: 10, wanted: 11 });
    assert_eq!(results, [Ok(None), too_large, Ok(None), Err(Refused::Keys { allowed: 2 }), too_large]);
    let held = stores.find(store.clone(), "a".to_owned()).await.unwrap().held;
    assert_eq!((held.bytes, held.keys), (10, 2));
    assert_eq!(text(&stores, &store, "a").await.as_deref(), Some("1234"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn additions_and_swaps_of_many_callers_lose_nothing() {
    const CALLERS: i64 = 8;
    const ROUNDS: i64 = 100;
    let bench = Bench::new();
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let stores = bench.ledger.keyvalue();
            tokio::spawn(async move {
                let store = shared("counts");
                for _ in 0..ROUNDS {
                    put(&stores, &store, Quota::default(), write("added", Expected::Anything, Change::Add(1)))
                        .await
                        .unwrap();
                    loop {
                        let found = stores.find(store.clone(), "swapped".to_owned()).await.unwrap().value;
                        let (expected, number) = match &found {
                            None => (Expected::Absent, 0),
                            Some(value) => {
                                let digits = std::str::from_utf8(&value.bytes).unwrap();
                                (Expected::Revision(value.revision), digits.parse::<i64>().unwrap())
                            }
                        };
                        let change = Change::Set((number + 1).to_string().into_bytes());
                        match put(&stores, &store, Quota::default(), write("swapped", expected, change)).await {
                            Ok(_) => break,
                            Err(refused) => assert_eq!(refused, Refused::Changed),
                        }
                    }
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    let (stores, sum) = (bench.ledger.keyvalue(), (CALLERS * ROUNDS).to_string());
    for key in ["added", "swapped"] {
        assert_eq!(text(&stores, &shared("counts"), key).await, Some(sum.clone()), "{key}");
    }
}

/// The end of an attempt with these writes.
fn ended_with(number: i64, writes: Vec<Batch>) -> Entry {
    match ended(number, 1, succeeded(), Next::Final) {
        Entry::AttemptEnded { run, task, attempt, outcome, usage, plugin, log, started_at, ended_at, next, .. } => {
            let writes = Arc::new(writes);
            Entry::AttemptEnded { run, task, attempt, outcome, usage, plugin, log, writes, started_at, ended_at, next }
        }
        other => other,
    }
}

#[tokio::test]
async fn an_attempts_writes_are_made_with_its_end_or_not_at_all() {
    let bench = Bench::new();
    let stores = bench.ledger.keyvalue();
    let (mine, ours) = (own("a"), shared("s"));
    let quota = Quota { bytes: 20, keys: 2 };
    put(&stores, &ours, quota, set("n", "1")).await.unwrap();
    put(&stores, &ours, quota, set("old", "1234567890")).await.unwrap();
    let seen = stores.find(ours.clone(), "n".to_owned()).await.unwrap().value.unwrap().revision;
    let writes = |expected| {
        let large = Change::Set(b"1234567890".to_vec());
        // The new key has room only because the old one goes.
        let second = vec![
            write("n", expected, Change::Set(b"2".to_vec())),
            write("new", Expected::Anything, large),
            write("old", Expected::Anything, Change::Delete),
        ];
        vec![
            Batch { store: mine.clone(), quota, writes: vec![set("k", "v")] },
            Batch { store: ours.clone(), quota, writes: second },
        ]
    };
    for number in [1, 2] {
        bench.append([admitted(run(number, "a", None), Admission::Running)]).await.unwrap();
    }
    let refused = bench.append([ended_with(1, writes(Expected::Revision(seen + 9)))]).await.unwrap_err();
    assert!(
        refused.is_refusal() && refused.to_string().contains("\"n\" in the shared store s: somebody else"),
        "{refused}"
    );
    assert_eq!(text(&stores, &mine, "k").await, None, "all or none");
    bench.append([ended_with(1, writes(Expected::Revision(seen)))]).await.unwrap();
    assert_eq!(text(&stores, &mine, "k").await.as_deref(), Some("v"));
    assert_eq!(stores.keys(ours.clone(), None, 9).await.unwrap(), ["n", "new"]);
    // What was seen is no longer there, and a refusal leaves the run where it stands.
    bench.append([ended_with(2, writes(Expected::Revision(seen)))]).await.unwrap_err();
    let small = vec![Batch { store: ours.clone(), quota, writes: vec![set("x", "1")] }];
    let refused = bench.append([ended_with(2, small)]).await.unwrap_err();
    assert!(refused.to_string().contains("more than the 2 keys"), "{refused}");
    bench.append([ended_with(2, Vec::new())]).await.unwrap();
}

#[tokio::test]
async fn a_ledger_that_cannot_be_written_says_so_and_can_still_be_looked_into() {
    let bench = Bench::new();
    let (store, stores) = (own("a"), bench.ledger.keyvalue());
    put(&stores, &store, Quota::default(), set("k", "v")).await.unwrap();
    let other = rusqlite::Connection::open(bench.folder.path().join("ledger.db")).unwrap();
    other.execute_batch("CREATE TRIGGER full BEFORE UPDATE ON stores BEGIN SELECT RAISE(FAIL, 'disk'); END").unwrap();
    let failed = stores.write(store.clone(), Quota::default(), set("k", "w")).await;
    assert!(failed.is_err(), "{failed:?}");
    assert_eq!(text(&stores, &store, "k").await.as_deref(), Some("v"));
    other.execute_batch("DROP TRIGGER full").unwrap();
    put(&stores, &store, Quota::default(), set("k", "w")).await.unwrap();
    assert_eq!(text(&stores, &store, "k").await.as_deref(), Some("w"));
}
