//! A configuration that a host may serve: nothing is wrong with it, and the API may listen where it says.

use std::path::Path;

use crate::api::{ExposureError, check_exposure};
use crate::config::{self, Loaded, Report, Surroundings};

/// Loads it.
pub(super) fn load(file: &Path, around: &Surroundings) -> Result<Loaded, Report> {
    let loaded = config::load(file, around)?;
    match check_exposure(&loaded.config.api_settings()) {
        Ok(()) => Ok(loaded),
        Err(error) => Err(loaded.warnings.and_error(message(&error))),
    }
}

fn message(error: &ExposureError) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.fold(error.to_string(), |message, cause| format!("{message}: {cause}"))
}
