//! What the counting of fuel costs code that computes, against the same code compiled without any meter.

use anyhow::Context;
use sandclock_host::model::limits::Metering;
use sandclock_host::sandbox::Kernel;
use tokio::runtime::Runtime;

use crate::bar::Bar;
use crate::host::{Ground, engine_error, listener};
use crate::rounds::{Answer, Figure, Question, Round, abba};

/// What is computed, and how much of it: some 20 ms each.
const KERNELS: [(&str, &str, i64); 4] = [
    ("fuel: dependent multiply and add", include_str!("../kernels/multiply-add.wat"), 20_000_000),
    ("fuel: exclusive or and add", include_str!("../kernels/xor-add.wat"), 30_000_000),
    ("fuel: load and store bytes", include_str!("../kernels/load-store.wat"), 30_000_000),
    ("fuel: calls", include_str!("../kernels/fibonacci.wat"), 32),
];

/// Each kernel, and the geometric mean of them.
pub(crate) fn measure(ground: &Ground, rounds: usize) -> anyhow::Result<Vec<Answer>> {
    let runtime = listener()?;
    let question = |what, bar| Question { what, unit: "ms", a: "fuel", bar };
    let mut answers = Vec::new();
    let mut all: Vec<Vec<Round>> = Vec::new();
    for (what, text, amount) in KERNELS {
        let module = wat::parse_str(text).with_context(|| what.to_owned())?;
        let mut metered = runtime.block_on(Kernel::new(&module, Some(Metering::Fuel))).map_err(engine_error)?;
        let mut bare = runtime.block_on(Kernel::new(&module, None)).map_err(engine_error)?;
        let rounds = abba(
            rounds,
            || turn(ground, &runtime, &mut metered, amount),
            || turn(ground, &runtime, &mut bare, amount),
        )?;
        answers.push(Answer::of(question(what, None), "no meter", &rounds));
        all.push(rounds);
    }
    let mean: Vec<Round> = (0..rounds).map(|round| geometric_mean(all.iter().map(|rounds| &rounds[round]))).collect();
    answers.push(Answer::of(question("fuel: geometric mean of the four", Some(Bar::Times(1.35))), "no meter", &mean));
    Ok(answers)
}

/// What a kernel takes, in milliseconds.
fn turn(ground: &Ground, runtime: &Runtime, kernel: &mut Kernel, amount: i64) -> anyhow::Result<Figure> {
    let started = ground.clock.monotonic();
    runtime.block_on(kernel.run(amount)).map_err(engine_error)?;
    Ok(started.elapsed().as_secs_f64() * 1e3)
}

/// One round of all kernels, as if they were one.
fn geometric_mean<'a>(rounds: impl Iterator<Item = &'a Round> + Clone) -> Round {
    let mean = |figure: fn(&Round) -> Figure| {
        let logarithms: Vec<f64> = rounds.clone().map(|round| figure(round).ln()).collect();
        (logarithms.iter().sum::<f64>() / logarithms.len() as f64).exp()
    };
    Round { a: mean(|round| round.a), b: [mean(|round| round.b[0]), mean(|round| round.b[1])] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_geometric_mean_gives_each_kernel_the_same_weight() {
        let rounds = [Round { a: 2.0, b: [1.0, 4.0] }, Round { a: 800.0, b: [100.0, 400.0] }];
        let Round { a, b } = geometric_mean(rounds.iter());
        for (found, expected) in [(a, 40.0), (b[0], 10.0), (b[1], 40.0)] {
            assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
        }
    }
}
