//! What fuzzers need of the inner parts and nobody else does.

use crate::model::id::{PluginName, TaskName};
use crate::model::limits::Metering;
use crate::model::schedule::Schedule;
use crate::model::task::Task;
use crate::plugins;
use crate::sandbox::{self, LoadError, Prepared, Sandbox};

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
    Some(sandbox.load(&compiled.into_image()))
}

/// A task by hand, without grants, with the default limits.
pub fn task(name: TaskName, plugin: PluginName) -> Task {
    Task::new(name, plugin, Schedule::manual())
}
