//! How plugins stand, as it is told outside of the firing loop.

use std::collections::BTreeMap;

use crate::model::id::Digest;
use crate::model::task::Build;

/// The builds of plugins that tasks ask for, and how each stands.
pub type PluginSet = BTreeMap<Build, PluginStanding>;

/// How a build of a plugin stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PluginStanding {
    /// It is being compiled; runs of its tasks wait.
    Preparing,
    /// It can be run.
    Ready {
        /// The SHA-256 of the plugin's file.
        digest: Digest,
    },
    /// It cannot be used; runs of its tasks are skipped.
    Unusable {
        /// What was found and what was expected.
        reason: String,
    },
}
