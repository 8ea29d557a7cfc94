//! Plain programs over WASI preview 1: streams, environment, exit codes, folders, and being stopped.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::watch;

use crate::model::cause::Cause;
use crate::model::grants::{FolderAccess, Secret};
use crate::model::id::RunId;
use crate::model::limits::{Limit, Limits};
use crate::model::log::{Level, LogSource};
use crate::model::outcome::{AttemptOutcome, CancelledBy, Exceeded, FailureKind, Stop};
use crate::model::payload::Blob;
use crate::model::run::Run;
use crate::model::schedule::Schedule;
use crate::model::slot::Slot;
use crate::sandbox::testing::{attempt, command, folder_grant, load, run, task};
use crate::sandbox::{AttemptReport, AttemptRequest, Contract, Wasi};

/// Imports, most of them of preview 1, and a `write` that writes a piece of memory to a descriptor.
const PREVIEW1: &str = r#"
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
    (import "wasi:cli/exit@0.2.12" "exit-with-code" (func $exit (param i32)))
    (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_open"
        (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (memory (export "memory") 2)
    (func $write (param $fd i32) (param $at i32) (param $length i32)
        (i32.store (i32.const 0) (local.get $at))
        (i32.store (i32.const 4) (local.get $length))
        (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
"#;

async fn attempt_of(run: Run, core: &str) -> AttemptReport {
    attempt(command(&format!("{PREVIEW1} {core}")), run).await
}

fn messages(report: &AttemptReport, source: LogSource) -> Vec<&str> {
    report.log.iter().filter(|line| line.source == source).map(|line| line.message.as_str()).collect()
}

#[tokio::test]
async fn streams_become_log_lines() {
    let core = r#"
        (data (i32.const 100) "out one\nout two\n") (data (i32.const 200) "err\nunfinished")
        (func (export "_start") (call $write (i32.const 1) (i32.const 100) (i32.const 16))
            (call $write (i32.const 2) (i32.const 200) (i32.const 14)))"#;
    let report = attempt_of(run(task("talker")), core).await;
    assert_eq!(report.outcome, AttemptOutcome::Succeeded { output: None });
    assert_eq!(messages(&report, LogSource::Stdout), ["out one", "out two"]);
    assert_eq!(messages(&report, LogSource::Stderr), ["err", "unfinished"]);
    assert_eq!((report.usage.log.bytes, report.usage.log.dropped), (27, 0));
}

#[tokio::test]
async fn a_flood_on_stdout_is_cut_and_counted_and_hurts_nobody() {
    let core = r#"
        (func (export "_start") (local $i i32) (memory.fill (i32.const 1000) (i32.const 120) (i32.const 4000))
            (i32.store8 (i32.const 4999) (i32.const 10))
            (loop $again (call $write (i32.const 1) (i32.const 1000) (i32.const 4000))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $again (i32.lt_u (local.get $i) (i32.const 1000)))))"#;
    let mut task = task("flood");
    task.limits.log = 10_000;
    let report = attempt_of(run(task), core).await;
    assert_eq!(report.outcome, AttemptOutcome::Succeeded { output: None });
    assert_eq!((report.usage.log.bytes, report.usage.log.dropped), (10_000, 3999 * 1000 - 10_000));
    let lesson = messages(&report, LogSource::Host);
    assert!(lesson[0].ends_with("[tasks.flood.limits] log = \"20kB\""), "{lesson:?}");
}

#[tokio::test]
async fn exit_codes_are_judged_by_the_task() {
    for (code, expected) in
        [(0, None), (75, Some(FailureKind::Transient { retry_after: None })), (3, Some(FailureKind::Permanent))]
    {
        let core = format!(r#"(func (export "_start") (call $exit (i32.const {code})))"#);
        match (attempt_of(run(task("exit")), &core).await.outcome, expected) {
            (AttemptOutcome::Succeeded { output: None }, None) => {}
            (AttemptOutcome::Failed(failure), Some(kind)) => {
                assert_eq!((failure.kind, failure.message), (kind, format!("exit code {code}")));
            }
            (outcome, _) => panic!("exit code {code} became {outcome:?}"),
        }
    }
}

#[tokio::test]
async fn the_environment_tells_the_facts_and_hides_the_secrets() {
    // Writes the whole block of variables, each ending in NUL, as lines.
    let core = r#"
        (func (export "_start") (local $i i32) (local $end i32)
            (drop (call $environ_sizes (i32.const 16) (i32.const 20)))
            (drop (call $environ (i32.const 1000) (i32.const 8000)))
            (local.set $i (i32.const 8000))
            (local.set $end (i32.add (i32.const 8000) (i32.load (i32.const 20))))
            (loop $again
                (if (i32.eqz (i32.load8_u (local.get $i))) (then (i32.store8 (local.get $i) (i32.const 10))))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $again (i32.lt_u (local.get $i) (local.get $end))))
            (call $write (i32.const 1) (i32.const 8000) (i32.load (i32.const 20))))"#;
    let mut task = task("facts");
    task.grants.env = vec![("REGION".to_owned(), "eu".to_owned())];
    task.grants.secrets = vec![("TOKEN".to_owned(), Secret::new("hunter2".to_owned()))];
    task.schedule = Schedule::cron("0 9 * * *", TimeZone::get("Europe/Berlin").unwrap()).unwrap();
    let mut run = run(task);
    run.cause = Cause::After { task: "fetch".parse().unwrap(), run: RunId::from_i64(1).unwrap() };
    run.slot = Slot::from_millis(1_000);
    run.payload = Some(Arc::new(Blob { content_type: "text/plain".to_owned(), bytes: b"hi".to_vec() }));
    let report = attempt_of(run, core).await;
    let mut found = messages(&report, LogSource::Stdout);
    found.sort_unstable();
    found.retain(|line| !line.starts_with("SANDCLOCK_DEADLINE=20"));
    assert_eq!(
        found,
        [
            "REGION=eu",
            "SANDCLOCK_ATTEMPT=1",
            "SANDCLOCK_CAUSE=after",
            "SANDCLOCK_CONTENT_TYPE=text/plain",
            "SANDCLOCK_IDEMPOTENCY_KEY=facts-0000000000007",
            "SANDCLOCK_MAX_ATTEMPTS=3",
            "SANDCLOCK_RUN_ID=0000000000007",
            "SANDCLOCK_SLOT=1970-01-01T00:00:01Z",
            "SANDCLOCK_TASK=facts",
            "SANDCLOCK_TIMEZONE=Europe/Berlin",
            "TOKEN=***",
        ]
    );
}

#[tokio::test]
async fn the_payload_is_on_stdin() {
    let core = r#"
        (func (export "_start")
            (i32.store (i32.const 0) (i32.const 1000)) (i32.store (i32.const 4) (i32.const 100))
            (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
            (call $write (i32.const 1) (i32.const 1000) (i32.load (i32.const 8))))"#;
    let mut run = run(task("echo"));
    run.payload = Some(Arc::new(Blob { content_type: "text/plain".to_owned(), bytes: b"hello there".to_vec() }));
    assert_eq!(messages(&attempt_of(run, core).await, LogSource::Stdout), ["hello there"]);
}

/// Sleeps for an hour: a subscription to the monotonic clock.
const SLEEP: &str = r#"
    (func (export "_start")
        (i32.store (i32.const 1016) (i32.const 1))
        (i64.store (i32.const 1024) (i64.const 3600000000000))
        (drop (call $poll (i32.const 1000) (i32.const 2000) (i32.const 1) (i32.const 8))))"#;

#[tokio::test]
async fn a_guest_asleep_in_the_host_is_gone_at_its_deadline() {
    let mut task = task("sleeper");
    task.limits = Limits { timeout: Duration::from_millis(100), ..Limits::default() }.into();
    let report = attempt_of(run(task), SLEEP).await;
    let AttemptOutcome::Exceeded(Exceeded { limit: Limit::Timeout, allowed: 100, .. }) = report.outcome else {
        panic!("{:?}", report.outcome)
    };
    let lesson = messages(&report, LogSource::Host);
    assert!(lesson[0].ends_with("[tasks.sleeper.limits] timeout = \"200ms\""), "{lesson:?}");
}

#[tokio::test]
async fn a_guest_is_gone_when_it_is_stopped() {
    let spin = r#"(func (export "_start") (loop (br 0)))"#;
    for core in [SLEEP, spin] {
        let prepared = load(command(&format!("{PREVIEW1} {core}"))).unwrap();
        let (stop, stopped) = watch::channel(None);
        let request = AttemptRequest { run: Arc::new(run(task("victim"))), attempt: 1, stop: stopped };
        let attempt = tokio::spawn(async move { prepared.attempt(request).await });
        tokio::task::yield_now().await;
        stop.send(Some(Stop::Cancel(CancelledBy::Operator))).unwrap();
        let report = tokio::time::timeout(Duration::from_secs(10), attempt).await.unwrap().unwrap();
        assert_eq!(report.outcome, AttemptOutcome::Cancelled(CancelledBy::Operator));
    }
}

#[tokio::test]
async fn folders_open_as_far_as_they_are_granted() {
    // Opens a file for writing, creating it, and exits with the error number.
    let core = |name: &str| {
        format!(
            r#"(data (i32.const 100) "{name}")
            (func (export "_start") (call $exit (call $path_open (i32.const 3) (i32.const 0) (i32.const 100)
                (i32.const {}) (i32.const 1) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 8))))"#,
            name.len()
        )
    };
    let folder = tempfile::tempdir().unwrap();
    let (bad_descriptor, not_capable, not_permitted) = (8, 76, 63);
    for (access, name, expected) in [
        (None, "new", bad_descriptor),
        (Some(FolderAccess::ReadOnly), "new", not_permitted),
        (Some(FolderAccess::ReadWrite), "../escaped", not_permitted),
        (Some(FolderAccess::ReadWrite), "new", 0),
    ] {
        let mut task = task("files");
        task.grants.folders = access.map(|access| folder_grant(folder.path(), access)).into_iter().collect();
        task.exit_codes.success = vec![expected, not_capable];
        let report = attempt_of(run(task), &core(name)).await;
        assert_eq!(report.outcome, AttemptOutcome::Succeeded { output: None }, "{access:?} {name}");
        assert_eq!(folder.path().join("new").exists(), expected == 0, "{access:?} {name}");
    }
}

#[tokio::test]
async fn a_granted_folder_that_is_gone_is_the_hosts_fault() {
    let mut task = task("files");
    task.grants.folders = vec![folder_grant("/nonexistent/folder".as_ref(), FolderAccess::ReadOnly)];
    let report = attempt_of(run(task), r#"(func (export "_start"))"#).await;
    let AttemptOutcome::Broken { message } = report.outcome else { panic!("{:?}", report.outcome) };
    assert!(message.starts_with("cannot open the granted folder /nonexistent/folder: "), "{message}");
}

#[tokio::test]
async fn a_granted_folder_that_leads_elsewhere_than_when_it_was_granted_is_given_to_nobody() {
    let site = tempfile::tempdir().unwrap();
    let at = |name: &str| site.path().join(name);
    for folder in ["inner", "secret"] {
        std::fs::create_dir(at(folder)).unwrap();
    }
    let grant = folder_grant(&at("inner"), FolderAccess::ReadWrite);
    let tried = async || {
        let mut task = task("files");
        task.grants.folders = vec![grant.clone()];
        attempt_of(run(task), r#"(func (export "_start"))"#).await.outcome
    };
    assert_eq!(tried().await, AttemptOutcome::Succeeded { output: None });
    std::fs::rename(at("inner"), at("moved")).unwrap();
    std::os::unix::fs::symlink("secret", at("inner")).unwrap();
    let AttemptOutcome::Broken { message } = tried().await else { panic!("it was given another folder") };
    assert!(message.contains("secret now: if that is meant") && message.contains("`sandclock reload`"), "{message}");
    // Another folder in the same place is what the path says.
    std::fs::remove_file(at("inner")).unwrap();
    std::fs::create_dir(at("inner")).unwrap();
    assert_eq!(tried().await, AttemptOutcome::Succeeded { output: None });
}

#[tokio::test]
async fn a_panic_of_the_host_breaks_one_attempt_and_nothing_else() {
    let panics = |function: &str| {
        format!(
            r#"(component
            (import "sandclock:test/faults" (instance $faults (export "{function}" (func))))
            (core func $panic (canon lower (func $faults "{function}")))
            (core module $main (import "" "panic" (func $panic)) (memory 1)
                (func (export "run") (result i32) (call $panic) (i32.const 0)))
            (core instance $main (instantiate $main (with "" (instance (export "panic" (func $panic))))))
            (func $run (result (result)) (canon lift (core func $main "run")))
            (instance $exports (export "run" (func $run)))
            (export "wasi:cli/run@0.2.3" (instance $exports)))"#
        )
    };
    for function in ["panic", "panic-later"] {
        let prepared = load(panics(function)).unwrap();
        // More often than there are places in the pool, and always on the same worker.
        for attempt in 1..=20 {
            let (_stop, stopped) = watch::channel(None);
            let request = AttemptRequest { run: Arc::new(run(task("victim"))), attempt, stop: stopped };
            let outcome = prepared.attempt(request).await.outcome;
            let AttemptOutcome::Broken { message } = outcome else { panic!("{function}: {outcome:?}") };
            assert_eq!(message, "the host panicked: a test's fault");
        }
        let metrics = prepared.instance_pre().engine().pooling_allocator_metrics().expect("memory can be pooled here");
        assert_eq!((metrics.component_instances(), metrics.memories(), metrics.stacks()), (0, 0, 0), "{function}");
    }
}

#[tokio::test]
async fn many_stops_at_many_points_leave_the_engine_sound() {
    let write = r#"(func (export "_start") (loop (call $write (i32.const 1) (i32.const 1000) (i32.const 10)) (br 0)))"#;
    let prepared = load(command(&format!("{PREVIEW1} {write}"))).unwrap();
    for microseconds in 0..200 {
        let mut task = task("victim");
        task.limits.timeout = Duration::from_micros(microseconds * 10);
        let (_stop, stopped) = watch::channel(None);
        let request = AttemptRequest { run: Arc::new(run(task)), attempt: 1, stop: stopped };
        let outcome = prepared.attempt(request).await.outcome;
        assert!(matches!(outcome, AttemptOutcome::Exceeded(Exceeded { limit: Limit::Timeout, .. })), "{outcome:?}");
    }
}

#[test]
fn a_command_is_a_plain_program_of_wasi_02() {
    let prepared = load(command(&format!(r#"{PREVIEW1} (func (export "_start"))"#))).unwrap();
    assert_eq!((prepared.contract(), prepared.profile().wasi), (Contract::Command02, Wasi::V02));
}

#[tokio::test]
async fn stderr_is_louder_than_stdout() {
    let core = r#"(data (i32.const 100) "x\n")
        (func (export "_start") (call $write (i32.const 1) (i32.const 100) (i32.const 2))
            (call $write (i32.const 2) (i32.const 100) (i32.const 2)))"#;
    let levels: Vec<Level> = attempt_of(run(task("talker")), core).await.log.iter().map(|line| line.level).collect();
    assert_eq!(levels, [Level::Info, Level::Warn]);
}
