//! The same plugin on the same engine with nothing around it: what benchmarks compare an attempt, and a load, with.

use std::sync::Arc;

use jiff::Timestamp;
use wasmtime::Store;
use wasmtime::component::InstancePre;

use crate::model::limits::{Limits, Metering};
use crate::model::run::Run;
use crate::sandbox::facts::Facts;
use crate::sandbox::guest::Guest;
use crate::sandbox::http::Egress;
use crate::sandbox::journal::Journal;
use crate::sandbox::keyvalue::Stores;
use crate::sandbox::redaction::Redaction;
use crate::sandbox::{Image, LoadError, Prepared, Sandbox};

/// A plugin without limits, log, deadline and report: instantiate, call, drop.
#[doc(hidden)]
#[derive(Debug)]
pub struct Bare {
    prepared: Prepared,
    run: Arc<Run>,
    journal: Journal,
    egress: Arc<Egress>,
}

impl Prepared {
    /// The plugin as barely as the engine can run it. For benchmarks only: nothing holds the guest back.
    #[doc(hidden)]
    pub fn bare(&self, run: Arc<Run>) -> Bare {
        let journal = Journal::new(self.clock(), &Limits::default(), Redaction::default());
        let egress = Egress::new(Arc::clone(&run.task), journal.clone(), self.clock(), self.network());
        Bare { prepared: self.clone(), run, journal, egress: Arc::new(egress) }
    }
}

impl Bare {
    /// Instantiates the plugin in a fresh store and calls it; whether it got to its end.
    pub async fn call(&self) -> bool {
        let Self { prepared, run, journal, egress } = self;
        let stores = Stores::new(Arc::clone(&run.task), prepared.keeper(), journal.clone());
        let guest = Guest::bare(*run.task.limits, prepared.clock(), journal.clone(), Arc::clone(egress), stores);
        let mut store = Store::new(self.prepared.instance_pre().engine(), guest);
        let wound = match self.prepared.profile().metering {
            Metering::Fuel => store.set_fuel(u64::MAX),
            Metering::Epoch => {
                store.set_epoch_deadline(u64::MAX >> 1);
                Ok(())
            }
        };
        let facts = Facts { run: &self.run, attempt: 1, deadline: Timestamp::MAX };
        wound.is_ok() && self.prepared.call(&mut store, facts).await.is_ok()
    }
}

/// A plugin that was loaded with no look at what it promises.
#[doc(hidden)]
pub struct BareLoad(#[expect(dead_code, reason = "it is held as a plugin would be")] InstancePre<Guest>);

impl Sandbox {
    /// Loads an image as barely as the engine can: maps it and links it. For benchmarks only.
    ///
    /// # Errors
    /// If the engine refuses it.
    #[doc(hidden)]
    pub fn load_bare(&self, image: &Image) -> Result<BareLoad, LoadError> {
        let profile = image.profile();
        let ground = self.ground(profile).map_err(|source| LoadError::Engine { profile, source })?;
        let component = image.load(&ground.engine).map_err(LoadError::Image)?;
        ground.linker.instantiate_pre(&component).map(BareLoad).map_err(LoadError::Import)
    }
}

impl std::fmt::Debug for BareLoad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BareLoad").finish_non_exhaustive()
    }
}
