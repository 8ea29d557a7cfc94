//! Tasks: what is configured, how each stands, and how it does.

use std::sync::Arc;

use axum::extract::State;
use jiff::ToSpan;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::guard::Caller;
use super::input::{Asks, OfTask};
use super::problem::Problem;
use super::service::Service;
use super::shown::{Answer, found};
use super::slots::MOST_SLOTS;
use super::view;
use crate::daemon::{PluginSet, PluginStanding, Refusal};
use crate::model::history::History;
use crate::model::task::Task;
use crate::model::upcoming::upcoming;

/// The tasks that are configured.
#[derive(Serialize, ToSchema)]
pub(super) struct Tasks {
    /// The tasks, by name.
    tasks: Vec<view::Task>,
}

/// How many days and attempts are asked for at the most.
const MOST_DAYS: u32 = 731;
const MOST_ATTEMPTS: u32 = 10_000;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OneQuery {
    /// How many of its next slots to tell; 5 unless said otherwise.
    #[param(minimum = 0, maximum = 1000)]
    next: Option<usize>,
}

/// How tasks do.
#[derive(Serialize, ToSchema)]
pub(super) struct Summaries {
    /// The tasks that are configured and those that the ledger knows besides, by name.
    tasks: Vec<view::TaskSummary>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DaysQuery {
    /// How many days to look at, today among them; 7 unless said otherwise.
    #[param(minimum = 1, maximum = 731)]
    days: Option<u32>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct StatsQuery {
    /// How many days to look at, today among them; 7 unless said otherwise.
    #[param(minimum = 1, maximum = 731)]
    days: Option<u32>,
    /// How many of its attempts to hold against its limits, newest first; 1000 unless said otherwise.
    #[param(minimum = 0, maximum = 10_000)]
    attempts: Option<u32>,
}

/// The tasks that are configured, and how they stand
#[utoipa::path(
    get,
    path = "/api/v1/tasks",
    operation_id = "list_tasks",
    tag = "tasks",
    responses(
        (status = 200, description = "The tasks", body = Tasks),
    )
)]
pub(super) async fn list(State(service): State<Service>, caller: Caller) -> Answer<Tasks> {
    let tasks = service.daemon.tasks().borrow().clone();
    let today = service.clock.now().to_zoned(TimeZone::UTC).date();
    let known = service.readers.ask(move |reader| view::Standings::of(reader, None, today)).await?;
    let now = service.clock.now();
    let plugins = service.daemon.plugins().borrow().clone();
    let show = |task: &Arc<Task>| view::Task { plugin_trouble: trouble(&plugins, task), ..known.show(task, now) };
    let seen = tasks.values().filter(|task| caller.covers(&task.name));
    found(Tasks { tasks: seen.map(show).collect() })
}

/// A task: how it is configured, how it stands, and its next slots
#[utoipa::path(
    get,
    path = "/api/v1/tasks/{task}",
    operation_id = "show_task",
    tag = "tasks",
    params(OfTask, OneQuery),
    responses(
        (status = 200, description = "The task", body = view::TaskDetail),
    )
)]
pub(super) async fn one(
    State(service): State<Service>,
    OfTask(name): OfTask,
    Asks(query): Asks<OneQuery>,
) -> Answer<view::TaskDetail> {
    let count = query.next.unwrap_or(5);
    if count > MOST_SLOTS {
        return Err(Problem::malformed(format!("next is {MOST_SLOTS} at the most")));
    }
    let task = service.daemon.tasks().borrow().get(&name).cloned().ok_or(Refusal::NoSuchTask)?;
    let today = service.clock.now().to_zoned(TimeZone::UTC).date();
    let known = service.readers.ask(move |reader| view::Standings::of(reader, Some(&name), today)).await?;
    let now = service.clock.now();
    let plugins = service.daemon.plugins().borrow().clone();
    let next = upcoming(&[&task], now, count);
    found(view::TaskDetail {
        task: view::Task { plugin_trouble: trouble(&plugins, &task), ..known.show(&task, now) },
        settings: (&*task).into(),
        next: next.iter().map(|next| view::Slot::new(next, &service.zone)).collect(),
    })
}

/// How tasks do, a line each
#[utoipa::path(
    get,
    path = "/api/v1/stats",
    operation_id = "list_stats",
    tag = "tasks",
    params(DaysQuery),
    responses(
        (status = 200, description = "How they do", body = Summaries),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn summaries(
    State(service): State<Service>,
    caller: Caller,
    Asks(DaysQuery { days }): Asks<DaysQuery>,
) -> Answer<Summaries> {
    let days = days.unwrap_or(7);
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(Problem::malformed(format!("days is 1 to {MOST_DAYS}")));
    }
    let today = service.clock.now().to_zoned(TimeZone::UTC).date();
    let since = today.saturating_sub((i64::from(days) - 1).days());
    let mut known = service.readers.ask(move |reader| reader.tasks(since)).await?;
    known.retain(|summary| caller.covers(&summary.task));
    let tasks = service.daemon.tasks().borrow().clone();
    let seen = tasks.keys().filter(|name| caller.covers(name));
    found(Summaries { tasks: view::summaries(seen, &known, days) })
}

/// How a task does, day by day, and how near it comes to its limits
#[utoipa::path(
    get,
    path = "/api/v1/tasks/{task}/stats",
    operation_id = "task_stats",
    tag = "tasks",
    params(OfTask, StatsQuery),
    responses(
        (status = 200, description = "How it does", body = view::TaskStats),
    )
)]
pub(super) async fn stats(
    State(service): State<Service>,
    OfTask(name): OfTask,
    Asks(StatsQuery { days, attempts }): Asks<StatsQuery>,
) -> Answer<view::TaskStats> {
    let (days, attempts) = (days.unwrap_or(7), attempts.unwrap_or(1000));
    if !(1..=MOST_DAYS).contains(&days) || attempts > MOST_ATTEMPTS {
        return Err(Problem::malformed(format!("days is 1 to {MOST_DAYS}, and attempts {MOST_ATTEMPTS} at the most")));
    }
    let task = service.daemon.tasks().borrow().get(&name).cloned().ok_or(Refusal::NoSuchTask)?;
    let today = service.clock.now().to_zoned(TimeZone::UTC).date();
    let since = today.saturating_sub((i64::from(days) - 1).days());
    let (summary, days, records) = service
        .readers
        .ask(move |reader| {
            let of_limits = reader.attempts_of_task(&name, attempts)?;
            Ok((reader.task(&name, since)?, reader.days(&name, since)?, of_limits))
        })
        .await?;
    let history = History::of(records.iter().map(|record| (&record.outcome, &record.usage)));
    let since = records.last().map(|record| record.started_at);
    let of_runs = summary.map(|summary| view::History::new(&summary, &days));
    found(view::TaskStats::new(&task, &history, since, of_runs))
}

/// Why a task's plugin cannot be used, if it cannot.
fn trouble(plugins: &PluginSet, task: &Task) -> Option<String> {
    match plugins.get(&task.build()) {
        Some(PluginStanding::Unusable { reason }) => Some(reason.clone()),
        _ => None,
    }
}
