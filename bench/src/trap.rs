//! What an attempt costs that ends in a trap, against one that ends well.

use std::sync::Arc;

use sandclock_host::model::outcome::AttemptOutcome;
use sandclock_host::model::overlap::Overlap;
use sandclock_host::model::run::Run;
use sandclock_host::model::schedule::Schedule;
use sandclock_host::sandbox::Prepared;
use tokio::runtime::Runtime;

use crate::attempt::{attempts, run};
use crate::bar::Bar;
use crate::host::{Ground, listener};
use crate::rounds::{Answer, Figure, Question, abba};

/// Attempts in a turn.
const ATTEMPTS: u32 = 1_000;

const GOOD: &str = r#"(module (memory (export "memory") 1) (func (export "_start")))"#;
const UNREACHABLE: &str = include_str!("../../tests/guests/unreachable.wat");
const DEEP_RECURSION: &str = include_str!("../../tests/guests/deep-recursion.wat");

/// A trap at once, and one at the end of the stack.
pub(crate) fn measure(ground: &Ground, rounds: usize) -> anyhow::Result<Vec<Answer>> {
    let runtime = listener()?;
    let good = Arm::new(ground, &runtime, "good", GOOD)?;
    let bad = [
        ("an attempt that traps", Arm::new(ground, &runtime, "unreachable", UNREACHABLE)?),
        ("an attempt that recurses without end", Arm::new(ground, &runtime, "deep-recursion", DEEP_RECURSION)?),
    ];
    let answer = |(what, bad): (_, Arm)| {
        let is_trapped = |outcome: &AttemptOutcome| matches!(outcome, AttemptOutcome::Trapped(_));
        let is_good = |outcome: &AttemptOutcome| matches!(outcome, AttemptOutcome::Succeeded { .. });
        let rounds = abba(rounds, || bad.turn(ground, &runtime, is_trapped), || good.turn(ground, &runtime, is_good))?;
        let question = Question { what, unit: "µs", a: "trap", bar: Some(Bar::Times(4.0)) };
        Ok(Answer::of(question, "success", &rounds))
    };
    bad.into_iter().map(answer).collect()
}

struct Arm {
    prepared: Prepared,
    run: Arc<Run>,
}

impl Arm {
    fn new(ground: &Ground, runtime: &Runtime, name: &str, text: &str) -> anyhow::Result<Self> {
        let mut task = ground.task(name, Schedule::manual(), Overlap::Allow)?;
        task.plugin = ground.guest(name, text)?;
        let prepared = runtime.block_on(ground.prepared(&task))?;
        Ok(Self { prepared, run: run(ground, task) })
    }

    /// What an attempt takes, in microseconds.
    fn turn(
        &self,
        ground: &Ground,
        runtime: &Runtime,
        expected: fn(&AttemptOutcome) -> bool,
    ) -> anyhow::Result<Figure> {
        let started = ground.clock.monotonic();
        runtime.block_on(attempts(&self.prepared, &self.run, ATTEMPTS, expected))?;
        Ok(started.elapsed().as_secs_f64() * 1e6 / f64::from(ATTEMPTS))
    }
}
