//! Tools from crates.io: the installed one if it fits, else one of our own, made for this repository alone.

use std::path::PathBuf;
use std::process::Command;

use crate::command;
use crate::project::{cargo, target};

/// A program that is a crate of the same name.
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
}

impl Tool {
    /// Where the program is; it is built first, if need be.
    ///
    /// # Errors
    /// If it cannot be built.
    pub(crate) fn program(&self) -> anyhow::Result<PathBuf> {
        let Self { name, version } = self;
        let tools = target().join("tools");
        let own = tools.join("bin").join(name);
        for candidate in [PathBuf::from(name), own.clone()] {
            if command::output(Command::new(&candidate).arg("--version")).is_ok_and(|found| self.fits(&found)) {
                return Ok(candidate);
            }
        }
        let mut install = cargo();
        // Unoptimised it is built in a third of the time, and still works in seconds.
        install.args(["install", name, "--locked", "--debug", "--force", "--version", version]);
        install.arg("--root").arg(tools).arg("--target-dir").arg(target().join("tools/build"));
        install.env("CARGO_PROFILE_DEV_DEBUG", "false");
        command::run(&format!("building {name} {version} into target/tools (once, about a minute)"), &mut install)?;
        Ok(own)
    }

    /// Whether what `--version` printed is close enough: before 1.0, compatibility is for each minor version to say.
    fn fits(&self, found: &str) -> bool {
        let minor = |version: &str| version.trim().rsplit_once('.').map(|(minor, _patch)| minor.to_owned());
        found.strip_prefix(self.name).and_then(minor) == minor(self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_version_apart_still_fits() {
        let deny = Tool { name: "cargo-deny", version: "0.20.2" };
        assert!(deny.fits("cargo-deny 0.20.2"));
        assert!(deny.fits("cargo-deny 0.20.9"));
        assert!(!deny.fits("cargo-deny 0.19.2"));
        assert!(!deny.fits("0.20.2"));
        assert!(!deny.fits(""));
    }
}
