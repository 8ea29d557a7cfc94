//! Where things are in the source tree, and how cargo is called on it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in a folder of the repository")
}

/// The folder for what is built. It stays in this place also where `CARGO_TARGET_DIR` points elsewhere, so that the
/// demo's configuration and the tests can name what they find there.
pub(crate) fn target() -> PathBuf {
    root().join("target")
}

/// The cargo that runs us, in the repository's root.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    forget_xtask(&mut cargo);
    cargo
}

/// Takes away what cargo told us about ourselves. The build scripts of some dependencies (ring) look at it, and what
/// they built would be built again whenever a person calls cargo without us.
pub(crate) fn forget_xtask(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let told = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") || name == "LD_LIBRARY_PATH"
        });
        if told {
            command.env_remove(name);
        }
    }
}

/// The path as seen from the repository's root, which is how messages show it.
pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}
