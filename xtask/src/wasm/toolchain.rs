//! Which toolchain builds for wasm: what is here already is taken first, and only then is anything downloaded.

use std::fmt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::bail;

use super::{debian, rustup};
use crate::command::say;
use crate::project::target;

const CHOICE: &str = "SANDCLOCK_GUEST_TOOLCHAIN";

/// A toolchain that is ready to build for wasm.
pub(crate) enum Toolchain {
    Rustup,
    Debian(debian::Toolchain),
}

/// The ways to come by one, in the order in which they are tried.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Rustup,
    Debian,
}

impl Toolchain {
    /// The toolchain that is here, or that could be installed.
    ///
    /// # Errors
    /// If neither is possible, with what to do for each way.
    pub(crate) fn get() -> anyhow::Result<Self> {
        let ways = ways(std::env::var(CHOICE).ok().as_deref())?;
        if let Some(found) = ways.iter().find_map(|way| way.find()) {
            return Ok(found);
        }
        let mut refusals = Vec::new();
        for way in ways {
            match way.install() {
                Ok(installed) => return Ok(installed),
                Err(error) => {
                    say(&format!("{way}: {error:#}"));
                    refusals.push(format!("  - {way}: {}", way.advice()));
                }
            }
        }
        bail!("nothing here can build for wasm; do one of these and try again:\n{}", refusals.join("\n"))
    }

    /// A `cargo build` for wasm that wants only to be told what.
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = match self {
            Self::Rustup => rustup::cargo(),
            Self::Debian(debian) => debian.cargo(),
        };
        cargo.arg("--profile").arg("plugin").arg("--target").arg(self.triple()).arg("--target-dir").arg(self.folder());
        cargo
    }

    /// The folder in which [`Self::cargo`] leaves what it built.
    pub(crate) fn built(&self) -> PathBuf {
        self.folder().join(self.triple()).join("plugin")
    }

    fn triple(&self) -> &'static str {
        match self {
            Self::Rustup => rustup::TRIPLE,
            Self::Debian(_) => debian::TRIPLE,
        }
    }

    /// Each toolchain has a target folder of its own: sharing one, they would build everything anew by turns.
    fn folder(&self) -> PathBuf {
        target().join("wasm").join(match self {
            Self::Rustup => "rustup",
            Self::Debian(_) => "debian",
        })
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rustup => write!(f, "rustup's {} target", rustup::TRIPLE),
            Self::Debian(debian) => write!(f, "{debian}"),
        }?;
        match (self, self.folder().exists()) {
            (Self::Debian(_), false) => f.write_str(" (and the standard library, once: about a minute)"),
            _ => Ok(()),
        }
    }
}

impl Way {
    fn find(self) -> Option<Toolchain> {
        match self {
            Self::Rustup => rustup::is_here().then_some(Toolchain::Rustup),
            Self::Debian => debian::Toolchain::find().ok().map(Toolchain::Debian),
        }
    }

    fn install(self) -> anyhow::Result<Toolchain> {
        match self {
            Self::Rustup => rustup::install().map(|()| Toolchain::Rustup),
            Self::Debian => debian::Toolchain::install().map(Toolchain::Debian),
        }
    }

    fn advice(self) -> String {
        match self {
            Self::Rustup => format!("rustup target add {}", rustup::TRIPLE),
            Self::Debian => debian::advice(),
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rustup => "rustup",
            Self::Debian => "Debian",
        })
    }
}

fn ways(choice: Option<&str>) -> anyhow::Result<&'static [Way]> {
    match choice {
        None | Some("") => Ok(&[Way::Rustup, Way::Debian]),
        Some("rustup") => Ok(&[Way::Rustup]),
        Some("debian") => Ok(&[Way::Debian]),
        Some(other) => bail!("{CHOICE} is `{other}`; it may be `rustup` or `debian`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_choice_is_one_way_or_both_in_order() {
        assert_eq!(ways(None).unwrap(), [Way::Rustup, Way::Debian]);
        assert_eq!(ways(Some("debian")).unwrap(), [Way::Debian]);
        assert_eq!(ways(Some("rustup")).unwrap(), [Way::Rustup]);
        assert!(ways(Some("nix")).is_err());
    }
}
