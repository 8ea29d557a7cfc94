//! The plugins that tasks ask for, and whether they can be used.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::service::Service;
use super::shown::{Answer, found};
use crate::daemon::PluginStanding;
use crate::model::limits::Metering;

/// The plugins.
#[derive(Serialize, ToSchema)]
pub(super) struct Plugins {
    /// Each way in which a plugin is compiled for some task, by the plugin's name.
    plugins: Vec<Plugin>,
}

/// A plugin as it is compiled for some tasks.
#[derive(Serialize, ToSchema)]
pub(super) struct Plugin {
    /// Its name.
    plugin: String,
    /// What makes its code yield and end: `fuel`, or `clock` for tasks whose fuel is not metered.
    #[schema(example = "fuel")]
    metering: &'static str,
    /// `preparing`, `ready` or `unusable`.
    #[schema(example = "ready")]
    state: &'static str,
    /// Why it cannot be used.
    reason: Option<String>,
    /// The SHA-256 of its file, once it is ready.
    sha256: Option<String>,
    /// The tasks that use it so.
    tasks: Vec<String>,
}

/// The plugins, and whether they can be used
#[utoipa::path(
    get,
    path = "/api/v1/plugins",
    operation_id = "list_plugins",
    tag = "host",
    responses(
        (status = 200, description = "The plugins", body = Plugins),
    )
)]
pub(super) async fn list(State(service): State<Service>) -> Answer<Plugins> {
    let tasks = service.daemon.tasks().borrow().clone();
    let standings = service.daemon.plugins().borrow().clone();
    let plugins = standings.iter().map(|(build, standing)| {
        let (state, reason, sha256) = match standing {
            PluginStanding::Preparing => ("preparing", None, None),
            PluginStanding::Ready { digest } => ("ready", None, Some(digest.to_string())),
            PluginStanding::Unusable { reason } => ("unusable", Some(reason.clone()), None),
        };
        let metering = match build.metering {
            Metering::Fuel => "fuel",
            Metering::Epoch => "clock",
        };
        let tasks = tasks.values().filter(|task| task.build() == *build).map(|task| task.name.to_string()).collect();
        Plugin { plugin: build.plugin.to_string(), metering, state, reason, sha256, tasks }
    });
    found(Plugins { plugins: plugins.collect() })
}
