//! Taking another configuration, or other plugins, while everything goes on.
//!
//! Whatever asks for it (a file that changed, a signal, the API) goes through the one reloader, one at a time: it
//! reads, validates and compiles everything first, and then has the firing loop swap it between two events. Knows
//! nothing of how a configuration is written: that is for a [`Source`].

mod host;
mod reloader;
mod stock;
mod watch;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::daemon::firing::PluginChange;
use crate::daemon::{Refusal, Settings};
use crate::model::audit::Change as AuditedChange;
use crate::model::id::{Digest, PluginName};
use crate::model::plan::{Counts, HostPlan, Plan};
use crate::model::task::Task;
use crate::observe::AlertSettings;

pub(super) use reloader::Reloader;
pub use watch::Watching;

/// Where configurations come from.
pub trait Source: Send + Sync + 'static {
    /// The file, which is watched.
    fn file(&self) -> &Path;

    /// What is in the file at the moment, without a judgement; none if it cannot be read.
    fn digest(&self) -> Option<Digest>;

    /// Reads and validates what is in the file.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    fn load(&self) -> Result<Configuration, Refused>;
}

/// A configuration in which nothing is wrong.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// The tasks, in the order of their names.
    pub tasks: Vec<Arc<Task>>,
    /// Who hears of what becomes of them.
    pub alerts: Arc<AlertSettings>,
    /// How much goes on at once.
    pub settings: Settings,
    /// What it says of the host.
    pub host: HostKeys,
    /// The text that it was read from, if that could be told.
    pub digest: Option<Digest>,
    /// What a person should know about it all the same, on several lines; may be empty.
    pub warnings: String,
}

/// The settings of the host by their keys, such as `host.listen`.
pub type HostKeys = BTreeMap<String, HostKey>;

/// A setting of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostKey {
    /// Its value, as TOML.
    pub value: String,
    /// When another value counts.
    pub counts: Counts,
}

/// A configuration that is not taken.
#[derive(Debug, Clone)]
pub struct Refused {
    /// All that is wrong with it, for people, on several lines.
    pub report: String,
    /// The text that it was read from, if it could be read.
    pub digest: Option<Digest>,
}

/// Where the configuration that a daemon starts with came from, so that it can be had anew.
pub struct Origin {
    /// Where others come from.
    pub source: Arc<dyn Source>,
    /// What it said of the host.
    pub host: HostKeys,
    /// The text that it was read from, if that could be told.
    pub digest: Option<Digest>,
    /// Whether files are watched.
    pub watching: Watching,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReloadMode {
    /// Everything but the swap: only the plan is of interest.
    DryRun,
    /// All of it.
    Apply,
}

/// Another configuration was not taken; the one in force stays.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReloadError {
    /// It is wrong, or a plugin that a task is to use from now on cannot be used.
    #[error("the configuration was refused; the last good one stays in force")]
    Refused {
        /// All that is wrong with it, for people, on several lines.
        report: Arc<str>,
    },
    /// It cannot be taken at the moment.
    #[error(transparent)]
    NotNow(#[from] Refusal),
    /// This host was started without a file to read it from.
    #[error("this host has no configuration file to reload")]
    NoSource,
}

/// How the last reload went, and what is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReloadState {
    /// The text of the configuration in force; none if it was not read from one.
    pub digest: Option<Digest>,
    /// Since when it is in force.
    pub since: Timestamp,
    /// The configuration that was last refused, unless one was taken since.
    pub refused: Option<LastRefused>,
    /// Plugins whose file cannot be used, while the code that was loaded before is: why not.
    pub kept_plugins: BTreeMap<PluginName, String>,
    /// Settings that count only once the host is started again.
    pub after_restart: Vec<HostPlan>,
}

impl ReloadState {
    /// As it is at the start.
    pub(super) fn first(digest: Option<Digest>, since: Timestamp) -> Self {
        let (kept_plugins, after_restart) = (BTreeMap::new(), Vec::new());
        Self { digest, since, refused: None, kept_plugins, after_restart }
    }
}

/// A configuration that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRefused {
    /// When.
    pub at: Timestamp,
    /// All that is wrong with it, for people, on several lines.
    pub report: Arc<str>,
}

/// A reload that somebody asks for.
pub(super) struct Request {
    pub(super) mode: ReloadMode,
    /// For the audit log; none if the host itself found reason to.
    pub(super) change: Option<Arc<AuditedChange>>,
    /// Who waits for it; none if nobody does.
    pub(super) answer: Option<oneshot::Sender<Result<Plan, ReloadError>>>,
}

/// What the firing loop swaps.
pub(super) struct Swap {
    pub(super) tasks: Vec<Arc<Task>>,
    pub(super) alerts: Arc<AlertSettings>,
    pub(super) plugins: Vec<PluginChange>,
    pub(super) settings: Settings,
    /// What the plan says of plugins, of alerts and of the host.
    pub(super) rest: Plan,
}
