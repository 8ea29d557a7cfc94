//! `cargo xtask`: what a person runs and what CI runs, under the same names.
//!
//! Knows how to build, check and show the project with the tools that a machine has or can get. Knows nothing of what
//! is inside the host: it only starts the program.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people at a terminal")]

mod apt;
mod bench;
mod command;
mod demo;
mod deny;
mod fuzz;
mod hostile;
mod project;
mod prometheus;
mod schemathesis;
mod test;
mod time;
mod tool;
mod torture;
mod wasm;
mod wasmtime;

use std::process::ExitCode;

use hostile::Memory;
use test::Extent;

const HELP: &str = "\
cargo xtask: builds, checks and shows sandclock

  cargo xtask demo            build everything, then serve a demo that is worth watching; Ctrl-C ends it
  cargo xtask test            every check and test that CI runs
  cargo xtask test --quick    formatting, lints and the tests that need no plugin: for while you write
  cargo xtask plugins         build plugins/* to target/plugins/*.wasm
  cargo xtask guests          build the guests that the tests run to target/guests/*.wasm
  cargo xtask bench [ARM...]  measure what things cost, each figure against a baseline; needs a quiet machine
  cargo xtask bench [ARM...] --quick
                              the same in some minutes: to see that it works, not for the figures
  cargo xtask bench history [RUNS]
                              ask a ledger of ten million runs, which is made first: some minutes, and 3 GB of disk
  cargo xtask fuzz [TARGET] [SECONDS]
                              feed random input to the host's edges, 20 minutes each unless told otherwise
  cargo xtask hostile         thousands of runs of all hostile guests, and of cancels: some minutes, and a report
  cargo xtask hostile --no-cgroup
                              the same where no memory cgroup can be made: with as much memory as there is
  cargo xtask torture [SEED]  the ledger's promises under a thousand kills and power cuts: about an hour
  cargo xtask advisories      compare the dependencies with the RustSec database, which is downloaded
  cargo xtask help            this page

Plugins and guests are built with rustup's wasm32-wasip2 target or, where that cannot be had, with Debian's toolchain.
SANDCLOCK_GUEST_TOOLCHAIN=rustup or =debian insists on one of them.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["demo"] => demo::run(),
        ["test"] => test::run(Extent::Everything),
        ["test", "--quick"] => test::run(Extent::Quick),
        ["bench", "history", ref runs @ ..] if runs.len() <= 1 => {
            bench::history(runs.first().copied()).map(|()| ExitCode::SUCCESS)
        }
        ["bench", ref options @ ..] => bench::run(options).map(|()| ExitCode::SUCCESS),
        ["fuzz", ref options @ ..] if options.len() <= 2 => {
            fuzz::run(options.first().copied(), options.get(1).copied()).map(|()| ExitCode::SUCCESS)
        }
        ["hostile"] => hostile::run(Memory::Little).map(|()| ExitCode::SUCCESS),
        ["hostile", "--no-cgroup"] => hostile::run(Memory::AsMuchAsThereIs).map(|()| ExitCode::SUCCESS),
        ["torture", ref seed @ ..] if seed.len() <= 1 => {
            torture::run(seed.first().copied()).map(|()| ExitCode::SUCCESS)
        }
        ["plugins"] => wasm::plugins().map(|()| ExitCode::SUCCESS),
        ["advisories"] => deny::advisories().map(|()| ExitCode::SUCCESS),
        ["guests"] => wasm::guests().map(|()| ExitCode::SUCCESS),
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            eprint!("xtask: there is no `{}`\n\n{HELP}", arguments.join(" "));
            return ExitCode::from(2);
        }
    };
    done.unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::FAILURE
    })
}
