//! `/api/v1/slots`: when tasks are due.

use std::sync::Arc;

use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::guard::Caller;
use super::input::Asks;
use super::problem::Problem;
use super::service::Service;
use super::shown::{Answer, found};
use super::view;
use crate::daemon::Refusal;
use crate::model::id::TaskName;
use crate::model::task::Task;
use crate::model::upcoming::upcoming;

/// How many slots are asked for at the most.
pub(super) const MOST_SLOTS: usize = 1000;

/// Slots that are to come.
#[derive(Serialize, ToSchema)]
pub(super) struct DueSlots {
    /// The slots, in order.
    slots: Vec<view::Slot>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SlotsQuery {
    /// Only those of this task.
    #[param(pattern = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    task: Option<String>,
    /// How many; 10 unless said otherwise.
    #[param(minimum = 0, maximum = 1000)]
    count: Option<usize>,
    /// Only those after this time; from now on unless said otherwise.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
}

/// When tasks are due
///
/// As their schedules have it: the slots of a task that is paused or disabled pass without a run.
#[utoipa::path(
    get,
    path = "/api/v1/slots",
    operation_id = "list_slots",
    tag = "tasks",
    params(SlotsQuery),
    responses(
        (status = 200, description = "The slots", body = DueSlots),
    )
)]
pub(super) async fn list(
    State(service): State<Service>,
    caller: Caller,
    Asks(query): Asks<SlotsQuery>,
) -> Answer<DueSlots> {
    let count = query.count.unwrap_or(10);
    if count > MOST_SLOTS {
        return Err(Problem::malformed(format!("count is {MOST_SLOTS} at the most")));
    }
    let known = service.daemon.tasks().borrow().clone();
    let tasks: Vec<Arc<Task>> = match query.task {
        Some(name) => {
            let name: TaskName = name.parse().map_err(Problem::malformed)?;
            let task = known.get(&name).filter(|task| caller.covers(&task.name));
            vec![task.cloned().ok_or(Refusal::NoSuchTask)?]
        }
        None => known.values().filter(|task| caller.covers(&task.name)).cloned().collect(),
    };
    let from = query.from.unwrap_or_else(|| service.clock.now());
    // The schedules of a large host take a moment, and this thread answers others.
    let slots = tokio::task::spawn_blocking(move || {
        let tasks: Vec<&Task> = tasks.iter().map(Arc::as_ref).collect();
        let slots = upcoming(&tasks, from, count);
        slots.iter().map(|next| view::Slot::new(next, &service.zone)).collect()
    });
    found(DueSlots { slots: slots.await.map_err(|_| Problem::busy())? })
}
