//! Compiles a component. Meant for a child process with limits: nobody promises how long a compiler takes over hostile
//! input, or how much memory.

use crate::model::limits::Metering;
use crate::sandbox::inspect::{InspectError, inspect};
use crate::sandbox::{Image, Profile};

/// A compiled component. Only [`compile`] makes one, so it is our own work.
#[derive(Debug)]
pub struct Compiled {
    profile: Profile,
    bytes: Vec<u8>,
}

impl Compiled {
    /// The profile it was compiled under.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Its code.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its code, to be loaded.
    pub fn into_image(self) -> Image {
        Image::of_compiled(self.profile, self.bytes)
    }
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
    let bytes = engine.precompile_component(component).map_err(CompileError::Refused)?;
    Ok(Compiled { profile, bytes })
}
