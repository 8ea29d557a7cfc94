//! What fuzzers need of the inner parts and nobody else does.

use crate::model::grants::Grants;
use crate::model::id::{PluginName, TaskName};
use crate::model::limits::{Limits, Metering};
use crate::model::misfire::Misfire;
use crate::model::overlap::Overlap;
use crate::model::retry::Retry;
use crate::model::schedule::Schedule;
use crate::model::task::{ExitCodes, Task};
use crate::plugins;
use crate::sandbox::{self, Image, LoadError, Prepared, Sandbox};

pub use crate::sandbox::{Passed, passed};

/// The component of a plugin's file; none if it is refused.
pub fn component(file: &[u8]) -> Option<Vec<u8>> {
    plugins::component(file)
}

/// A component, compiled in this process and ready to run. None if the compiler refuses it.
///
/// # Errors
/// If it imports or exports what the host does not know.
pub fn prepared(sandbox: &Sandbox, component: &[u8]) -> Option<Result<Prepared, LoadError>> {
    let compiled = sandbox::compile(component, Metering::Fuel).ok()?;
    Some(sandbox.load(&Image::from_verified_bytes(compiled.profile, compiled.image)))
}

/// A task by hand, without grants, with the default limits.
pub fn task(name: TaskName, plugin: PluginName) -> Task {
    Task {
        name,
        plugin,
        schedule: Schedule::manual(),
        enabled: true,
        overlap: Overlap::Skip,
        max_concurrent: std::num::NonZeroU32::MIN,
        misfire: Misfire::default(),
        retry: Retry::default(),
        limits: Limits::default(),
        grants: Grants::default(),
        payload: None,
        after: Vec::new(),
        alerts: Vec::new(),
        exit_codes: ExitCodes::default(),
        retention: Default::default(),
        webhook: None,
    }
}
