//! What sandclock costs, each figure as a ratio against a baseline that is measured in the same run, or as a promise by
//! itself, and beside it the bar that was set for it.
//!
//! Uses the host as a library, through what is public in it; `docs/performance.md` says what the figures mean. Started by
//! `cargo xtask bench`, which builds the plugin that is run.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people at a terminal")]

mod bar;
mod rounds;
mod table;

mod client;
mod host;
mod networked;
mod process;
mod variants;

mod attempt;
mod metering;
mod trap;

mod herd;
mod history;
mod lateness;
mod ledger;
mod metrics;
mod runs;

mod followers;
mod overloaded;
mod serve;

mod start;
mod tasks;

use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};

use bar::Verdict;
use host::Ground;
use rounds::Answer;
use sandclock_slice::Yielding;
use tikv_jemallocator::Jemalloc;

/// As the real program has it: it is measured in this one.
#[global_allocator]
static MEMORY: Yielding<Jemalloc> = Yielding::new(Jemalloc);

/// How many rounds each question gets.
const FULL: usize = 20;
/// How many it gets to see that everything works.
const QUICK: usize = 4;

/// A group of questions that can be asked by itself.
struct Arm {
    name: &'static str,
    measure: fn(&Ground, usize) -> anyhow::Result<Vec<Answer>>,
}

const ARMS: &[Arm] = &[
    Arm { name: "attempt", measure: attempt::measure },
    Arm { name: "trap", measure: trap::measure },
    Arm { name: "metering", measure: metering::measure },
    Arm { name: "ledger", measure: ledger::measure },
    Arm { name: "recovery", measure: ledger::recovery },
    Arm { name: "runs", measure: runs::measure },
    Arm { name: "metrics", measure: metrics::measure },
    Arm { name: "herd", measure: herd::measure },
    Arm { name: "lateness", measure: lateness::measure },
    Arm { name: "saturated", measure: lateness::saturated },
    Arm { name: "compiling", measure: lateness::while_compiling },
    Arm { name: "parse", measure: tasks::parse },
    Arm { name: "idle", measure: tasks::idle },
    Arm { name: "start", measure: start::measure },
    Arm { name: "serve", measure: serve::measure },
    Arm { name: "followers", measure: followers::measure },
    Arm { name: "overloaded", measure: overloaded::measure },
];

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        // The host compiles plugins in a child of the same program, and here that is we.
        ["compile-child"] => {
            let input = BufReader::new(io::stdin());
            sandclock_host::plugins::compile_child(input, io::stdout().lock())?;
            Ok(ExitCode::SUCCESS)
        }
        [process::AS_HOST, ref rest @ ..] => {
            let exit =
                sandclock_host::cli::main(std::iter::once("sandclock").chain(rest.iter().copied()).map(Into::into));
            Ok(ExitCode::from(u8::try_from(exit.code())?))
        }
        [plugin, "history"] => {
            history::measure(Path::new(plugin), history::RUNS)?;
            Ok(ExitCode::SUCCESS)
        }
        [plugin, "history", runs] => {
            history::measure(Path::new(plugin), runs.parse()?)?;
            Ok(ExitCode::SUCCESS)
        }
        [plugin, ref options @ ..] => {
            let (flags, names): (Vec<&str>, Vec<&str>) = options.iter().partition(|option| option.starts_with('-'));
            let rounds = match flags[..] {
                [] => FULL,
                ["--quick"] => QUICK,
                _ => bail!("there is no option {}; only --quick", flags.join(" ")),
            };
            measure(Path::new(plugin), &arms(&names)?, rounds)
        }
        [] => bail!("usage: sandclock-bench PLUGIN.wasm [ARM...] [--quick]; `cargo xtask bench` does it all"),
    }
}

/// The arms of these names; all of them, if there are none.
fn arms(names: &[&str]) -> anyhow::Result<Vec<&'static Arm>> {
    if let Some(unknown) = names.iter().find(|name| ARMS.iter().all(|arm| arm.name != **name)) {
        let known: Vec<&str> = ARMS.iter().map(|arm| arm.name).collect();
        bail!("nothing that is measured is called {unknown}; there are {}", known.join(", "));
    }
    Ok(ARMS.iter().filter(|arm| names.is_empty() || names.contains(&arm.name)).collect())
}

/// Measures, and prints the table. What fails does not keep the rest from being measured.
fn measure(plugin: &Path, arms: &[&Arm], rounds: usize) -> anyhow::Result<ExitCode> {
    // Not in /tmp, which often is memory: the ledger is to wait for a disk.
    let folder = PathBuf::from("target/bench");
    std::fs::create_dir_all(&folder).context("make target/bench")?;
    let ground = Ground::new(plugin, &folder)?;
    let mut answers: Vec<Answer> = Vec::new();
    let mut exit = ExitCode::SUCCESS;
    for arm in arms {
        match (arm.measure)(&ground, rounds) {
            Ok(found) => {
                found.iter().for_each(|answer| eprintln!("bench: {}", table::line(answer)));
                answers.extend(found);
            }
            Err(error) => {
                eprintln!("bench: {} failed: {error:#}", arm.name);
                exit = ExitCode::FAILURE;
            }
        }
    }
    println!("{}", table::table(&answers));
    if answers.iter().any(|answer| answer.verdict() == Some(Verdict::Fault)) {
        exit = ExitCode::FAILURE;
    }
    Ok(exit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arms_are_chosen_by_name() {
        let check = |names: &[&str], expected: usize| assert_eq!(arms(names).unwrap().len(), expected, "{names:?}");
        check(&[], ARMS.len());
        check(&["idle"], 1);
        check(&["lateness", "attempt"], 2);
        let error = arms(&["idle", "lateless"]).err().unwrap().to_string();
        assert!(error.contains("lateless") && error.contains("lateness"), "{error}");
    }
}
