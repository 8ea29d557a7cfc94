//! Logs as they are logged, as server-sent events: of one run to its end, or of all runs of a task.
//!
//! Lines of attempts that are over come from the ledger, those of an attempt that goes on from its journal. A client that
//! is too slow for a guest loses lines and is told how many.

mod run;
mod task;

use std::convert::Infallible;

use axum::extract::State;
use axum::response::sse::{Event, Sse};
use futures_util::Stream;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::events::{event, stream};
use super::input::{Asks, OfTask};
use super::problem::Problem;
use super::service::Service;
use super::view::{self, Line, LoggedLine};
use crate::daemon::Refusal;
use crate::ledger::RunRecord;
use crate::model::id::{RunId, TaskName};
use task::TaskFollower;

pub(super) use run::run;

/// Lines that a client does not get.
#[derive(Serialize, ToSchema)]
pub(super) struct Lost {
    /// How many.
    lines: u64,
}

/// The end of a run that was followed, or whose task was.
#[derive(Serialize, ToSchema)]
pub(super) struct FollowedToTheEnd {
    /// The run.
    run: view::Run,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct FollowQuery {
    /// Has to be `true`: the logs of a task's runs are only followed. What a run logged is at `/api/v1/runs/{run}/logs`.
    #[param(example = true)]
    follow: bool,
}

/// What the runs of a task log, as they do
///
/// Server-sent events as those of one run. They go on after an `end`, which comes for each run of the task, also for one
/// that was skipped. What went on when the request came is told from its beginning, up to 1024 lines of it.
#[utoipa::path(
    get,
    path = "/api/v1/tasks/{task}/logs",
    operation_id = "follow_task",
    tag = "tasks",
    params(
        OfTask,
        FollowQuery,
    ),
    responses(
        (status = 200, description = "The events", body = String, content_type = "text/event-stream"),
    )
)]
pub(super) async fn task(
    State(service): State<Service>,
    OfTask(name): OfTask,
    Asks(query): Asks<FollowQuery>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    if !query.follow {
        return Err(Problem::malformed("follow has to be true: the logs of a task's runs are only followed"));
    }
    if !service.daemon.tasks().borrow().contains_key(&name) {
        return Err(Refusal::NoSuchTask.into());
    }
    let follower = TaskFollower::new(service, name)?;
    Ok(stream(follower, |mut follower| async move { Some((follower.next_event().await?, follower)) }))
}

fn line_event(run: RunId, task: &TaskName, attempt: u32, line: Line) -> Event {
    event("line", &LoggedLine { run: run.to_string(), task: task.to_string(), attempt, line })
}

fn end_event(run: &RunRecord) -> Event {
    event("end", &FollowedToTheEnd { run: run.into() })
}
