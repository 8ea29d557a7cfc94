//! Key-value stores: what is granted is kept, what is not is refused with the TOML that would allow it, and all of it ends.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::watch;

use crate::model::grants::{KeyValueGrant, Writes};
use crate::model::keyvalue::{Change, Expected, Found, Quota, Refused, Store, Write};
use crate::model::limits::Limit;
use crate::model::log::LogSource;
use crate::model::outcome::AttemptOutcome;
use crate::model::task::Task;
use crate::sandbox::testing::{load_with_stores, run, task, typed};
use crate::sandbox::{Answer, AttemptReport, AttemptRequest, KeyValue, Memory, Unavailable};

/// A task that opens a store and goes on with `body`, in which `$bucket` is the store's handle. What a call returns is at
/// 1000; `$done` and `$failed` end the attempt with the text at an address, `$problem` with a store's error.
pub(super) fn keeper(store: &str, body: &str) -> Vec<u8> {
    typed(&format!(
        r#"
        (import "wasi:keyvalue/store@0.2.0-draft2" "open" (func $open (param i32 i32 i32)))
        (import "wasi:keyvalue/store@0.2.0-draft2" "[method]bucket.get" (func $get (param i32 i32 i32 i32)))
        (import "wasi:keyvalue/store@0.2.0-draft2" "[method]bucket.set" (func $set (param i32 i32 i32 i32 i32 i32)))
        (import "wasi:keyvalue/store@0.2.0-draft2" "[method]bucket.delete" (func $delete (param i32 i32 i32 i32)))
        (import "wasi:keyvalue/store@0.2.0-draft2" "[method]bucket.list-keys"
            (func $list (param i32 i32 i32 i32 i32)))
        (import "wasi:keyvalue/atomics@0.2.0-draft2" "increment" (func $add (param i32 i32 i32 i64 i32)))
        (import "wasi:keyvalue/atomics@0.2.0-draft2" "[static]cas.new" (func $look (param i32 i32 i32 i32)))
        (import "wasi:keyvalue/atomics@0.2.0-draft2" "[method]cas.current" (func $current (param i32 i32)))
        (import "wasi:keyvalue/atomics@0.2.0-draft2" "swap" (func $swap (param i32 i32 i32 i32)))
        (memory (export "memory") 8)
        (global $top (mut i32) (i32.const 65536))
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
            (local.set $at (i32.and (i32.add (global.get $top) (i32.const 15)) (i32.const -16)))
            (global.set $top (i32.add (local.get $at) (local.get 3)))
            (local.get $at))
        (data (i32.const 100) "{store}") (data (i32.const 200) "no-such-store") (data (i32.const 220) "access-denied")
        (data (i32.const 240) "text/plain") (data (i32.const 300) "key") (data (i32.const 310) "one")
        (data (i32.const 320) "two") (data (i32.const 330) "count") (data (i32.const 340) "new") (data (i32.const 400) "0000")
        (func $failed (param i32 i32) (result i32)
            (i32.store (i32.const 1600) (i32.const 1)) (i32.store (i32.const 1608) (i32.const 1))
            (i32.store (i32.const 1616) (local.get 0)) (i32.store (i32.const 1620) (local.get 1)) (i32.const 1600))
        (func $done (param i32 i32) (result i32)
            (i32.store (i32.const 1600) (i32.const 0)) (i32.store (i32.const 1608) (i32.const 1))
            (i32.store (i32.const 1612) (i32.const 240)) (i32.store (i32.const 1616) (i32.const 10))
            (i32.store (i32.const 1620) (local.get 0)) (i32.store (i32.const 1624) (local.get 1)) (i32.const 1600))
        (func $problem (param $at i32) (result i32)
            (if (i32.eqz (i32.load8_u (local.get $at))) (then (return (call $failed (i32.const 200) (i32.const 13)))))
            (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 1))
                (then (return (call $failed (i32.const 220) (i32.const 13)))))
            (call $failed (i32.load offset=4 (local.get $at)) (i32.load offset=8 (local.get $at))))
        (func (export "run") (param i32) (result i32) (local $bucket i32) (local $n i32)
            (call $open (i32.const 100) (i32.const {}) (i32.const 1000))
            (if (i32.load8_u (i32.const 1000)) (then (return (call $problem (i32.const 1004)))))
            (local.set $bucket (i32.load (i32.const 1004)))
            {body})"#,
        store.len(),
    ))
}

/// Sets `key` to a text of three letters at an address.
pub(super) fn set(at: u32) -> String {
    format!(
        "(call $set (local.get $bucket) (i32.const 300) (i32.const 3) (i32.const {at}) (i32.const 3) (i32.const 1000))
        (if (i32.load8_u (i32.const 1000)) (then (return (call $problem (i32.const 1004)))))"
    )
}

/// Ends with the value of `key`.
pub(super) const TELL: &str = "
    (call $get (local.get $bucket) (i32.const 300) (i32.const 3) (i32.const 1000))
    (if (i32.load8_u (i32.const 1000)) (then (return (call $problem (i32.const 1004)))))
    (call $done (i32.load (i32.const 1008)) (i32.load (i32.const 1012)))";

/// Adds 7 to `count`.
pub(super) const ADD: &str =
    "(call $add (local.get $bucket) (i32.const 330) (i32.const 5) (i64.const 7) (i32.const 1000))";

/// Lists the store's keys.
pub(super) const LIST: &str =
    "(call $list (local.get $bucket) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1000))";

/// Adds 1 to `count` two hundred times by looking and swapping, over and over until nobody was faster. What was added is
/// the length of the value.
const SWAP_ON: &str = "
    (loop $rounds
        (call $look (local.get $bucket) (i32.const 330) (i32.const 5) (i32.const 1000))
        (loop $again
            (if (i32.load8_u (i32.const 1000)) (then (return (call $problem (i32.const 1004)))))
            (i32.store (i32.const 1100) (i32.load (i32.const 1004)))
            (global.set $top (i32.const 65536))
            (i32.store (i32.const 1012) (i32.const 0))
            (call $current (i32.load (i32.const 1100)) (i32.const 1000))
            (call $swap (i32.load (i32.const 1100)) (i32.const 2000)
                (i32.add (i32.const 1) (select (i32.load (i32.const 1012)) (i32.const 0) (i32.load8_u (i32.const 1004))))
                (i32.const 1000))
            (if (i32.load8_u (i32.const 1000))
                (then
                    (if (i32.eqz (i32.load8_u (i32.const 1004))) (then (return (call $problem (i32.const 1008)))))
                    (i32.store (i32.const 1000) (i32.const 0))
                    (i32.store (i32.const 1004) (i32.load (i32.const 1008)))
                    (br $again))))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $rounds (i32.lt_u (local.get $n) (i32.const 200))))
    (call $done (i32.const 310) (i32.const 3))";

fn granted(name: &str, grant: KeyValueGrant) -> Task {
    let mut task = task(name);
    task.grants.kv = Some(grant);
    task
}

fn sharing(name: &str) -> KeyValueGrant {
    KeyValueGrant { shared: vec![name.parse().unwrap()], ..KeyValueGrant::default() }
}

fn transactional() -> KeyValueGrant {
    KeyValueGrant { writes: Writes::WithSuccess, ..KeyValueGrant::default() }
}

async fn attempt(component: Vec<u8>, task: Task, stores: &Arc<impl KeyValue + 'static>) -> AttemptReport {
    let (_sender, stop) = watch::channel(None);
    let stores = Arc::clone(stores) as Arc<dyn KeyValue>;
    load_with_stores(component, stores).attempt(AttemptRequest { run: Arc::new(run(task)), attempt: 1, stop }).await
}

/// How an attempt ended: its output, or its failure.
fn said(report: &AttemptReport) -> Result<&str, &str> {
    match &report.outcome {
        AttemptOutcome::Succeeded { output } => {
            Ok(output.as_ref().map_or("", |blob| std::str::from_utf8(&blob.bytes).unwrap()))
        }
        AttemptOutcome::Failed(failure) => Err(&failure.message),
        other => panic!("{other:?} {:?}", report.log),
    }
}

/// The host's own lines.
fn lessons(report: &AttemptReport) -> Vec<&str> {
    report.log.iter().filter(|line| line.source == LogSource::Host).map(|line| line.message.as_str()).collect()
}

#[tokio::test]
async fn a_store_that_is_not_granted_is_refused_with_the_toml_that_would() {
    let check = async |task: Task, store: &str, problem: &str, lesson: Option<&str>| {
        let report = attempt(keeper(store, TELL), task, &Arc::new(Memory::default())).await;
        assert_eq!(said(&report), Err(problem), "{store}");
        assert_eq!(lessons(&report).first().map(|line| line.split_once("to allow it: ").unwrap().1), lesson, "{store}");
    };
    check(task("keeper"), "", "access-denied", Some("[tasks.keeper.grants] kv = {}")).await;
    check(task("a.b"), "default", "access-denied", Some("[tasks.\"a.b\".grants] kv = {}")).await;
    let lesson = "[tasks.keeper.grants] kv = { shared = [\"orders\"] }";
    check(task("keeper"), "orders", "access-denied", Some(lesson)).await;
    let lesson = "[tasks.keeper.grants] kv = { shared = [\"other\", \"orders\"] }";
    check(granted("keeper", sharing("other")), "orders", "access-denied", Some(lesson)).await;
    check(granted("keeper", sharing("other")), "../x", "no-such-store", None).await;
}

#[tokio::test]
async fn each_task_has_a_store_of_its_own_and_what_is_shared_is_shared() {
    let stores = Arc::new(Memory::default());
    let write = keeper("", &(set(310) + TELL));
    assert_eq!(said(&attempt(write, granted("a", KeyValueGrant::default()), &stores).await), Ok("one"));
    let write = keeper("common", &(set(320) + TELL));
    assert_eq!(said(&attempt(write, granted("a", sharing("common")), &stores).await), Ok("two"));
    for (task, store, value) in [("a", "default", "one"), ("b", "default", ""), ("b", "common", "two")] {
        let report = attempt(keeper(store, TELL), granted(task, sharing("common")), &stores).await;
        assert_eq!(said(&report), Ok(value), "{task} {store}");
    }
}

/// Sets keys by number until one is refused.
const FLOOD: &str = "
    (loop $on
        (i32.store (i32.const 400) (local.get $n))
        (i32.store (i32.const 400) (i32.or (i32.and (i32.load (i32.const 400)) (i32.const 0x0f0f0f0f)) (i32.const 0x30303030)))
        (call $set (local.get $bucket) (i32.const 400) (i32.const 4) (i32.const 310) (i32.const 3) (i32.const 1000))
        (if (i32.load8_u (i32.const 1000)) (then (return (call $problem (i32.const 1004)))))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br $on))
    (call $done (i32.const 310) (i32.const 3))";

#[tokio::test]
async fn what_is_too_much_is_refused_and_the_limit_named() {
    let call = |key: u32, value: u32| {
        format!(
            "(call $set (local.get $bucket) (i32.const 300) (i32.const {key}) (i32.const 0) (i32.const {value}) (i32.const 1000))
            (if (i32.load8_u (i32.const 1000)) (then (return (call $problem (i32.const 1004)))))
            (call $done (i32.const 310) (i32.const 3))"
        )
    };
    let small = KeyValueGrant { quota: Quota { bytes: 1000, keys: 3 }, ..KeyValueGrant::default() };
    for writes in [Writes::AtOnce, Writes::WithSuccess] {
        for (body, quota, problem, lesson) in [
            (
                FLOOD.to_owned(),
                small.quota,
                "the store would hold more than the 3 keys that kv.keys allows",
                "keys = 6",
            ),
            (call(3, 998), small.quota, "the store would hold 1001B where kv.quota allows 1000B", "quota = \"2002B\""),
            (call(3, 997), small.quota, "", ""),
            (call(513, 3), Quota::UNLIMITED, "a key has from 1 to 512 bytes", ""),
            (call(0, 3), Quota::UNLIMITED, "a key has from 1 to 512 bytes", ""),
            (call(3, (256 << 10) + 1), Quota::UNLIMITED, "a value has at most 256KiB", ""),
            (call(512, 256 << 10), Quota::UNLIMITED, "", ""),
        ] {
            let task = granted("keeper", KeyValueGrant { quota, writes, ..KeyValueGrant::default() });
            let report = attempt(keeper("", &body), task, &Arc::new(Memory::default())).await;
            let expected = if problem.is_empty() { Ok("one") } else { Err(problem) };
            assert_eq!(said(&report), expected, "{writes:?}");
            let lessons = lessons(&report);
            assert_eq!(lessons.len(), usize::from(!lesson.is_empty()), "{lessons:?}");
            assert!(lessons.iter().all(|line| line.contains(lesson)), "{lesson} is not in {lessons:?}");
        }
    }
}

#[tokio::test]
async fn an_attempt_makes_so_many_writes_and_no_more() {
    for writes in [Writes::AtOnce, Writes::WithSuccess] {
        for limit in [0, 5] {
            let mut task = granted("keeper", KeyValueGrant { writes, ..KeyValueGrant::default() });
            task.limits.kv_writes = limit;
            let stores = Arc::new(Memory::default());
            let report = attempt(keeper("", FLOOD), task, &stores).await;
            let problem = format!("the attempt has made as many writes as limits.kv-writes allows ({limit})");
            assert_eq!(said(&report), Err(&*problem), "{writes:?}");
            let lesson = format!("[tasks.keeper.limits] kv-writes = {}", (2 * limit).max(1));
            assert!(matches!(lessons(&report)[..], [line] if line.ends_with(&lesson)), "{:?}", lessons(&report));
            assert_eq!(report.usage.kv_writes, limit + 1);
            let keys = stores.keys(&Store::Own("keeper".parse().unwrap()), None, 100).await.unwrap();
            assert_eq!(keys.len(), if writes == Writes::AtOnce { limit as usize } else { 0 });
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attempts_that_swap_in_a_shared_store_lose_nothing() {
    let stores = Arc::new(Memory::default());
    let component = keeper("counts", SWAP_ON);
    let attempts = ["a", "b", "c"].map(|name| {
        let mut task = granted(name, sharing("counts"));
        // However often another one is faster.
        task.limits.kv_writes = u32::MAX;
        attempt(component.clone(), task, &stores)
    });
    for report in futures_util::future::join_all(attempts).await {
        assert_eq!(said(&report), Ok("one"));
    }
    let found = stores.find(&Store::Shared("counts".parse().unwrap()), "count").await.unwrap();
    assert_eq!(found.value.unwrap().bytes.len(), 600);
}

#[tokio::test]
async fn writes_that_wait_for_success_leave_with_it_and_with_nothing_else() {
    let stores = Arc::new(Memory::default());
    let good = attempt(keeper("", &format!("{ADD} {} {TELL}", set(310))), granted("a", transactional()), &stores).await;
    assert_eq!(said(&good), Ok("one"), "the attempt sees what it wrote");
    let write = |key: &str, expected, value: &[u8]| Write {
        key: key.to_owned(),
        expected,
        change: Change::Set(value.to_vec()),
    };
    let [batch] = &good.writes[..] else { panic!("{:?}", good.writes) };
    assert_eq!(batch.store, Store::Own("a".parse().unwrap()));
    assert_eq!(batch.writes, [write("count", Expected::Absent, b"7"), write("key", Expected::Anything, b"one")]);

    let body = format!("{} (call $failed (i32.const 310) (i32.const 3))", set(310));
    let bad = attempt(keeper("", &body), granted("a", transactional()), &stores).await;
    assert_eq!((said(&bad), &bad.writes[..]), (Err("one"), [].as_slice()));
    let trap = attempt(keeper("", &format!("{} unreachable", set(310))), granted("a", transactional()), &stores).await;
    assert!(matches!(trap.outcome, AttemptOutcome::Trapped(_)) && trap.writes.is_empty());
    let found = stores.find(&Store::Own("a".parse().unwrap()), "key").await.unwrap();
    assert_eq!(found, Found::default(), "nothing was written meanwhile");
}

/// A keeper that fails, or never answers.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) silent: bool,
}

impl Broken {
    fn answer<T: Send + 'static>(&self) -> Answer<T> {
        match self.silent {
            true => std::future::pending().boxed(),
            false => std::future::ready(Err(Unavailable("no disk".to_owned()))).boxed(),
        }
    }
}

impl KeyValue for Broken {
    fn find(&self, _: &Store, _: &str) -> Answer<Found> {
        self.answer()
    }

    fn keys(&self, _: &Store, _: Option<&str>, _: usize) -> Answer<Vec<String>> {
        self.answer()
    }

    fn write(&self, _: &Store, _: Quota, _: Write) -> Answer<Result<Option<i64>, Refused>> {
        self.answer()
    }
}

/// A keeper that never answers, and panics when nobody waits for its answer any more.
#[derive(Debug)]
struct Touchy;

struct WaitedFor;

impl Drop for WaitedFor {
    fn drop(&mut self) {
        panic!("nobody waits");
    }
}

fn touchy<T: Send + 'static>() -> Answer<T> {
    async {
        let _waited_for = WaitedFor;
        std::future::pending().await
    }
    .boxed()
}

impl KeyValue for Touchy {
    fn find(&self, _: &Store, _: &str) -> Answer<Found> {
        touchy()
    }

    fn keys(&self, _: &Store, _: Option<&str>, _: usize) -> Answer<Vec<String>> {
        touchy()
    }

    fn write(&self, _: &Store, _: Quota, _: Write) -> Answer<Result<Option<i64>, Refused>> {
        touchy()
    }
}

#[tokio::test]
async fn a_host_that_panics_where_a_guest_is_cut_off_breaks_that_attempt_alone() {
    let mut task = granted("a", KeyValueGrant::default());
    task.limits.timeout = Duration::from_millis(100);
    let report = attempt(keeper("", TELL), task, &Arc::new(Touchy)).await;
    let AttemptOutcome::Broken { message } = report.outcome else { panic!("{:?}", report.outcome) };
    assert_eq!(message, "the host panicked: nobody waits");
}

#[tokio::test]
async fn a_keeper_that_fails_is_an_error_and_one_that_is_silent_a_timeout() {
    for body in [set(310) + TELL, TELL.to_owned()] {
        let report =
            attempt(keeper("", &body), granted("a", KeyValueGrant::default()), &Arc::new(Broken { silent: false }))
                .await;
        assert_eq!(said(&report), Err("the key-value store cannot be used now: no disk"));
        let mut task = granted("a", KeyValueGrant::default());
        task.limits.timeout = Duration::from_millis(100);
        let report = attempt(keeper("", &body), task, &Arc::new(Broken { silent: true })).await;
        assert!(matches!(&report.outcome, AttemptOutcome::Exceeded(hit) if hit.limit == Limit::Timeout), "{report:?}");
    }
}
