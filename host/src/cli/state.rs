//! What the configuration says, for commands that only look into it, and where the state folder is.

use std::path::{Path, PathBuf};

use super::{Exit, terminal};
use crate::api::control;
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

/// The folder that was named, or else that of the configuration. If the configuration is refused, a host that serves the
/// last good one is found all the same; where there is none, what is wrong is printed.
pub(super) fn folder(named: Option<&Path>, config: &Path, clock: Clock) -> Result<PathBuf, Exit> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    let around = Surroundings::of_process(clock.now());
    let report = match config::load(config, &around) {
        Ok(loaded) => return Ok(loaded.config.host.state),
        Err(report) => report,
    };
    let folder = config::state_folder(config, &around);
    if control::is_there(&folder) {
        terminal::remark(
            "the configuration is refused, see `sandclock check`; this is of the host that goes on without it",
        );
        return Ok(folder);
    }
    terminal::remark(report.coloured().trim_end());
    terminal::remark("with `--state FOLDER` this command needs no configuration");
    Err(Exit::ConfigRefused)
}
