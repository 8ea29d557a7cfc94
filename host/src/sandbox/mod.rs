//! Runs guests: the only place that names wasmtime.
//!
//! A component is compiled (in a child process, by [`compile`]), loaded and linked once ([`Sandbox::load`]), and then run
//! in a fresh store for each attempt ([`Prepared::attempt`]). What a guest does comes back as a report; nothing it does
//! is an error of ours. Which task runs when, and what becomes of the report, is not known here.

mod contract;
mod profile;

mod compile;
mod image;
mod inspect;

mod engine;
mod linker;
mod prepared;

mod attempt;
mod backtrace;
mod bare;
mod ending;
mod facts;
mod granted;
mod guest;
mod hook;
mod kernel;
mod verdict;

mod bounds;
mod carried;
mod meter;
mod open_files;
mod ticker;
mod turn;

mod file_calls_door;
mod file_door;
mod http_parts_door;
mod journal;
mod lesson;
mod live;
mod log_door;
mod redaction;
mod stdio;
mod stream_door;

mod http;

mod keyvalue;

mod bindings;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::clock::Clock;
use crate::model::limits::{Limits, Metering};
use crate::model::trace::TraceIds;
use crate::sandbox::guest::Guest;
use crate::sandbox::http::Network;
use crate::sandbox::ticker::Ticker;

pub use attempt::{AttemptReport, AttemptRequest};
#[doc(hidden)]
pub use bare::{Bare, BareLoad};
pub use compile::{CompileError, Compiled, compile};
pub use contract::Contract;
pub use http::{Passed, TlsRoots, TlsRootsError, passed, tls_connector};
pub use image::Image;
pub use inspect::{InspectError, Inspection, Need, inspect};
#[doc(hidden)]
pub use kernel::Kernel;
pub use keyvalue::{Answer, KeyValue, Memory, Unavailable};
pub use live::{Following, Heard, Live, LiveLine, Whom};
pub use prepared::Prepared;
pub use profile::{Profile, Wasi, engine_key};

/// How much the sandbox has to make room for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How many attempts may go on at once.
    pub max_concurrent: usize,
    /// The largest `limits.table-elements` of any task.
    pub max_table_elements: u64,
    /// The largest `limits.instances` of any task.
    pub max_instances: u32,
    /// Whether plugins that need WASI 0.3 are run.
    pub wasi_03: bool,
    /// Root certificates beside the system's, for guests' requests.
    pub tls_roots: TlsRoots,
    /// Under which ids traces are kept; none if they are not.
    pub traces: Option<TraceIds>,
}

impl Settings {
    /// Room for tasks with these limits.
    pub fn for_limits<'a>(max_concurrent: usize, limits: impl IntoIterator<Item = &'a Limits>) -> Self {
        let Limits { table_elements, instances, .. } = Limits::default();
        let room = Self {
            max_concurrent,
            max_table_elements: table_elements,
            max_instances: instances,
            wasi_03: true,
            tls_roots: TlsRoots::default(),
            traces: None,
        };
        limits.into_iter().fold(room, |room, limits| Self {
            max_table_elements: room.max_table_elements.max(limits.table_elements),
            max_instances: room.max_instances.max(limits.instances),
            ..room
        })
    }
}

/// How many idle connections are kept for tasks, beside those in use.
pub const IDLE_CONNECTIONS: usize = bounds::HTTP_IDLE;
/// How many names are looked up at once for all tasks.
pub const LOOKUPS: usize = bounds::HTTP_LOOKUPS;

/// How many files, folders and streams to them a run may have open, if a folder is granted.
pub const OPEN_FILES: usize = bounds::OPEN_FILES + bounds::LISTINGS + bounds::FILE_CALLS;

/// Loads plugins. Cheap to clone.
#[derive(Clone)]
pub struct Sandbox(Arc<Inner>);

struct Inner {
    settings: Settings,
    clock: Clock,
    network: Arc<Network>,
    keeper: Arc<dyn KeyValue>,
    live: Live,
    grounds: Mutex<BTreeMap<Profile, Ground>>,
}

/// What all plugins of one profile share.
#[derive(Clone)]
struct Ground {
    engine: Engine,
    linker: Arc<Linker<Guest>>,
    /// For guests that do not count their own work.
    ticker: Option<Arc<Ticker>>,
}

/// A plugin's code cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Its profile is switched off.
    #[error("the plugin needs WASI 0.3, which `[host] wasi-03 = false` switches off")]
    ProfileOff,
    /// The engine cannot be set up on this machine.
    #[error("cannot set up the engine for {profile}")]
    Engine {
        /// The engine's profile.
        profile: Profile,
        /// Why.
        source: wasmtime::Error,
    },
    /// The image does not fit this engine, or needs more than the engine has room for.
    #[error("cannot load the compiled plugin")]
    Image(#[source] wasmtime::Error),
    /// It exports nothing that the host knows how to call.
    #[error("the plugin exports {}; expected {}", listed(.found), Contract::EXPECTED)]
    Contract {
        /// The names of its exports.
        found: Vec<String>,
    },
    /// It imports something that the host does not serve.
    #[error("the plugin imports something that sandclock does not serve")]
    Import(#[source] wasmtime::Error),
    /// An export has another type than its contract says.
    #[error("the plugin's export does not fit the contract of a {contract}")]
    Export {
        /// The contract.
        contract: Contract,
        /// What does not fit.
        source: wasmtime::Error,
    },
}

impl Sandbox {
    /// A sandbox in which nothing is loaded yet. Engines are made when first needed, and key-value stores last as long as
    /// the sandbox.
    pub fn new(settings: Settings, clock: Clock) -> Self {
        Self::with_stores(settings, clock, Arc::new(Memory::default()))
    }

    /// The same, with key-value stores that somebody else keeps.
    pub fn with_stores(settings: Settings, clock: Clock, keeper: Arc<dyn KeyValue>) -> Self {
        let network = Arc::new(Network::new(settings.tls_roots.clone(), clock).traced(settings.traces));
        let (live, grounds) = (Live::default(), Mutex::default());
        Self(Arc::new(Inner { settings, clock, network, keeper, live, grounds }))
    }

    /// Loads a compiled plugin, links it, and checks that its imports are served and its exports fit its contract.
    ///
    /// # Errors
    /// Says what was found and what was expected.
    pub fn load(&self, image: &Image) -> Result<Prepared, LoadError> {
        let profile = image.profile();
        if profile.wasi == Wasi::V03 && !self.0.settings.wasi_03 {
            return Err(LoadError::ProfileOff);
        }
        let ground = self.ground(profile).map_err(|source| LoadError::Engine { profile, source })?;
        let component = image.load(&ground.engine).map_err(LoadError::Image)?;
        Prepared::new(
            profile,
            ground,
            &component,
            self.0.clock,
            Arc::clone(&self.0.network),
            Arc::clone(&self.0.keeper),
            self.0.live.clone(),
        )
    }

    /// What guests log while they run.
    pub fn live(&self) -> &Live {
        &self.0.live
    }

    /// Whether guests that need a clock run, and it has stopped: then nothing makes them yield.
    pub fn clock_stopped(&self) -> bool {
        let now = self.0.clock.monotonic();
        let grounds = self.0.grounds.lock().unwrap_or_else(PoisonError::into_inner);
        grounds.values().filter_map(|ground| ground.ticker.as_ref()).any(|ticker| ticker.stopped(now))
    }

    /// Closes connections that no attempt has used for a while. To be polled for as long as attempts run.
    pub fn tend(&self) -> impl Future<Output = Infallible> + Send + 'static {
        let network = Arc::clone(&self.0.network);
        async move { network.tend().await }
    }

    fn ground(&self, profile: Profile) -> wasmtime::Result<Ground> {
        let mut grounds = self.0.grounds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ground) = grounds.get(&profile) {
            return Ok(ground.clone());
        }
        let engine = engine::engine(profile, &self.0.settings)?;
        let linker = Arc::new(linker::linker(profile, &engine)?);
        let ticker = match profile.metering {
            Metering::Fuel => None,
            Metering::Epoch => Some(Arc::new(Ticker::start(engine.clone(), self.0.clock)?)),
        };
        let ground = Ground { engine, linker, ticker };
        grounds.insert(profile, ground.clone());
        Ok(ground)
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

/// A list of names for a message.
fn listed(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}
