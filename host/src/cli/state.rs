//! What the configuration says, for commands that only look into it, and where the state folder is.

use std::path::{Path, PathBuf};

use super::{Exit, terminal};
use crate::clock::Clock;
use crate::config::{self, Config, Surroundings};

/// The configuration. If it is refused, what is wrong with it is printed.
pub(super) fn config(file: &Path, clock: Clock) -> Result<Config, Exit> {
    match config::load(file, &Surroundings::of_process(clock.now())) {
        Ok(loaded) => Ok(loaded.config),
        Err(report) => {
            terminal::remark(report.coloured().trim_end());
            Err(Exit::ConfigRefused)
        }
    }
}

/// The folder that was named, or else that of the configuration. If there is no configuration that could say, what is
/// wrong with it is printed.
pub(super) fn folder(named: Option<&Path>, config: &Path, clock: Clock) -> Result<PathBuf, Exit> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    let found = self::config(config, clock).map(|config| config.host.state);
    found.inspect_err(|_| terminal::remark("with `--state FOLDER` this command needs no configuration"))
}
