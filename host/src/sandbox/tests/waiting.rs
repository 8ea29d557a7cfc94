//! Guests of WASI 0.3 that wait in many places at once: each place keeps a stack.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::model::limits::{Fuel, Limit, Limits, Metering};
use crate::model::outcome::AttemptOutcome;
use crate::sandbox::testing::{run, task};
use crate::sandbox::{AttemptRequest, Prepared, Sandbox, Settings, bounds, compile};

/// A program that has so many components beside it wait, and then waits itself.
fn waiting(calls: u32) -> String {
    const WAIT: &str = r#"(func async (param "how-long" u64))"#;
    let all = |part: &dyn Fn(u32) -> String| (0..calls).map(part).collect::<String>();
    format!(
        r#"(component
            (import "wasi:clocks/monotonic-clock@0.3.0" (instance $clock (export "wait-for" {WAIT})))
            (alias export $clock "wait-for" (func $wait))
            (component $beside
                (import "wait" (func $wait async (param "how-long" u64)))
                (core func $waits (canon lower (func $wait)))
                (func (export "wait") async (param "how-long" u64) (canon lift (core func $waits))))
            {}
            (component $program
                (import "wait" (func $wait async (param "how-long" u64)))
                (core func $wait (canon lower (func $wait)))
                {}
                (core module $main
                    {}
                    (import "" "wait" (func $wait (param i64)))
                    (func (export "run") (result i32)
                        {}
                        (call $wait (i64.const 0xffffffffffff))
                        (i32.const 0)))
                (core instance $main (instantiate $main (with "" (instance (export "wait" (func $wait)) {}))))
                (func (export "run") async (result (result)) (canon lift (core func $main "run"))))
            (instance $program (instantiate $program (with "wait" (func $wait)) {}))
            (instance $exports (export "run" (func $program "run")))
            (export "wasi:cli/run@0.3.0" (instance $exports)))"#,
        all(&|n| format!(r#"(instance $beside{n} (instantiate $beside (with "wait" (func $wait))))"#)),
        all(&|n| {
            format!(
                r#"(import "wait{n}" (func $wait{n} async (param "how-long" u64)))
                (core func $wait{n} (canon lower (func $wait{n}) async))"#
            )
        }),
        all(&|n| format!(r#"(import "" "{n}" (func $wait{n} (param i64) (result i32)))"#)),
        all(&|n| format!("(drop (call $wait{n} (i64.const 0xffffffffffff)))")),
        all(&|n| format!(r#"(export "{n}" (func $wait{n}))"#)),
        all(&|n| format!(r#"(with "wait{n}" (func $beside{n} "wait"))"#)),
    )
}

/// A program that does nothing.
const IDLE: &str = r#"(component
    (core module $main (func (export "run") (result i32) (i32.const 0)))
    (core instance $main (instantiate $main))
    (func $run async (result (result)) (canon lift (core func $main "run")))
    (instance $exports (export "run" (func $run)))
    (export "wasi:cli/run@0.3.0" (instance $exports)))"#;

/// A program that has itself called again and again, as one does that waits for nothing.
const CALLED_AGAIN: &str = r#"(component
    (core module $main
        (func (export "run") (result i32) (i32.const 1))
        (func (export "again") (param i32 i32 i32) (result i32) (i32.const 1)))
    (core instance $main (instantiate $main))
    (func $run async (result (result)) (canon lift (core func $main "run") async (callback (func $main "again"))))
    (instance $exports (export "run" (func $run)))
    (export "wasi:cli/run@0.3.0" (instance $exports)))"#;

fn load(sandbox: &Sandbox, component: &str) -> Prepared {
    let compiled = compile(&wat::parse_str(component).unwrap(), Metering::Fuel).unwrap();
    sandbox.load(&compiled.into_image()).unwrap()
}

async fn attempt(prepared: &Prepared) -> AttemptOutcome {
    let (_sender, stop) = watch::channel(None);
    let mut task = task("waiting");
    task.limits.timeout = Duration::from_millis(300);
    prepared.attempt(AttemptRequest { run: Arc::new(run(task)), attempt: 1, stop }).await.outcome
}

#[tokio::test]
async fn no_attempt_can_take_anothers_stack() {
    const ATTEMPTS: usize = 4;
    let sandbox = Sandbox::new(Settings::for_limits(ATTEMPTS, []), Clock::system());
    let (waiting, idle) = (load(&sandbox, &waiting(bounds::CALLS_AT_ONCE - 1)), load(&sandbox, IDLE));
    let attempts = (0..ATTEMPTS - 1).map(|_| attempt(&waiting));
    // All of them wait when the last one begins.
    let (waited, last) = tokio::join!(futures_util::future::join_all(attempts), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        attempt(&idle).await
    });
    assert_eq!(last, AttemptOutcome::Succeeded { output: None });
    for outcome in waited {
        assert!(matches!(&outcome, AttemptOutcome::Exceeded(hit) if hit.limit == Limit::Timeout), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_guest_that_waits_in_too_many_places_is_ended() {
    let sandbox = Sandbox::new(Settings::for_limits(1, []), Clock::system());
    let outcome = attempt(&load(&sandbox, &waiting(bounds::CALLS_AT_ONCE))).await;
    let AttemptOutcome::Trapped(trap) = outcome else { panic!("{outcome:?}") };
    assert_eq!(trap.reason, "more than 16 calls into the plugin's components went on at once");
    assert_eq!(attempt(&load(&sandbox, IDLE)).await, AttemptOutcome::Succeeded { output: None });
}

#[tokio::test]
async fn a_guest_that_has_itself_called_again_lets_others_run() {
    let sandbox = Sandbox::new(Settings::for_limits(1, []), Clock::system());
    let guest = load(&sandbox, CALLED_AGAIN);
    let (_sender, stop) = watch::channel(None);
    let mut task = task("waiting");
    task.limits = Limits { fuel: Fuel::Metered(300_000), ..Limits::default() }.into();
    let request = AttemptRequest { run: Arc::new(run(task)), attempt: 1, stop };
    let mut attempt = std::pin::pin!(guest.attempt(request));
    let mut turns = 0;
    let report = std::future::poll_fn(|context| {
        turns += 1;
        attempt.as_mut().poll(context)
    })
    .await;
    let AttemptOutcome::Exceeded(hit) = &report.outcome else { panic!("{:?}", report.outcome) };
    assert_eq!(hit.limit, Limit::Fuel);
    // Fuel alone would make none of them.
    assert!(turns > 1000, "{turns}");
}
