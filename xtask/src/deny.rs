//! `cargo deny`: the licences, duplicates, sources and known vulnerabilities of everything that is built in.

use std::process::Command;

use crate::command;
use crate::project::root;
use crate::tool::Tool;

const CARGO_DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2" };

/// Checks the dependencies against `deny.toml`.
pub(crate) fn check() -> anyhow::Result<()> {
    deny("judging the dependencies by deny.toml", &["bans", "licenses", "sources"])
}

/// Checks the dependencies against the RustSec database. Not a part of [`check`]: the database is a download that is
/// not open everywhere.
pub(crate) fn advisories() -> anyhow::Result<()> {
    deny("looking for advisories about the dependencies", &["advisories"])
}

fn deny(purpose: &str, checks: &[&str]) -> anyhow::Result<()> {
    let mut deny = Command::new(CARGO_DENY.program()?);
    // Without the graphs, which run to hundreds of lines: `cargo tree --invert` gives them on demand.
    deny.current_dir(root()).args(["--workspace", "check", "--hide-inclusion-graph"]).args(checks);
    command::run(purpose, &mut deny)
}
