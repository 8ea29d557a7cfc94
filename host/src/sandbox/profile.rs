//! Engine configurations: a small closed set. A plugin gets the cheapest one that can run it.

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use wasmtime::{Config, Engine, WasmBacktraceDetails};

use crate::sandbox::bounds;

/// An engine configuration. Code compiled under one does not run under another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Profile {
    /// WASI 0.2 and what calls nothing asynchronously: no records of concurrent tasks, which makes an attempt 2.9 times
    /// cheaper.
    Wasi02,
    /// WASI 0.3, whose functions, streams and futures are asynchronous.
    Wasi03,
}

impl Profile {
    /// Every profile, cheapest first.
    pub const ALL: [Profile; 2] = [Profile::Wasi02, Profile::Wasi03];

    /// The word for it in cache keys, messages and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Wasi02 => "wasi-0.2",
            Profile::Wasi03 => "wasi-0.3",
        }
    }

    /// The configuration, but for how memory is allocated: that differs between compiling and running.
    pub(super) fn config(self) -> Config {
        let mut config = Config::new();
        config
            .consume_fuel(true)
            .max_wasm_stack(bounds::WASM_STACK)
            .async_stack_size(bounds::ASYNC_STACK)
            .wasm_backtrace_max_frames(Some(bounds::BACKTRACE_FRAMES))
            // Lines would be looked up in the plugin's own debug information: hostile input, parsed in our process.
            .wasm_backtrace_details(WasmBacktraceDetails::Disable)
            .concurrency_support(match self {
                Profile::Wasi02 => false,
                Profile::Wasi03 => true,
            });
        config
    }

    /// An engine that compiles and validates, and runs nothing.
    pub(super) fn compiler(self) -> wasmtime::Result<Engine> {
        Engine::new(&self.config())
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What compiled code depends on besides the plugin: the engine's version and configuration and the processor's features.
/// Two hosts with equal keys can run each other's images. Harmless in file names.
///
/// # Errors
/// Fails where this processor or system cannot run the engine at all.
pub fn engine_key(profile: Profile) -> wasmtime::Result<String> {
    let engine = profile.compiler()?;
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    Ok(format!("{profile}-{:016x}", hasher.finish()))
}
