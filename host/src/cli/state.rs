//! Where the state folder is, for commands that only look into it.

use std::path::{Path, PathBuf};

use super::{Exit, terminal};
use crate::clock::Clock;
use crate::config::{self, Surroundings};

/// The folder that was named, or else that of the configuration. If there is no configuration that could say, what is
/// wrong with it is printed.
pub(super) fn folder(named: Option<&Path>, config: &Path, clock: Clock) -> Result<PathBuf, Exit> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    match config::load(config, &Surroundings::of_process(clock.now())) {
        Ok(loaded) => Ok(loaded.config.host.state),
        Err(report) => {
            terminal::remark(report.coloured().trim_end());
            terminal::remark("with `--state FOLDER` this command needs no configuration");
            Err(Exit::ConfigRefused)
        }
    }
}
