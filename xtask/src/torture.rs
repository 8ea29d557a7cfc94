//! The long form of the proof that the ledger loses nothing: simulated time, kills, power cuts, clocks
//! that are set, and a long history that shrinks.

use crate::command;
use crate::project::cargo;
use crate::wasm;

/// Builds what is needed, runs everything, and leaves what is printed on the terminal. A seed repeats what chance did.
pub(crate) fn run(seed: Option<&str>) -> anyhow::Result<()> {
    wasm::guests()?;
    let long = |arguments: &[&str], filter: &str| {
        let mut cargo = cargo();
        cargo.args(["test", "--workspace"]).args(arguments).args([filter, "--", "--nocapture"]);
        cargo.args(["--test-threads", "1"]).env("SANDCLOCK_TORTURE", "1");
        if let Some(seed) = seed {
            cargo.env("SANDCLOCK_SEED", seed);
        }
        cargo
    };
    let purpose = "simulating a decade, changes of the clock and any sequence of events (some minutes)";
    command::run(purpose, &mut long(&["--lib"], "daemon::dispatcher::tests"))?;
    let purpose = "killing hosts, cutting their power and setting their clocks (about an hour)";
    command::run(purpose, &mut long(&["--test", "integration"], "torture::"))?;
    let purpose = "shrinking a history of 200,000 runs beside a task of every second (some minutes)";
    command::run(purpose, &mut long(&["--test", "integration"], "ledger::retention"))
}
