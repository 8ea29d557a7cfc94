//! Limits: each ends the guest that reaches it, and is named with its figures.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::model::limits::{Fuel, HttpLimits, Limit, Limits, Metering};
use crate::model::outcome::{AttemptOutcome, Exceeded, FailureKind, OutcomeClass};
use crate::sandbox::testing::{attempt, load, load_metered, program, run, task, typed};
use crate::sandbox::tests::tasks::ALLOCATOR;
use crate::sandbox::{AttemptReport, AttemptRequest, LoadError, bounds};

const PAGE: u64 = 64 << 10;

async fn attempt_within(limits: Limits, core: &str) -> AttemptReport {
    let mut task = task("limited");
    task.limits = limits.into();
    attempt(&program(core), run(task)).await
}

fn exceeded(report: &AttemptReport) -> &Exceeded {
    match &report.outcome {
        AttemptOutcome::Exceeded(exceeded) => exceeded,
        other => panic!("expected a limit, found {other:?}"),
    }
}

#[tokio::test]
async fn a_program_that_returns_ok_has_succeeded() {
    let report =
        attempt_within(Limits::default(), r#"(memory 1) (func (export "run") (result i32) (i32.const 0))"#).await;
    assert_eq!(report.outcome, AttemptOutcome::Succeeded { output: None });
    assert_eq!(report.usage.peak_memory, PAGE);
    assert!(report.usage.fuel > Some(0));
    assert_eq!(report.log, []);
}

#[tokio::test]
async fn a_program_that_returns_an_error_has_failed() {
    let report = attempt_within(Limits::default(), r#"(func (export "run") (result i32) (i32.const 1))"#).await;
    let AttemptOutcome::Failed(failure) = report.outcome else { panic!("{:?}", report.outcome) };
    assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Permanent, "exit code 1"));
}

#[tokio::test]
async fn a_trap_has_a_reason_and_a_backtrace() {
    let core = r#"(func $_ZN4core5panic17h0123456789abcdefE unreachable)
        (func $work call $_ZN4core5panic17h0123456789abcdefE)
        (func (export "run") (result i32) (call $work) (i32.const 0))"#;
    let report = attempt_within(Limits::default(), core).await;
    let AttemptOutcome::Trapped(trap) = report.outcome else { panic!("{:?}", report.outcome) };
    assert_eq!(trap.reason, "wasm `unreachable` instruction executed");
    assert_eq!(trap.backtrace[..2], ["main!core::panic", "main!work"]);
}

#[tokio::test]
async fn deep_recursion_traps_with_a_short_backtrace() {
    let report = attempt_within(Limits::default(), r#"(func $f (export "run") (result i32) (call $f))"#).await;
    let AttemptOutcome::Trapped(trap) = report.outcome else { panic!("{:?}", report.outcome) };
    assert_eq!((trap.reason.as_str(), trap.backtrace.len()), ("call stack exhausted", 16));
}

#[tokio::test]
async fn a_loop_ends_with_its_fuel() {
    let limits = Limits { fuel: Fuel::Metered(5_000_000), ..Limits::default() };
    let report =
        attempt_within(limits, r#"(func $spin (export "run") (result i32) (loop (br 0)) (i32.const 0))"#).await;
    let exceeded = exceeded(&report);
    assert_eq!((exceeded.limit, exceeded.allowed), (Limit::Fuel, 5_000_000));
    assert!(exceeded.used >= exceeded.allowed && report.usage.fuel >= Some(5_000_000));
    assert_eq!(exceeded.backtrace, ["main!spin"]);
}

#[tokio::test]
async fn a_loop_ends_at_its_deadline() {
    let limits = Limits { timeout: Duration::from_millis(100), ..Limits::default() };
    for core in [
        r#"(func (export "run") (result i32) (loop (br 0)) (i32.const 0))"#,
        r#"(func $spin (loop (br 0))) (start $spin) (func (export "run") (result i32) (i32.const 0))"#,
    ] {
        let report = attempt_within(limits, core).await;
        let exceeded = exceeded(&report);
        assert_eq!((exceeded.limit, exceeded.allowed), (Limit::Timeout, 100));
        assert!(exceeded.used >= 100 && report.usage.fuel > Some(0));
    }
}

#[tokio::test]
async fn without_fuel_a_loop_ends_at_its_deadline_and_lets_others_run() {
    let limits = Limits { timeout: Duration::from_millis(100), fuel: Fuel::Unmetered, ..Limits::default() };
    let spin = || attempt_within(limits, r#"(func (export "run") (result i32) (loop (br 0)) (i32.const 0))"#);
    // On one thread: each gets to its deadline only if the other lets go.
    let (first, second) = tokio::join!(spin(), spin());
    for report in [first, second] {
        assert_eq!((exceeded(&report).limit, report.usage.fuel), (Limit::Timeout, None));
    }
}

#[tokio::test]
async fn a_plugin_runs_only_as_it_was_compiled() {
    let component = program(r#"(func (export "run") (result i32) (i32.const 0))"#);
    for (compiled, fuel) in [(Metering::Fuel, Fuel::Unmetered), (Metering::Epoch, Fuel::Metered(1_000_000))] {
        let prepared = load_metered(&component, compiled).unwrap();
        let mut task = task("limited");
        task.limits.fuel = fuel;
        let (_sender, stop) = watch::channel(None);
        let report = prepared.attempt(AttemptRequest { run: Arc::new(run(task)), attempt: 1, stop }).await;
        assert!(matches!(report.outcome, AttemptOutcome::Broken { .. }), "{:?}", report.outcome);
    }
}

#[tokio::test]
async fn memory_costs_fuel_by_the_page() {
    let burned = async |pages: u32| {
        let grow = format!(
            r#"(memory 1) (func (export "run") (result i32) (drop (memory.grow (i32.const {pages}))) (i32.const 0))"#
        );
        attempt_within(Limits::default(), &grow).await.usage.fuel.unwrap()
    };
    assert_eq!(burned(101).await - burned(1).await, 100 * 255);
}

#[tokio::test]
async fn memory_counts_over_all_memories() {
    let limits = Limits { memory: 4 * PAGE, ..Limits::default() };
    // Each is refused its last page and then aborts, as programs do.
    for (core, used, peak) in [
        (
            r#"(memory 1) (func (export "run") (result i32) (if (i32.eq (memory.grow (i32.const 4)) (i32.const -1)) (then unreachable)) (i32.const 0))"#,
            5,
            1,
        ),
        (
            r#"(memory 2) (memory 2) (func (export "run") (result i32) (if (i32.eq (memory.grow 1 (i32.const 1)) (i32.const -1)) (then unreachable)) (i32.const 0))"#,
            5,
            4,
        ),
        (r#"(memory 5) (func (export "run") (result i32) (i32.const 0))"#, 5, 0),
        (r#"(memory 3) (memory 3) (func (export "run") (result i32) (i32.const 0))"#, 6, 3),
        (
            r#"(memory 1) (func (export "run") (result i32) (loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) (i32.const 1))"#,
            5,
            4,
        ),
    ] {
        let report = attempt_within(limits, core).await;
        let exceeded = exceeded(&report);
        assert_eq!(
            (exceeded.limit, exceeded.allowed, exceeded.used, report.usage.peak_memory),
            (Limit::Memory, 4 * PAGE, used * PAGE, peak * PAGE),
            "{core}"
        );
    }
}

#[tokio::test]
async fn a_guest_that_copes_with_refused_memory_goes_on() {
    let limits = Limits { memory: PAGE, ..Limits::default() };
    let core = r#"(memory 1) (func (export "run") (result i32) (drop (memory.grow (i32.const 1))) (i32.const 0))"#;
    assert_eq!(attempt_within(limits, core).await.outcome, AttemptOutcome::Succeeded { output: None });
}

#[tokio::test]
async fn tables_and_instances_are_limited() {
    let limits = Limits { table_elements: 10, ..Limits::default() };
    let core = r#"(table 1 funcref) (func (export "run") (result i32)
        (if (i32.eq (table.grow (ref.null func) (i32.const 10)) (i32.const -1)) (then unreachable)) (i32.const 0))"#;
    let report = attempt_within(limits, core).await;
    let found = exceeded(&report);
    assert_eq!((found.limit, found.allowed, found.used), (Limit::TableElements, 10, 11));

    let wat = r#"(component
        (core module $m (func (export "run") (result i32) (i32.const 0)))
        (core instance $a (instantiate $m)) (core instance $b (instantiate $m)) (core instance $c (instantiate $m))
        (func $run (result (result)) (canon lift (core func $c "run")))
        (instance $exports (export "run" (func $run)))
        (export "wasi:cli/run@0.2.3" (instance $exports)))"#;
    let mut task = task("limited");
    task.limits.instances = 2;
    let report = attempt(wat, run(task)).await;
    let found = exceeded(&report);
    assert_eq!((found.limit, found.allowed, found.used), (Limit::Instances, 2, 3));
}

#[tokio::test]
async fn programs_of_wasi_03_run_under_the_same_limits() {
    let program = |core: &str| {
        format!(
            r#"(component
                (core module $main {core})
                (core instance $main (instantiate $main))
                (func $run async (result (result)) (canon lift (core func $main "run")))
                (instance $exports (export "run" (func $run)))
                (export "wasi:cli/run@0.3.0" (instance $exports)))"#
        )
    };
    let limits = Limits { timeout: Duration::from_millis(100), memory: 4 * PAGE, ..Limits::default() };
    for (core, expected) in [
        (r#"(func (export "run") (result i32) (i32.const 0))"#, None),
        (r#"(func (export "run") (result i32) (loop (br 0)) (i32.const 0))"#, Some(Limit::Timeout)),
        (r#"(memory 5) (func (export "run") (result i32) (i32.const 0))"#, Some(Limit::Memory)),
    ] {
        let mut task = task("limited");
        task.limits = limits.into();
        let report = attempt(program(core), run(task)).await;
        match expected {
            Some(limit) => assert_eq!(exceeded(&report).limit, limit),
            None => assert_eq!(report.outcome, AttemptOutcome::Succeeded { output: None }),
        }
    }
}

#[tokio::test]
async fn memory_is_pooled_and_slots_come_back() {
    let prepared = load(program(r#"(memory 1) (func (export "run") (result i32) (i32.const 0))"#)).unwrap();
    let run = Arc::new(run(task("pooled")));
    let metrics = || prepared.instance_pre().engine().pooling_allocator_metrics().expect("memory can be pooled here");
    for attempt in 1..=50 {
        let (_stop, stop) = watch::channel(None);
        prepared.attempt(AttemptRequest { run: Arc::clone(&run), attempt, stop }).await;
        assert!(prepared.bare(Arc::clone(&run)).call().await);
    }
    let metrics = metrics();
    assert_eq!((metrics.component_instances(), metrics.memories(), metrics.stacks()), (0, 0, 0));
}

/// A program that does one thing with the host's timers and random numbers.
fn caller(act: &str) -> String {
    format!(
        r#"(component
            (import "wasi:random/random@0.2.3" (instance $random
                (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
            (import "wasi:io/poll@0.2.3" (instance $poll (export "pollable" (type (sub resource)))))
            (alias export $poll "pollable" (type $pollable))
            (import "wasi:clocks/monotonic-clock@0.2.3" (instance $clock
                (export "pollable" (type $its (eq $pollable)))
                (export "subscribe-duration" (func (param "when" u64) (result (own $its))))))
            (import "sandclock:task/log@0.1.0" (instance $log
                (type $level' (enum "trace" "debug" "info" "warn" "error"))
                (export "level" (type $level (eq $level')))
                (type $fields (list (tuple string string)))
                (export "log" (func (param "level" $level) (param "message" string) (param "fields" $fields)))))
            (core module $libc
                (memory (export "memory") 32)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8)))
            (core instance $libc (instantiate $libc))
            (core func $random (canon lower (func $random "get-random-bytes")
                (memory $libc "memory") (realloc (func $libc "realloc"))))
            (core func $subscribe (canon lower (func $clock "subscribe-duration")))
            (core func $log (canon lower (func $log "log") (memory $libc "memory") (realloc (func $libc "realloc"))))
            (core module $main
                (import "" "random" (func $random (param i64 i32)))
                (import "" "subscribe" (func $subscribe (param i64) (result i32)))
                (import "" "log" (func $log (param i32 i32 i32 i32 i32)))
                (func (export "run") (result i32) {act} (i32.const 0)))
            (core instance $main (instantiate $main (with "" (instance
                (export "random" (func $random))
                (export "subscribe" (func $subscribe))
                (export "log" (func $log))))))
            (func $run (result (result)) (canon lift (core func $main "run")))
            (instance $exports (export "run" (func $run)))
            (export "wasi:cli/run@0.2.3" (instance $exports))
        )"#
    )
}

#[tokio::test]
async fn what_the_host_holds_for_a_guest_is_limited() {
    let flood = "(loop (drop (call $subscribe (i64.const 1000))) (br 0))";
    for (act, limits, limit, allowed, used) in [
        (flood, Limits { handles: 100, ..Limits::default() }, Limit::Handles, 100, 101),
        (flood, Limits { resources: 100, ..Limits::default() }, Limit::Resources, 100, 101),
        (
            "(call $random (i64.const 1001) (i32.const 0))",
            Limits { random: 1000, ..Limits::default() },
            Limit::Random,
            1000,
            1001,
        ),
        (
            "(call $log (i32.const 2) (i32.const 0) (i32.const 1000001) (i32.const 0) (i32.const 0))",
            Limits { hostcall: 1_000_000, ..Limits::default() },
            Limit::Hostcall,
            1_000_000,
            1_000_001,
        ),
    ] {
        let mut task = task("limited");
        task.limits = limits.into();
        let report = attempt(caller(act), run(task)).await;
        let exceeded = exceeded(&report);
        assert_eq!((exceeded.limit, exceeded.allowed, exceeded.used), (limit, allowed, used));
    }
}

#[tokio::test]
async fn where_http_is_granted_a_call_carries_a_body_too_and_the_figures_say_so() {
    let http = HttpLimits { body: 20 << 10, ..HttpLimits::default() };
    let limits = Limits { hostcall: 10 << 10, http, ..Limits::default() };
    let log = |bytes: u32| {
        caller(&format!("(call $log (i32.const 2) (i32.const 0) (i32.const {bytes}) (i32.const 0) (i32.const 0))"))
    };
    let mut task = task("limited");
    task.limits = limits.into();
    task.grants.http = vec!["https://example.com".parse().unwrap()];
    let report = attempt(log(30 << 10), run(task.clone())).await;
    assert_eq!(report.outcome, AttemptOutcome::Succeeded { output: None });
    let report = attempt(log((30 << 10) + 1), run(task)).await;
    let found = exceeded(&report);
    assert_eq!((found.limit, found.allowed, found.used), (Limit::Hostcall, 30 << 10, (30 << 10) + 1));
    let told = "stopped at limits.hostcall = 10KiB with limits.http-body = 20KiB on top; to allow more: \
         [tasks.limited.limits] hostcall = \"40KiB\"";
    assert_eq!(report.log.last().unwrap().message, told);
}

/// A typed task that returns so many bytes, or fails with a message of so many.
fn returning(bytes: u64, fails: bool) -> Vec<u8> {
    let shape = match fails {
        false => {
            "(i32.store (i32.const 1008) (i32.const 1)) (i32.store (i32.const 1020) (i32.const 2048))
            (i32.store (i32.const 1024) (local.get 1))"
        }
        true => {
            "(i32.store (i32.const 1000) (i32.const 1)) (i32.store (i32.const 1008) (i32.const 1))
            (i32.store (i32.const 1016) (i32.const 2048)) (i32.store (i32.const 1020) (local.get 1))"
        }
    };
    typed(&format!(
        r#"(func (export "run") (param i32) (result i32) (local i32)
            (drop (memory.grow (i32.const 100))) (local.set 1 (i32.const {bytes}))
            {shape} (i32.const 1000)) {ALLOCATOR}"#
    ))
}

#[tokio::test]
async fn what_a_task_returns_counts_to_its_output_and_to_no_other_limit() {
    const MIB: u64 = 1 << 20;
    let raised = Limits { output: 4 * MIB, ..Limits::default() };
    let more = Limits { hostcall: 4 * MIB, ..Limits::default() };
    for (limits, fails, bytes, used) in [
        (Limits::default(), false, MIB, None),
        (Limits::default(), false, MIB + 1, Some(MIB + 1)),
        // Of what is far too large no more is known than that.
        (Limits::default(), false, 5 * MIB, Some(MIB + 1)),
        (Limits::default(), true, 5 * MIB, Some(MIB + 1)),
        (more, false, 3 * MIB, Some(3 * MIB)),
        (raised, false, 4 * MIB, None),
        (raised, false, 4 * MIB + 1, Some(4 * MIB + 1)),
        (raised, false, 6 * MIB, Some(4 * MIB + 1)),
    ] {
        let mut task = task("limited");
        task.limits = limits.into();
        let report = attempt(returning(bytes, fails), run(task)).await;
        match used {
            None => assert_eq!((report.outcome.class(), report.usage.output), (OutcomeClass::Succeeded, bytes)),
            Some(used) => {
                let found = exceeded(&report);
                assert_eq!((found.limit, found.allowed, found.used), (Limit::Output, limits.output, used), "{bytes}");
            }
        }
    }
}

#[tokio::test]
async fn a_larger_output_makes_no_call_larger() {
    let call = "(call $log (i32.const 2) (i32.const 0) (i32.const 1048577) (i32.const 0) (i32.const 0))";
    let mut task = task("limited");
    task.limits.output = 4 << 20;
    let typed = typed(&format!(
        r#"(import "sandclock:task/log@0.1.0" "log" (func $log (param i32 i32 i32 i32 i32)))
            (func (export "run") (param i32) (result i32)
                (drop (memory.grow (i32.const 100))) {call} (unreachable)) {ALLOCATOR}"#
    ));
    for guest in [caller(call).into_bytes(), typed] {
        assert_eq!(exceeded(&attempt(guest, run(task.clone())).await).limit, Limit::Hostcall);
    }
}

#[tokio::test]
async fn a_guest_that_only_asks_the_host_lets_others_run_and_ends_at_its_deadline() {
    // Less fuel than makes it yield, and seconds of work for the host: without turns it would end for want of fuel.
    let fuel = Fuel::Metered(bounds::YIELD_INTERVAL - 1);
    let mut task = task("limited");
    task.limits = Limits { timeout: Duration::from_millis(200), fuel, ..Limits::default() }.into();
    let report = attempt(caller("(loop (call $random (i64.const 65536) (i32.const 0)) (br 0))"), run(task)).await;
    assert_eq!(exceeded(&report).limit, Limit::Timeout);
}

#[test]
fn an_export_of_another_type_is_refused() {
    let odd = r#"(component
        (core module $main (func (export "run") (param i32) (result i32) (i32.const 0)))
        (core instance $main (instantiate $main))
        (func $run (param "number" u32) (result (result)) (canon lift (core func $main "run")))
        (instance $exports (export "run" (func $run)))
        (export "wasi:cli/run@0.2.3" (instance $exports)))"#;
    assert!(matches!(load(odd), Err(LoadError::Export { .. })));
}
