//! How the host is, at a glance.

use std::collections::BTreeMap;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::health;
use super::service::Service;
use super::shown::{Answer, found};
use crate::daemon::LedgerHealth;
use crate::daemon::reload::ReloadState;

/// How the host is.
#[derive(Serialize, ToSchema)]
pub(super) struct Status {
    /// The version of sandclock.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// When the host started.
    #[schema(format = DateTime)]
    started_at: String,
    /// Whether slots are being run.
    ready: bool,
    /// Why they are not.
    reason: Option<&'static str>,
    /// Whether the ledger takes entries: `writable`, `failing` or `damaged`.
    #[schema(example = "writable")]
    ledger: &'static str,
    /// How many tasks are configured.
    tasks: usize,
    /// How many of them are disabled.
    disabled: usize,
    /// How many of them are paused.
    paused: usize,
    /// How many attempts go on.
    running: usize,
    /// How many runs wait: for their turn, their plugin or their next attempt.
    waiting: usize,
    /// The slot that comes next; null if none does.
    next: Option<Next>,
    /// The configuration in force.
    configuration: Configuration,
}

/// The configuration in force.
#[derive(Serialize, ToSchema)]
struct Configuration {
    /// Since when it is.
    #[schema(format = DateTime)]
    since: String,
    /// When another one was refused since; null if none was. Whoever may reload is told why.
    #[schema(format = DateTime)]
    refused_at: Option<String>,
    /// Settings that were changed, and that count only once the host is started again.
    after_restart: Vec<String>,
    /// Plugins whose file cannot be used, while what was loaded before is: why not.
    kept_plugins: BTreeMap<String, String>,
}

impl From<&ReloadState> for Configuration {
    fn from(state: &ReloadState) -> Self {
        Self {
            since: state.since.to_string(),
            refused_at: state.refused.as_ref().map(|refused| refused.at.to_string()),
            after_restart: state.after_restart.iter().map(|setting| setting.key.clone()).collect(),
            kept_plugins: state.kept_plugins.iter().map(|(plugin, why)| (plugin.to_string(), why.clone())).collect(),
        }
    }
}

/// The slot that comes next.
#[derive(Serialize, ToSchema)]
pub(super) struct Next {
    /// The task.
    task: String,
    /// When it is due.
    #[schema(format = DateTime)]
    due: String,
}

/// How the host is
#[utoipa::path(
    get,
    path = "/api/v1/status",
    tag = "host",
    responses(
        (status = 200, description = "How it is", body = Status),
    )
)]
pub(super) async fn status(State(service): State<Service>) -> Answer<Status> {
    let standings = service.readers.ask(|reader| reader.standings()).await?;
    let tasks = service.daemon.tasks().borrow().clone();
    let now = service.clock.now();
    let is_paused = |name| standings.get(name).is_some_and(|standing| standing.pause.is_some());
    let due = tasks.values().filter(|task| task.enabled && !is_paused(&task.name));
    let next = due.filter_map(|task| Some((task.schedule.next_after(now)?, &task.name))).min();
    let status = *service.daemon.status().borrow();
    let reason = health::reason(&service);
    found(Status {
        version: env!("CARGO_PKG_VERSION"),
        started_at: service.started_at.to_string(),
        ready: reason.is_none(),
        reason,
        ledger: match status.ledger {
            LedgerHealth::Writable => "writable",
            LedgerHealth::Failing => "failing",
            LedgerHealth::Damaged => "damaged",
        },
        tasks: tasks.len(),
        disabled: tasks.values().filter(|task| !task.enabled).count(),
        paused: tasks.keys().filter(|name| is_paused(name)).count(),
        running: status.running,
        waiting: status.waiting,
        next: next.map(|(slot, task)| Next { task: task.to_string(), due: slot.to_string() }),
        configuration: (&*service.daemon.reload_state().borrow()).into(),
    })
}
