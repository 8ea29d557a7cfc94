//! Typed tasks: what they are told, what they say, and what they log.

use std::sync::Arc;
use std::time::Duration;

use crate::model::grants::Secret;
use crate::model::limits::{Limit, Metering};
use crate::model::log::{Level, LogSource};
use crate::model::outcome::{AttemptOutcome, Exceeded, Failure, FailureKind};
use crate::model::payload::Blob;
use crate::sandbox::testing::{attempt, load, run, task, typed};
use crate::sandbox::{Contract, LoadError, Wasi};

/// What every typed task needs: memory, and an allocator that never looks back.
pub(super) const ALLOCATOR: &str = r#"
    (memory (export "memory") 4)
    (global $top (mut i32) (i32.const 65536))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
        (local.set $at (i32.and (i32.add (global.get $top) (i32.const 15)) (i32.const -16)))
        (global.set $top (i32.add (local.get $at) (local.get 3)))
        (local.get $at))
"#;

/// A task that hands its own name and its payload's bytes to the log, and returns the payload.
const ECHO: &str = r#"
    (import "sandclock:task/log@0.1.0" "log" (func $log (param i32 i32 i32 i32 i32)))
    (func (export "run") (param $info i32) (result i32)
        (call $log (i32.const 3) (i32.load (local.get $info)) (i32.load offset=4 (local.get $info))
            (i32.const 0) (i32.const 0))
        (memory.copy (i32.const 1012) (i32.add (local.get $info) (i32.const 100)) (i32.const 16))
        (i32.store (i32.const 1000) (i32.const 0))
        (i32.store (i32.const 1008) (i32.const 1))
        (i32.const 1000))
"#;

#[tokio::test]
async fn a_task_gets_its_payload_and_returns_its_output() {
    let blob = Blob { content_type: "text/plain".to_owned(), bytes: b"hello".to_vec() };
    let mut run = run(task("echo"));
    run.payload = Some(Arc::new(blob.clone()));
    let report = attempt(typed(&format!("{ECHO} {ALLOCATOR}")), run).await;
    assert_eq!(report.outcome, AttemptOutcome::Succeeded { output: Some(blob) });
    let [line] = &report.log[..] else { panic!("{:?}", report.log) };
    assert_eq!((line.level, line.source, line.message.as_str()), (Level::Warn, LogSource::Log, "echo"));
}

#[tokio::test]
async fn an_output_that_is_too_large_is_named() {
    let mut task = task("echo");
    task.limits.output = 14;
    let mut run = run(task);
    run.payload = Some(Arc::new(Blob { content_type: "text/plain".to_owned(), bytes: b"hello".to_vec() }));
    let outcome = attempt(typed(&format!("{ECHO} {ALLOCATOR}")), run).await.outcome;
    let expected = Exceeded { limit: Limit::Output, allowed: 14, used: 15, backtrace: Vec::new() };
    assert_eq!(outcome, AttemptOutcome::Exceeded(expected));
}

#[tokio::test]
async fn a_failure_keeps_its_kind_and_loses_its_secrets() {
    let core = |kind: u8| {
        format!(
            r#"(data (i32.const 100) "no hunter2 today")
            (func (export "run") (param i32) (result i32)
                (i32.store (i32.const 1000) (i32.const 1))
                (i32.store (i32.const 1008) (i32.const {kind}))
                (i32.store (i32.const 1016) (i32.const 100)) (i32.store (i32.const 1020) (i32.const 16))
                (i32.store (i32.const 1024) (i32.const 1)) (i64.store (i32.const 1032) (i64.const 1500))
                (i32.const 1000)) {ALLOCATOR}"#
        )
    };
    let transient = FailureKind::Transient { retry_after: Some(Duration::from_millis(1500)) };
    for (kind, expected) in [(0, transient), (1, FailureKind::Permanent)] {
        let mut task = task("failing");
        task.grants.secrets = vec![("TOKEN".to_owned(), Secret::new("hunter2".to_owned()))];
        let outcome = attempt(typed(&core(kind)), run(task)).await.outcome;
        let failure = Failure { kind: expected, message: "no *** today".to_owned() };
        assert_eq!(outcome, AttemptOutcome::Failed(failure));
    }
}

#[test]
fn a_plugin_that_cannot_be_used_is_told_why() {
    let check = |component: &str, expected: &[&str]| {
        let error = load(component).unwrap_err();
        let chain = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
        let message = chain.map(ToString::to_string).collect::<Vec<_>>().join(": ");
        for part in expected {
            assert!(message.contains(part), "{part:?} is not in {message:?}");
        }
    };
    check("(component)", &["exports nothing; expected `run` of the world sandclock:task/task"]);
    check(
        r#"(component (instance $i) (export "acme:tools/run@1.0.0" (instance $i)))"#,
        &["exports acme:tools/run@1.0.0; expected"],
    );
    check(
        r#"(component (import "acme:billing/charge" (instance (export "pay" (func))))
            (instance $i) (export "wasi:cli/run@0.2.0" (instance $i)))"#,
        &["imports something that sandclock does not serve", "acme:billing/charge"],
    );
    check(
        r#"(component (core module $m (func (export "run"))) (core instance $m (instantiate $m))
            (func $run (canon lift (core func $m "run"))) (export "run" (func $run)))"#,
        &["does not fit the contract of a typed task", "run"],
    );
}

#[test]
fn a_task_runs_under_the_cheapest_profile() {
    let prepared = load(typed(&format!("{ECHO} {ALLOCATOR}"))).unwrap();
    assert_eq!((prepared.contract(), prepared.profile().wasi), (Contract::Task, Wasi::V02));
}

#[test]
fn a_profile_that_is_off_is_named() {
    let component = wat::parse_str(r#"(component (import "wasi:clocks/types@0.3.0" (instance)))"#).unwrap();
    let compiled = crate::sandbox::compile(&component, Metering::Fuel).unwrap();
    let settings = crate::sandbox::Settings { wasi_03: false, ..crate::sandbox::Settings::for_limits(1, []) };
    let sandbox = crate::sandbox::Sandbox::new(settings, crate::clock::Clock::system());
    let image = compiled.into_image();
    assert!(matches!(sandbox.load(&image), Err(LoadError::ProfileOff)));
}
