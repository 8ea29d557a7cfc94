//! Every check of the project, one after the other, with a table at the end.
//!
//! Goes on after a failure, so that one run tells all. The order is that of the build: what a later check can use of
//! an earlier one's work comes after it, and a cheap check before a dear one.

use std::num::NonZero;
use std::process::{Command, ExitCode};
use std::thread;

use crate::command::{self, say};
use crate::project::cargo;
use crate::time::{Elapsed, Stopwatch};
use crate::{demo, deny, prometheus, schemathesis, wasm};

/// How much is checked.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Extent {
    /// All that CI checks.
    Everything,
    /// What needs neither guests nor documentation: for while one writes.
    Quick,
}

struct Check {
    name: &'static str,
    run: fn() -> anyhow::Result<()>,
}

const EVERYTHING: &[Check] = &[
    Check { name: "format", run: format },
    Check { name: "dependencies", run: deny::check },
    Check { name: "lints", run: lints },
    Check { name: "documentation", run: documentation },
    Check { name: "alert rules", run: prometheus::check_rules },
    Check { name: "plugins", run: wasm::plugins },
    Check { name: "guests", run: wasm::guests },
    Check { name: "tests", run: tests },
    Check { name: "API document", run: schemathesis::check },
    Check { name: "demo", run: demo::check },
];

const QUICK: &[Check] = &[
    Check { name: "format", run: format },
    Check { name: "lints", run: lints },
    Check { name: "unit tests", run: unit_tests },
];

/// Runs the checks and gives what the shell shall hear.
pub(crate) fn run(extent: Extent) -> anyhow::Result<ExitCode> {
    let checks = match extent {
        Extent::Everything => EVERYTHING,
        Extent::Quick => QUICK,
    };
    let whole = Stopwatch::start();
    let mut rows = Vec::new();
    for (number, check) in checks.iter().enumerate() {
        say(&format!("---- {} ({} of {})", check.name, number + 1, checks.len()));
        let stopwatch = Stopwatch::start();
        let result = (check.run)();
        if let Err(error) = &result {
            say(&format!("{} failed: {error:#}", check.name));
        }
        rows.push(Row { name: check.name, elapsed: stopwatch.elapsed(), ok: result.is_ok() });
    }
    print!("\n{}", table(&rows, whole.elapsed()));
    Ok(if rows.iter().all(|row| row.ok) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn format() -> anyhow::Result<()> {
    command::run("looking at the format", cargo().args(["fmt", "--all", "--check"]))
}

fn lints() -> anyhow::Result<()> {
    let mut clippy = cargo();
    clippy.args(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]);
    command::run(
        "checking the lints (the first time all dependencies are read: some minutes on two cores)",
        &mut clippy,
    )
}

fn documentation() -> anyhow::Result<()> {
    let mut doc = cargo();
    // Libraries only: the page of the program `sandclock` would lie where that of the library for plugins does.
    doc.args(["doc", "--workspace", "--lib", "--no-deps"]).env("RUSTDOCFLAGS", "--deny warnings");
    command::run("building the documentation, for broken links and missing pieces", &mut doc)
}

fn tests() -> anyhow::Result<()> {
    command::run(
        "building and running all tests (wasmtime is most of the first build: some minutes on two cores)",
        cargo_test().args(["--workspace"]),
    )
}

fn unit_tests() -> anyhow::Result<()> {
    command::run(
        "building and running the unit tests (wasmtime is most of the first build: some minutes on two cores)",
        cargo_test().args(["--workspace", "--lib", "--bins"]),
    )
}

/// Goes on after a failing test binary, for the same reason as we do. Twice as many tests go on at once as there are
/// processors: most of their time they wait for a host or a disk.
fn cargo_test() -> Command {
    let threads = 2 * thread::available_parallelism().map_or(1, NonZero::get);
    let mut test = cargo();
    test.args(["test", "--no-fail-fast"]).env("RUST_TEST_THREADS", threads.to_string());
    test
}

struct Row {
    name: &'static str,
    elapsed: Elapsed,
    ok: bool,
}

fn table(rows: &[Row], whole: Elapsed) -> String {
    let mut table = format!("{:<16}{:>14}  result\n", "check", "time");
    for Row { name, elapsed, ok } in rows {
        let result = if *ok { "ok" } else { "FAILED" };
        table.push_str(&format!("{name:<16}{elapsed:>14}  {result}\n"));
    }
    let failed = rows.iter().filter(|row| !row.ok).count();
    let result = match failed {
        0 => "all is well".to_owned(),
        1 => "1 check failed".to_owned(),
        _ => format!("{failed} checks failed"),
    };
    table.push_str(&format!("{:<16}{whole:>14}  {result}\n", "together"));
    table
}
