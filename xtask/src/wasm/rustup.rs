//! The toolchain of `rust-toolchain.toml` with rustup's wasm target: gives components.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::bail;

use crate::command;
use crate::project;

pub(crate) const TRIPLE: &str = "wasm32-wasip2";

/// How long the download of the target (about 25 MB) may take before the other way is tried.
const DOWNLOAD: Duration = Duration::from_secs(300);

/// Whether the target is installed.
pub(crate) fn is_here() -> bool {
    sysroot().is_ok_and(|sysroot| Path::new(&sysroot).join("lib/rustlib").join(TRIPLE).join("lib").is_dir())
}

/// Has rustup download the target.
pub(crate) fn install() -> anyhow::Result<()> {
    let mut rustup = Command::new("rustup");
    // Its backtraces would bury the one line that matters if it is refused.
    rustup.current_dir(project::root()).args(["target", "add", TRIPLE]).env_remove("RUST_BACKTRACE");
    command::run_within(DOWNLOAD, &format!("adding rustup's {TRIPLE} target"), &mut rustup)?;
    if !is_here() {
        bail!("rustup says that it added {TRIPLE}, but this toolchain does not have it");
    }
    Ok(())
}

pub(crate) fn cargo() -> Command {
    let mut cargo = project::cargo();
    cargo.arg("build");
    cargo
}

/// Where the toolchain that builds this repository lies.
pub(crate) fn sysroot() -> anyhow::Result<String> {
    command::output(Command::new("rustc").current_dir(project::root()).args(["--print", "sysroot"]))
}
