//! The long form of the tests with hostile guests: thousands of runs and cancels, and a report.

use crate::command;
use crate::project::cargo;
use crate::wasm;

/// Cancels at random points.
const CANCELS: &str = "10000";

/// Builds what is needed, runs both, and leaves what they print on the terminal.
pub(crate) fn run() -> anyhow::Result<()> {
    wasm::plugins()?;
    wasm::guests()?;
    let mut cancels = cargo();
    cancels
        .args(["test", "--package", "sandclock", "--lib", "sandbox::tests::cancel"])
        .env("SANDCLOCK_CANCELS", CANCELS);
    command::run(&format!("cutting off {CANCELS} attempts at random points"), &mut cancels)?;
    let mut blocked = cargo();
    blocked.args(["test", "--package", "sandclock", "--lib", "sandbox::tests::blocked", "--", "--nocapture"]);
    command::run("guests that wait in each call of the host, at their deadlines", &mut blocked)?;
    let mut runs = cargo();
    runs.args(["test", "--package", "sandclock", "--test", "integration", "hostile::long", "--"]);
    // One after the other: each measures.
    runs.args(["hostile::alone::long", "--ignored", "--nocapture", "--test-threads", "1"]);
    command::run("running all hostile guests beside four good tasks (some minutes)", &mut runs)
}
