//! The configuration: from `sandclock.toml` to model types, with every problem told at once and in its place.
//!
//! One declaration a table (`elements`) gives its reading, its JSON Schema and its chapter in the book. No part of the
//! host knows this module; each gets settings of its own out of [`Config`].

mod diagnostic;
mod report;

mod read;
mod shape;
mod table;
mod values;

mod elements;

mod chains;
mod folders;
mod load;
mod surroundings;
mod syntax;

mod effective;
mod schema;
mod settings;

#[cfg(test)]
mod book;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::model::id::TaskName;
use crate::model::task::Task;
use elements::secrets::SecretSource;
use elements::task::Origin;

pub use diagnostic::{Diagnostic, Severity};
pub use effective::Effective;
pub use elements::alerts::Alert;
pub use elements::host::{CompileSettings, Durability, HostSettings};
pub use elements::observe::{LogSettings, ObserveSettings};
pub use elements::proxy::WrittenProxy;
pub use elements::roots::TlsRootsFile;
pub use elements::traces::Traces;
pub use load::{Loaded, load, load_text, state_folder};
pub use report::Report;
pub use schema::json_schema;
pub use surroundings::Surroundings;

/// A whole configuration in which nothing is wrong.
#[derive(Debug, Clone)]
pub struct Config {
    /// What concerns the host and not a single task.
    pub host: HostSettings,
    /// What is told of the host, and where.
    pub observe: ObserveSettings,
    /// The tasks, in the order of their names.
    pub tasks: Vec<Arc<Task>>,
    /// The alerts, in the order of their names.
    pub alerts: Vec<Alert>,
    /// The folder of the file, where relative paths start.
    root: PathBuf,
    origins: BTreeMap<TaskName, Origin>,
    /// Where the secrets come from that the host keeps to itself.
    secret_sources: BTreeMap<String, SecretSource>,
}
