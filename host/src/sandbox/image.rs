//! Compiled code on its way into the engine: the one place that is unsafe.

#![expect(unsafe_code, reason = "loading compiled code trusts it; whoever names a file vouches for it")]

use std::fs::File;
use std::os::fd::AsRawFd;

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::sandbox::Profile;

/// Compiled code that is known to be our own work.
///
/// The engine runs what is in an image as it is: a forged one is arbitrary code in this process. So only two things make
/// one: [`crate::sandbox::compile`], and a cache that has verified that the bytes are those which `compile` returned.
#[derive(Debug)]
pub struct Image {
    profile: Profile,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Bytes(Vec<u8>),
    File(File),
}

impl Image {
    /// An image in memory, of what was compiled just now.
    pub(super) fn of_compiled(profile: Profile, bytes: Vec<u8>) -> Self {
        Self { profile, source: Source::Bytes(bytes) }
    }

    /// An image in a file, which is mapped rather than read.
    ///
    /// # Safety
    /// [`crate::sandbox::compile`] returned its content under this profile, and nobody changes or shortens the file as
    /// long as the plugin is in use. (Replacing it by renaming another one over it is no change.)
    pub unsafe fn from_verified_file(profile: Profile, file: File) -> Self {
        Self { profile, source: Source::File(file) }
    }

    /// The profile it was compiled under.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Hands the code to an engine. The engine itself checks that its version and configuration fit.
    pub(super) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        match &self.source {
            // SAFETY: only `compile` makes such an image: of the bytes that it got from this engine's compiler.
            Source::Bytes(bytes) => unsafe { Component::deserialize(engine, bytes) },
            Source::File(file) => {
                // The path leads to the open file, not to whatever has its name by now.
                let path = format!("/proc/self/fd/{}", file.as_raw_fd());
                // SAFETY: the constructor's contract: the file holds what `compile` returned, and stays as it is. It is
                // open here, so that the path leads to no other.
                unsafe { Component::deserialize_file(engine, path) }
            }
        }
    }
}
