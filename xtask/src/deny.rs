//! `cargo deny`: the licences, duplicates, sources and known vulnerabilities of everything that is built in.

use std::path::PathBuf;
use std::process::Command;

use crate::command;
use crate::project::{cargo, root, target};

const VERSION: &str = "0.20.2";

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
    let mut deny = Command::new(program()?);
    // Without the graphs, which run to hundreds of lines: `cargo tree --invert` gives them on demand.
    deny.current_dir(root()).args(["--workspace", "check", "--hide-inclusion-graph"]).args(checks);
    command::run(purpose, &mut deny)
}

/// The installed cargo-deny if it fits, else one of our own, made for this repository alone.
fn program() -> anyhow::Result<PathBuf> {
    let tools = target().join("tools");
    let own = tools.join("bin/cargo-deny");
    for candidate in [PathBuf::from("cargo-deny"), own.clone()] {
        if command::output(Command::new(&candidate).arg("--version")).is_ok_and(|version| fits(&version)) {
            return Ok(candidate);
        }
    }
    let mut install = cargo();
    // Unoptimised it is built in a third of the time, and still checks in two seconds.
    install.args(["install", "cargo-deny", "--locked", "--debug", "--force", "--version", VERSION]);
    install.arg("--root").arg(tools).arg("--target-dir").arg(target().join("tools/build"));
    install.env("CARGO_PROFILE_DEV_DEBUG", "false");
    command::run(&format!("building cargo-deny {VERSION} into target/tools (once, about a minute)"), &mut install)?;
    Ok(own)
}

/// Whether `cargo-deny 0.20.x` understands our file: before 1.0, that is for each minor version to say.
fn fits(version: &str) -> bool {
    let minor = |version: &str| version.trim().rsplit_once('.').map(|(minor, _patch)| minor.to_owned());
    version.strip_prefix("cargo-deny ").and_then(minor) == minor(VERSION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_version_apart_still_fits() {
        assert!(fits("cargo-deny 0.20.2"));
        assert!(fits("cargo-deny 0.20.9"));
        assert!(!fits("cargo-deny 0.19.2"));
        assert!(!fits("0.20.2"));
        assert!(!fits(""));
    }
}
