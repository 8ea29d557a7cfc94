//! What sandclock costs, each figure as a ratio against a baseline that is measured in the same run.
//!
//! Uses the host as a library, through what is public in it; `docs/performance.md` says what the figures mean. Started by
//! `cargo xtask bench`, which builds the plugin that is run.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people at a terminal")]

mod rounds;
mod table;

mod host;

mod attempt;
mod lateness;
mod ledger;
mod runs;

use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use anyhow::Context;

use host::Ground;
use rounds::Answer;

/// How many rounds each question gets.
const FULL: usize = 20;
/// How many it gets to see that everything works.
const QUICK: usize = 4;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        // The host compiles plugins in a child of the same program, and here that is we.
        ["compile-child"] => {
            let input = BufReader::new(io::stdin());
            Ok(sandclock_host::plugins::compile_child(input, io::stdout().lock())?)
        }
        [plugin] => measure(Path::new(plugin), FULL),
        [plugin, "--quick"] => measure(Path::new(plugin), QUICK),
        _ => anyhow::bail!("usage: sandclock-bench PLUGIN.wasm [--quick]; `cargo xtask bench` does it all"),
    }
}

fn measure(plugin: &Path, rounds: usize) -> anyhow::Result<()> {
    // Not in /tmp, which often is memory: the ledger is to wait for a disk.
    let folder = PathBuf::from("target/bench");
    std::fs::create_dir_all(&folder).context("make target/bench")?;
    let ground = Ground::new(plugin, &folder)?;
    let mut answers: Vec<Answer> = Vec::new();
    for question in [attempt::measure, ledger::measure, runs::measure, lateness::measure] {
        for answer in question(&ground, rounds)? {
            eprintln!("bench: {}: {:.2}", answer.question.what, answer.ratio.median);
            answers.push(answer);
        }
    }
    println!("{}", table::table(&answers));
    Ok(())
}
