//! Guests that have the host work for long, and yet let others run.

use std::cell::Cell;

use crate::model::outcome::AttemptOutcome;
use crate::sandbox::testing::{attempt, run, task};

#[tokio::test]
async fn each_long_string_between_components_ends_a_turn() {
    const CALLS: usize = 12;
    let text = include_str!("../../../../tests/guests/string-carrying.wat");
    let calls = format!("{} (return (i32.const 0))", "(call $take (i32.const 0) (i32.const 0x300000))".repeat(CALLS));
    let few = text.replace("(loop $again", &format!("{calls} (loop $again"));
    let others = Cell::new(0);
    let report = tokio::select! {
        biased;
        report = attempt(few, run(task("giver"))) => report,
        () = async { loop {
            others.set(others.get() + 1);
            tokio::task::yield_now().await;
        } } => unreachable!("it goes on for ever"),
    };
    assert_eq!(report.outcome, AttemptOutcome::Succeeded { output: None });
    // The engine takes longer than a turn for each.
    assert!(others.get() >= CALLS - 2, "others had {} turns", others.get());
}
