//! The long form of the tests with hostile guests: thousands of runs and cancels, and a report.

use crate::command;
use crate::project::cargo;
use crate::wasm;

/// Cancels at random points.
const CANCELS: &str = "10000";
/// How much later than its deadline a guest may be gone, in milliseconds.
const LATE: &str = "100";

/// What the host has to do with.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Memory {
    /// 512 MiB, by a cgroup.
    Little,
    AsMuchAsThereIs,
}

/// Builds what is needed, runs all, and leaves what they print on the terminal.
pub(crate) fn run(memory: Memory) -> anyhow::Result<()> {
    wasm::plugins()?;
    wasm::guests()?;
    let mut cancels = cargo();
    cancels
        .args(["test", "--package", "sandclock", "--lib", "sandbox::tests::cancel", "--", "--nocapture"])
        .env("SANDCLOCK_CANCELS", CANCELS);
    command::run(&format!("cutting off {CANCELS} attempts at random points"), &mut cancels)?;
    let mut blocked = cargo();
    blocked.args(["test", "--package", "sandclock", "--lib", "sandbox::tests::blocked", "--", "--nocapture"]);
    // One after the other: each measures.
    blocked.args(["--test-threads", "1"]).env("SANDCLOCK_LATE", LATE);
    command::run("guests that wait in each call of the host, at their deadlines", &mut blocked)?;
    let mut runs = cargo();
    runs.args(["test", "--package", "sandclock", "--test", "integration", "hostile::long", "--"]);
    runs.args(["hostile::alone::long", "--ignored", "--nocapture", "--test-threads", "1"]);
    if memory == Memory::AsMuchAsThereIs {
        runs.env("SANDCLOCK_HOSTILE_NO_CGROUP", "1");
    }
    command::run("running all hostile guests beside four good tasks (some minutes)", &mut runs)
}
