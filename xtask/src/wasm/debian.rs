//! Debian's toolchain, for machines that reach Debian's packages but not rustup's server: gives core modules.
//!
//! Debian has a recent rustc for its browsers, with the standard library's source and the wasm targets switched on, but
//! without a standard library built for wasm. So that is built too, once, which takes a minute; it stays in the target
//! folder. `wasm32-wasip2` would not link: it needs a newer wasi-libc than Debian has.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use super::rustup;
use crate::project::{forget_xtask, root};
use crate::{apt, command};

pub(crate) const TRIPLE: &str = "wasm32-wasip1";

const PACKAGES: [&str; 5] = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-llvm", "wasi-libc"];

const RUSTC: &str = "/usr/bin/rustc";
const CARGO: &str = "/usr/bin/cargo";
const STD_SOURCE: &str = "/usr/lib/rustlib/src/rust/library/std";
const WASI_LIBC: &str = "/usr/lib/wasm32-wasi";

/// What was found of it.
pub(crate) struct Toolchain {
    version: String,
    linker: PathBuf,
}

impl Toolchain {
    /// The toolchain, if all of its parts are installed.
    ///
    /// # Errors
    /// Says what is missing.
    pub(crate) fn find() -> anyhow::Result<Self> {
        for part in [RUSTC, CARGO, STD_SOURCE, WASI_LIBC] {
            if !Path::new(part).exists() {
                bail!("{part} is missing");
            }
        }
        let version = command::output(own(RUSTC).arg("--version"))?;
        let wanted = env!("CARGO_PKG_RUST_VERSION");
        if minor(&version) < minor(wanted) {
            bail!("{RUSTC} is `{version}`, and {wanted} is needed");
        }
        Ok(Self { version, linker: linker()? })
    }

    /// Installs the packages, if we may.
    pub(crate) fn install() -> anyhow::Result<Self> {
        apt::install("installing Debian's Rust for wasm (about 150 MB)", &PACKAGES)?;
        Self::find().context("the packages are installed, but not what was expected of them")
    }

    /// `cargo build` of this toolchain, which builds the standard library as well.
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = own(CARGO);
        // -Zbuild-std is not stable, but this one pinned use of it is the only way to a standard library here.
        cargo.env("RUSTC", RUSTC).env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", format!("-L{WASI_LIBC}"));
        cargo.env("CARGO_TARGET_WASM32_WASIP1_LINKER", &self.linker);
        cargo.args(["build", "-Zbuild-std=std,panic_abort"]);
        cargo
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.version.split(' ').nth(1).unwrap_or(&self.version);
        write!(f, "Debian's rustc {version} for {TRIPLE}")
    }
}

/// What a person can do about it.
pub(crate) fn advice() -> String {
    format!("apt-get install --no-install-recommends {}   (Debian 12 or later)", PACKAGES.join(" "))
}

/// A program of Debian's, freed of what cargo and rustup put into our environment for the other toolchain.
fn own(program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    forget_xtask(&mut command);
    for variable in ["CARGO", "CARGO_ENCODED_RUSTFLAGS", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(variable);
    }
    command
}

/// The linker, which Debian's packages leave out: every rustup toolchain has one.
fn linker() -> anyhow::Result<PathBuf> {
    let linker = Path::new(&rustup::sysroot()?).join("lib/rustlib/x86_64-unknown-linux-gnu/bin/rust-lld");
    if !linker.exists() {
        bail!("the linker {} is missing", linker.display());
    }
    Ok(linker)
}

/// The minor version in `rustc 1.96.0 (…)` or `1.95`; all are 1.x.
fn minor(version: &str) -> Option<u32> {
    version.split(' ').find_map(|word| word.strip_prefix("1."))?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minor_version_is_found_in_both_forms() {
        assert_eq!(minor("rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)"), Some(96));
        assert_eq!(minor("1.95"), Some(95));
        assert_eq!(minor("1.95.0"), Some(95));
        assert_eq!(minor("rustc unknown"), None);
    }
}
