//! Debian's packages, for machines where we may install some.

use std::path::Path;
use std::process::Command;

use anyhow::bail;

use crate::command;

/// Installs packages, under a line that says what for.
///
/// # Errors
/// If this is no Debian, if we may not, or if it fails.
pub(crate) fn install(purpose: &str, packages: &[&str]) -> anyhow::Result<()> {
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!("there is no apt-get here");
    }
    if !rustix::process::geteuid().is_root() {
        bail!("only root can install packages");
    }
    command::run("updating the list of Debian's packages", apt_get().arg("update"))?;
    command::run(purpose, apt_get().args(["install", "-y", "--no-install-recommends"]).args(packages))
}

fn apt_get() -> Command {
    let mut apt_get = Command::new("apt-get");
    apt_get.env("DEBIAN_FRONTEND", "noninteractive");
    apt_get
}
