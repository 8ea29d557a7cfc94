//! Idempotency keys: one run for each, for as long as they are known.

use super::*;
use crate::ledger::{Keep, KeyRecord, Sweep};
use crate::model::key::{Key, Keyed};

fn key() -> Key {
    "2026-11-28-eu".parse().unwrap()
}

fn keyed(task: &str, run: i64, request: u8) -> Entry {
    let keyed = Keyed { key: key(), request: Digest::from_bytes([request; 32]) };
    Entry::Keyed { task: task.parse().unwrap(), keyed, run: id(run), at: time(run) }
}

async fn known(bench: &Bench, task: &str) -> Option<KeyRecord> {
    bench.ledger.key(task.parse().unwrap(), key()).await.unwrap()
}

#[tokio::test]
async fn a_key_leads_to_the_run_that_was_entered_with_it() {
    let bench = Bench::new();
    assert_eq!(known(&bench, "a").await, None);
    bench.append([admitted(run(1, "a", None), Admission::Queued), keyed("a", 1, 7)]).await.unwrap();
    let first = Some(KeyRecord { run: id(1), request: Digest::from_bytes([7; 32]) });
    assert_eq!((known(&bench, "a").await, known(&bench, "b").await), (first, None));

    let again = bench.append([admitted(run(2, "a", None), Admission::Queued), keyed("a", 2, 7)]).await;
    assert!(again.is_err_and(|error| error.is_refusal()), "the same key again");
    assert!(bench.reader().run(id(2)).unwrap().is_none(), "and nothing else of the call");
    bench.append([admitted(run(3, "b", None), Admission::Queued), keyed("b", 3, 7)]).await.unwrap();
    let (bench, _) = bench.reopen();
    assert_eq!(known(&bench, "a").await, first);
}

#[tokio::test]
async fn a_key_is_forgotten_after_two_days_and_not_with_its_run() {
    let bench = Bench::new();
    bench.append([admitted(run(1, "a", None), Admission::Queued), keyed("a", 1, 7)]).await.unwrap();
    let sweep = async |after: Duration| {
        let now = time(1).saturating_add(after).unwrap();
        let keep = Keep { size: u64::MAX, ..Keep::default() };
        let mut sweep = Sweep::begin(bench.reader(), keep, now).unwrap();
        while let Some(removal) = sweep.advance().unwrap() {
            if !removal.is_empty() {
                bench.append([Entry::Removed(removal)]).await.unwrap();
            }
        }
    };
    let two_days = Duration::from_secs(48 * 60 * 60);
    sweep(two_days).await;
    assert!(known(&bench, "a").await.is_some());
    sweep(two_days + Duration::from_millis(1)).await;
    assert_eq!(known(&bench, "a").await, None);
    assert!(bench.reader().run(id(1)).unwrap().is_some(), "its run is another matter");
}
