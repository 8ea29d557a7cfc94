//! The benchmarks: builds a plugin and the host with optimisation, and has `bench/` measure the one in the other.

use crate::command;
use crate::project::{cargo, shown, target};
use crate::test::Extent;
use crate::wasm;

/// Builds, measures, and prints a table.
pub(crate) fn run(extent: Extent) -> anyhow::Result<()> {
    wasm::plugins()?;
    command::run(
        "building the host with optimisation (about 10 minutes on two cores the first time)",
        cargo().args(["build", "--profile", "bench", "--package", "sandclock-bench"]),
    )?;
    let mut bench = cargo();
    bench.args(["run", "--quiet", "--profile", "bench", "--package", "sandclock-bench", "--"]);
    bench.arg(shown(&target().join("plugins/hello.wasm")));
    let purpose = match extent {
        Extent::Everything => "measuring (about 3 minutes; on a machine that does nothing else)",
        Extent::Quick => {
            bench.arg("--quick");
            "measuring a little (about a minute): to see that it works, not for the figures"
        }
    };
    command::run(purpose, &mut bench)
}
