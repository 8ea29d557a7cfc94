//! Engine configurations: a small closed set. A plugin gets the cheapest one that can run it.

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use wasmtime::{Config, Engine, OperatorCost, WasmBacktraceDetails};

use crate::model::limits::Metering;
use crate::sandbox::bounds;

/// An engine configuration. Code compiled under one does not run under another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Profile {
    /// What the plugin is built on.
    pub wasi: Wasi,
    /// What ends its guests.
    pub metering: Metering,
}

/// What a plugin is built on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Wasi {
    /// WASI 0.2 and what calls nothing asynchronously: no records of concurrent tasks, which makes an attempt 2.9 times
    /// cheaper.
    V02,
    /// WASI 0.3, whose functions, streams and futures are asynchronous.
    V03,
}

impl Wasi {
    /// The number of the version.
    pub fn name(self) -> &'static str {
        match self {
            Wasi::V02 => "0.2",
            Wasi::V03 => "0.3",
        }
    }
}

impl Profile {
    /// Every profile.
    pub const ALL: [Profile; 4] = [
        Profile { wasi: Wasi::V02, metering: Metering::Fuel },
        Profile { wasi: Wasi::V02, metering: Metering::Epoch },
        Profile { wasi: Wasi::V03, metering: Metering::Fuel },
        Profile { wasi: Wasi::V03, metering: Metering::Epoch },
    ];

    /// The word for it in cache keys and messages.
    pub fn name(self) -> &'static str {
        match (self.wasi, self.metering) {
            (Wasi::V02, Metering::Fuel) => "wasi-0.2",
            (Wasi::V02, Metering::Epoch) => "wasi-0.2-unmetered",
            (Wasi::V03, Metering::Fuel) => "wasi-0.3",
            (Wasi::V03, Metering::Epoch) => "wasi-0.3-unmetered",
        }
    }

    /// The configuration, but for how memory is allocated: that differs between compiling and running.
    pub(super) fn config(self) -> Config {
        let mut config = Config::new();
        match self.metering {
            Metering::Fuel => config.consume_fuel(true).operator_cost(operator_cost()),
            Metering::Epoch => config.epoch_interruption(true),
        };
        config
            .max_wasm_stack(bounds::WASM_STACK)
            .async_stack_size(bounds::ASYNC_STACK)
            .wasm_backtrace_max_frames(Some(bounds::BACKTRACE_FRAMES))
            // Lines would be looked up in the plugin's own debug information: hostile input, parsed in our process.
            .wasm_backtrace_details(WasmBacktraceDetails::Disable)
            // A backtrace names functions. Where in the plugin each instruction came from, and how the system's own
            // unwinder would go through it, would only make images larger and slower to load.
            .generate_address_map(false)
            .native_unwind_info(false)
            .concurrency_support(match self.wasi {
                Wasi::V02 => false,
                Wasi::V03 => true,
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

/// The engine's own costs, one for most instructions and one for each byte that is moved, and a price for memory.
fn operator_cost() -> OperatorCost {
    let mut cost = OperatorCost::new();
    cost.variable.memory_grow_per_page = bounds::FUEL_PER_PAGE;
    cost
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
