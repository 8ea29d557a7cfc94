//! The benchmarks: builds a plugin and the host with optimisation, and has `bench/` measure the one in the other.

use std::process::Command;

use crate::command;
use crate::project::{cargo, shown, target};
use crate::{wasm, wasmtime};

/// Builds, measures, and prints a table. The options are those of `bench/`: names of what is to be measured, and
/// `--quick`.
pub(crate) fn run(options: &[&str]) -> anyhow::Result<()> {
    let mut bench = built()?;
    bench.args(options);
    if is_asked_for("serve", options) {
        wasmtime::build()?;
        wasm::greeter(&target().join("bench"))?;
    }
    let purpose = if options.contains(&"--quick") {
        "measuring a little (some minutes for everything): to see that it works, not for the figures"
    } else {
        "measuring (a quarter of an hour for everything; on a machine that does nothing else)"
    };
    command::run(purpose, &mut bench)
}

/// Whether an arm is to be measured: by its name, or with all others.
fn is_asked_for(arm: &str, options: &[&str]) -> bool {
    options.contains(&arm) || options.iter().all(|option| option.starts_with('-'))
}

/// Builds, makes a ledger of many runs unless it is there, and times questions to it.
pub(crate) fn history(runs: Option<&str>) -> anyhow::Result<()> {
    let mut bench = built()?;
    bench.arg("history").args(runs);
    command::run("asking a long history (it is made first and kept in target/bench)", &mut bench)
}

/// The program that measures, with a plugin to measure.
fn built() -> anyhow::Result<Command> {
    wasm::plugins()?;
    command::run(
        "building the host with optimisation (about 10 minutes on two cores the first time)",
        cargo().args(["build", "--profile", "bench", "--package", "sandclock-bench"]),
    )?;
    let mut bench = cargo();
    bench.args(["run", "--quiet", "--profile", "bench", "--package", "sandclock-bench", "--"]);
    bench.arg(shown(&target().join("plugins/hello.wasm")));
    // A developer's backtraces would be paid for in the figures of runs that fail.
    bench.env_remove("RUST_BACKTRACE");
    Ok(bench)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arm_is_asked_for_by_name_or_with_all() {
        let check = |options: &[&str], expected| assert_eq!(is_asked_for("serve", options), expected, "{options:?}");
        check(&[], true);
        check(&["--quick"], true);
        check(&["idle", "serve"], true);
        check(&["idle", "--quick"], false);
    }
}
