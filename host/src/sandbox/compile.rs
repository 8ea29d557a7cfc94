//! Compiles a component. Meant for a child process with limits: nobody promises how long a compiler takes over hostile
//! input, or how much memory.

use crate::model::limits::Metering;
use crate::sandbox::Profile;
use crate::sandbox::inspect::{InspectError, inspect};

/// A compiled component.
#[derive(Debug)]
pub struct Compiled {
    /// The profile it was compiled under.
    pub profile: Profile,
    /// What [`crate::sandbox::Image`] takes.
    pub image: Vec<u8>,
}

/// A component cannot be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// It is not a valid component.
    #[error(transparent)]
    Invalid(#[from] InspectError),
    /// The compiler refused it.
    #[error("cannot compile the component")]
    Refused(#[source] wasmtime::Error),
}

/// Compiles a component (in binary form) for this machine, under the cheapest profile that can run it with this metering.
///
/// # Errors
/// Fails for bytes that are not a valid component, and for one that the compiler refuses.
pub fn compile(component: &[u8], metering: Metering) -> Result<Compiled, CompileError> {
    let profile = Profile { wasi: inspect(component)?.wasi, metering };
    let engine = profile.compiler().map_err(CompileError::Refused)?;
    let image = engine.precompile_component(component).map_err(CompileError::Refused)?;
    Ok(Compiled { profile, image })
}
