//! What an operator changes: pauses, backfills, and runs that are ended or run again. Each answer comes when what was
//! asked for is in the ledger.

use std::num::NonZeroU32;

use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::guard::{Caller, OnBehalf};
use super::input::{Body, OfRun, OfTask};
use super::problem::{Kind, Problem};
use super::service::Service;
use super::shown::{Answer, Shown, found};
use super::view;
use crate::daemon::BackfillRequest;
use crate::daemon::backfill::Tally;

/// How many runs of a backfill may be allowed to go on at once: as many as of a host.
const MOST_PARALLEL: NonZeroU32 = NonZeroU32::new(10_000).expect("that is not zero");

/// How a task stands after it was paused or resumed.
#[derive(Serialize, ToSchema)]
pub(super) struct PauseState {
    /// The task.
    task: String,
    /// Since when and by whom it is paused; null if it is not.
    paused: Option<view::Pause>,
    /// Since when and by whom it was paused before it was resumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    was_paused: Option<view::Pause>,
}

/// A run that something is done about.
#[derive(Serialize, ToSchema)]
pub(super) struct RunRef {
    /// The run.
    run: String,
}

/// What a backfill is asked for with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Backfill {
    /// The first moment at which a slot can lie.
    #[schema(value_type = String, format = DateTime, example = "2026-11-23T00:00:00Z")]
    from: Timestamp,
    /// The last one.
    #[schema(value_type = String, format = DateTime, example = "2026-11-24T00:00:00Z")]
    to: Timestamp,
    /// How many of its runs may go on at once; 1 unless said otherwise.
    #[serde(default = "one", deserialize_with = "whole")]
    #[schema(value_type = u32, minimum = 1, maximum = 10_000, default = 1)]
    max_parallel: NonZeroU32,
}

/// What a backfill comes to.
#[derive(Serialize, ToSchema)]
pub(super) struct Backfilled {
    /// The task.
    task: String,
    /// How many runs were queued.
    queued: u64,
    /// How many slots of each kind there were.
    slots: Slots,
}

/// Slots of a backfill, by what the ledger had of them.
#[derive(Serialize, ToSchema)]
pub(super) struct Slots {
    /// Run now: they had no entry, or were not run.
    new: u64,
    /// Their run is opened again.
    reopened: u64,
    /// Succeeded already.
    succeeded: u64,
    /// Their run is not over.
    unfinished: u64,
    /// Not decided yet: the schedule will come to them.
    undecided: u64,
    /// Their entry may have been removed since: nobody can say whether they succeeded.
    removed: u64,
    /// Passed under another schedule.
    of_another_schedule: u64,
}

fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

/// To JSON, 2.0 is the same number as 2.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NonZeroU32, D::Error> {
    let number = f64::deserialize(deserializer)?;
    let whole = (number.fract() == 0.0 && (1.0..=f64::from(u32::MAX)).contains(&number)).then_some(number as u32);
    whole.and_then(NonZeroU32::new).ok_or_else(|| D::Error::custom("expected a whole number from 1 up"))
}

/// Pauses a task: none of its slots is run until it is resumed
#[utoipa::path(
    post,
    path = "/api/v1/tasks/{task}/pause",
    tag = "tasks",
    params(OfTask),
    responses(
        (status = 200, description = "It is paused, also if it was before", body = PauseState),
    )
)]
pub(super) async fn pause(OnBehalf(daemon): OnBehalf, caller: Caller, OfTask(task): OfTask) -> Answer<PauseState> {
    let pause = daemon.pause(task.clone(), caller.actor().to_string()).await??;
    found(PauseState { task: task.to_string(), paused: Some((&pause).into()), was_paused: None })
}

/// Resumes a task that was paused
#[utoipa::path(
    post,
    path = "/api/v1/tasks/{task}/resume",
    tag = "tasks",
    params(OfTask),
    responses(
        (status = 200, description = "It goes on, also if it was not paused", body = PauseState),
    )
)]
pub(super) async fn resume(OnBehalf(daemon): OnBehalf, OfTask(task): OfTask) -> Answer<PauseState> {
    let pause = daemon.resume(task.clone()).await??;
    found(PauseState { task: task.to_string(), paused: None, was_paused: pause.as_ref().map(view::Pause::from) })
}

/// Runs the slots of a past time that did not succeed
#[utoipa::path(
    post,
    path = "/api/v1/tasks/{task}/backfill",
    tag = "tasks",
    params(OfTask),
    request_body = Backfill,
    responses(
        (status = 202, description = "The runs are queued", body = Backfilled),
    )
)]
pub(super) async fn backfill(OnBehalf(daemon): OnBehalf, OfTask(task): OfTask, Body(body): Body) -> Answer<Backfilled> {
    let Backfill { from, to, max_parallel } = serde_json::from_slice(&body).map_err(Problem::malformed)?;
    if max_parallel > MOST_PARALLEL {
        return Err(Problem::malformed(format!("max_parallel is {MOST_PARALLEL} at the most")));
    }
    let request = BackfillRequest { task: task.clone(), from, to, max_parallel };
    let Tally { new, reopened, succeeded, unfinished, undecided, removed, foreign } = daemon.backfill(request).await?;
    let slots = Slots { new, reopened, succeeded, unfinished, undecided, removed, of_another_schedule: foreign };
    Ok(Shown(StatusCode::ACCEPTED, Backfilled { task: task.to_string(), queued: new + reopened, slots }))
}

/// Ends a run, wherever it stands
///
/// Answers when it was told to end; it is over when its guest has gone.
#[utoipa::path(
    post,
    path = "/api/v1/runs/{run}/cancel",
    tag = "runs",
    params(OfRun),
    responses(
        (status = 202, description = "It was told to end", body = RunRef),
    )
)]
pub(super) async fn cancel(
    State(service): State<Service>,
    OnBehalf(daemon): OnBehalf,
    OfRun(run): OfRun,
) -> Answer<RunRef> {
    if daemon.cancel(run).await? {
        return Ok(Shown(StatusCode::ACCEPTED, RunRef { run: run.to_string() }));
    }
    match service.readers.ask(move |reader| reader.run(run)).await? {
        Some(_) => Err(Kind::RUN_OVER.with(format!("the run {run} is over"))),
        None => Err(Problem::no_such_run(run)),
    }
}

/// Runs a run again that is over and did not succeed
///
/// It is the same run, opened again: with its id, its slot, its payload and its idempotency key, and with as many further
/// attempts as a new run has.
#[utoipa::path(
    post,
    path = "/api/v1/runs/{run}/retry",
    tag = "runs",
    params(OfRun),
    responses(
        (status = 202, description = "It is open again", body = RunRef),
    )
)]
pub(super) async fn retry(OnBehalf(daemon): OnBehalf, OfRun(run): OfRun) -> Answer<RunRef> {
    daemon.retry(run).await?;
    Ok(Shown(StatusCode::ACCEPTED, RunRef { run: run.to_string() }))
}
