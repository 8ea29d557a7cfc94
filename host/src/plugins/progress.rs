//! How far the preparation of plugins has come, for whoever watches.

use std::time::Duration;

use crate::model::id::PluginName;
use crate::model::quantity::{bytes, duration};

/// What just happened to a plugin that is being prepared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Its file is whole and was read.
    Found {
        /// How many bytes it has.
        size: u64,
    },
    /// It is compiled already.
    Cached,
    /// It is being compiled from now on.
    Compiling,
    /// It can be used.
    Ready {
        /// How long it took since it was found.
        took: Duration,
    },
    /// It cannot be used; why is in the result.
    Unusable,
}

/// Watches plugins being prepared. Called from any thread; it is to return at once.
pub trait Progress: Send + Sync {
    /// Something happened to a plugin.
    fn report(&self, plugin: &PluginName, stage: &Stage);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Progress for Quiet {
    fn report(&self, _: &PluginName, _: &Stage) {}
}

/// Tells the host's log. Leaves out what makes a plugin unusable: whoever gets the result says it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Logged;

impl Progress for Logged {
    fn report(&self, plugin: &PluginName, stage: &Stage) {
        match stage {
            Stage::Found { size } => tracing::debug!(%plugin, size = %bytes(*size), "plugin found"),
            Stage::Cached => tracing::debug!(%plugin, "plugin is compiled already"),
            Stage::Compiling => tracing::info!(%plugin, "compiling the plugin; it is kept for the next time"),
            Stage::Ready { took } => tracing::info!(%plugin, took = %duration(*took), "plugin is ready"),
            Stage::Unusable => {}
        }
    }
}
