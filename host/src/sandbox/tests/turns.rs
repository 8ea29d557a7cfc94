//! Guests that have the host work for long, and yet let others run.

use std::cell::Cell;

use crate::model::outcome::AttemptOutcome;
use crate::model::task::Task;
use crate::sandbox::testing::{attempt, run, task, typed};
use crate::sandbox::tests::tasks::ALLOCATOR;

/// Fewer calls than there are between two looks at the clock for guests whose calls are short.
const CALLS: usize = 12;

/// How many turns others have while a guest gets to its end.
async fn turns_of_others(component: impl AsRef<[u8]>, task: Task) -> usize {
    let others = Cell::new(0);
    let report = tokio::select! {
        biased;
        report = attempt(component, run(task)) => report,
        () = async { loop {
            others.set(others.get() + 1);
            tokio::task::yield_now().await;
        } } => unreachable!("it goes on for ever"),
    };
    assert_eq!(report.outcome, AttemptOutcome::Succeeded { output: None });
    others.get()
}

#[tokio::test]
async fn each_long_string_between_components_ends_a_turn() {
    let text = include_str!("../../../../tests/guests/string-carrying.wat");
    let calls = format!("{} (return (i32.const 0))", "(call $take (i32.const 0) (i32.const 0x300000))".repeat(CALLS));
    let others = turns_of_others(text.replace("(loop $again", &format!("{calls} (loop $again")), task("giver")).await;
    // The engine takes longer than a turn for each.
    assert!(others >= CALLS - 2, "others had {others} turns");
}

#[tokio::test]
async fn calls_that_may_carry_the_body_of_a_request_end_turns() {
    let mut task = task("sender");
    task.grants.http = vec!["http://127.0.0.1".parse().unwrap()];
    let log = "(call $log (i32.const 2) (i32.const 0x100000) (i32.const 0x800000) (i32.const 0) (i32.const 0))";
    let core = format!(
        r#"(import "sandclock:task/log@0.1.0" "log" (func $log (param i32 i32 i32 i32 i32)))
        (func (export "run") (param i32) (result i32)
            (drop (memory.grow (i32.const 200))) {} (i32.const 0xa00000)) {ALLOCATOR}"#,
        log.repeat(CALLS)
    );
    let others = turns_of_others(typed(&core), task).await;
    // 8 MiB are copied for each, which takes longer than a turn or nearly so.
    assert!(others >= 3, "others had {others} turns");
}
