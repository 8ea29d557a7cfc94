//! Runs: lists of them, one in full, and what it logged.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::guard::Caller;
use super::input::{Asks, OfRun};
use super::problem::{Kind, Problem};
use super::service::Service;
use super::shown::{Answer, found};
use super::{follow, view, words};
use crate::ledger::{Excerpt, Filter};
use crate::model::id::RunId;

/// How many runs a page has at the most.
const MOST_RUNS: u32 = 1000;

/// A page of the history.
#[derive(Serialize, ToSchema)]
pub(super) struct Page {
    /// Runs and ranges of missed slots, newest first; if slots were asked for, the latest slot first. Those that a token is
    /// not for are left out, so a page may have fewer than were asked for, and lead on.
    runs: Vec<view::Record>,
    /// What leads to the next page, as `cursor`; null if this is the last.
    next: Option<String>,
}

/// A run in full.
#[derive(Serialize, ToSchema)]
pub(super) struct RunDetail {
    /// The run.
    run: view::Run,
    /// Its attempts that are over.
    attempts: Vec<view::Attempt>,
    /// What it works on.
    payload: Option<view::Blob>,
    /// What it put out.
    output: Option<view::Blob>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RunsQuery {
    /// Only those of this task.
    #[param(pattern = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    task: Option<String>,
    /// Only those that ended so; several with commas between. `failed` is both kinds of failure.
    #[param(
        example = "failed,trapped",
        pattern = "^(failed|succeeded|failed-transient|failed-permanent|trapped|exceeded|cancelled|skipped|missed|interrupted|broken)$"
    )]
    outcome: Option<String>,
    /// Only those that exist for this reason.
    #[param(pattern = "^(schedule|catch-up|manual|http|after|backfill)$")]
    cause: Option<String>,
    /// Only those entered then or later.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Only those entered before then.
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// Only those due then or later; with this or the next, the list is in the order of slots.
    #[param(value_type = Option<String>, format = DateTime)]
    due_since: Option<Timestamp>,
    /// Only those due before then.
    #[param(value_type = Option<String>, format = DateTime)]
    due_until: Option<Timestamp>,
    /// `next` of the page before.
    #[param(pattern = "^[0-7][0-9A-HJKMNP-TV-Z]{12}$")]
    cursor: Option<String>,
    /// How many at the most; 50 unless said otherwise.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Only those that are not over: first those that run, the longest first, then those that wait. Nothing but `limit`
    /// can be asked for then, and there is no next page.
    open: Option<bool>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LogsQuery {
    /// Only this attempt.
    #[param(minimum = 1)]
    attempt: Option<u32>,
    /// Only these lines, counted from 1 through all attempts: `21..40`, `21..`, `..40` or `21`.
    #[param(example = "21..40", pattern = "^([0-9]{1,9}(\\.\\.([0-9]{1,9})?)?|\\.\\.[0-9]{1,9})$")]
    lines: Option<String>,
    /// Only lines that matter so much or more.
    #[param(pattern = "^(trace|debug|info|warn|error)$")]
    level: Option<String>,
    /// Only lines since then.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Only lines before then.
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// Of all those, only so many of the last.
    #[param(minimum = 0)]
    tail: Option<u32>,
    /// Whether to go on with lines as they are logged, as events of the server. Nothing else can be asked for then.
    follow: Option<bool>,
}

/// What became of runs and slots, newest first
#[utoipa::path(
    get,
    path = "/api/v1/runs",
    operation_id = "list_runs",
    tag = "runs",
    params(RunsQuery),
    responses(
        (status = 200, description = "A page of them", body = Page),
    )
)]
pub(super) async fn list(State(service): State<Service>, caller: Caller, Asks(query): Asks<RunsQuery>) -> Answer<Page> {
    let open = query.open == Some(true);
    let filter = query.filter()?;
    let limit = filter.limit;
    if open {
        if filter != (Filter { limit, ..Filter::default() }) {
            return Err(Kind::FILTERS_CLASH.with("`open` lists every run that is not over; only `limit` goes with it"));
        }
        let runs = service.readers.ask(move |reader| reader.unfinished(limit)).await?;
        let seen = runs.iter().filter(|run| caller.covers(&run.task));
        return found(Page { runs: seen.map(|run| view::Record::Run(run.into())).collect(), next: None });
    }
    let records = service.readers.ask(move |reader| reader.records(&filter)).await?;
    // Whoever may see some tasks only gets shorter pages, and goes on all the same.
    let next = records.last().filter(|_| records.len() == limit as usize).map(|last| last.id().to_string());
    let seen = records.iter().filter(|record| caller.covers(record.task()));
    found(Page { runs: seen.map(view::Record::from).collect(), next })
}

/// A run, with its attempts, its payload and its output
#[utoipa::path(
    get,
    path = "/api/v1/runs/{run}",
    operation_id = "show_run",
    tag = "runs",
    params(OfRun),
    responses(
        (status = 200, description = "The run", body = RunDetail),
    )
)]
pub(super) async fn one(State(service): State<Service>, OfRun(id): OfRun) -> Answer<RunDetail> {
    let of_run = service.readers.ask(move |reader| {
        let Some(run) = reader.run(id)? else { return Ok(None) };
        Ok(Some((run, reader.attempts(id)?, reader.payload(id)?, reader.output(id)?)))
    });
    let (run, attempts, payload, output) = of_run.await?.ok_or_else(|| Problem::no_such_run(id))?;
    found(RunDetail {
        run: (&run).into(),
        attempts: attempts.iter().map(view::Attempt::from).collect(),
        payload: payload.as_ref().map(view::Blob::from),
        output: output.as_ref().map(view::Blob::from),
    })
}

/// What a run logged, attempt by attempt; or what it logs, as it does
///
/// With `follow=true` the lines come as server-sent events: `line` for each (with its number as the event's id, so that a
/// client that comes again goes on from there), `lost` when the client is too slow, and `end` when the run is over.
#[utoipa::path(
    get,
    path = "/api/v1/runs/{run}/logs",
    operation_id = "run_logs",
    tag = "runs",
    params(
        OfRun,
        LogsQuery,
        ("Last-Event-ID" = Option<u64>, Header, description = "The number of the last line that the client has"),
    ),
    responses(
        (
            status = 200,
            description = "Its log, or the events",
            content((view::RunLog = "application/json"), (String = "text/event-stream")),
        ),
    )
)]
pub(super) async fn logs(
    State(service): State<Service>,
    OfRun(id): OfRun,
    Asks(query): Asks<LogsQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let follow = query.follow == Some(true);
    let excerpt = query.excerpt()?;
    if follow {
        if excerpt != Excerpt::default() {
            return Err(Problem::malformed("a log that is followed is followed whole"));
        }
        return follow::run(service, id, &headers).await;
    }
    let of_run = service.readers.ask(move |reader| {
        let Some(run) = reader.run(id)? else { return Ok(None) };
        let mut attempts = reader.attempts(id)?;
        attempts.retain(|attempt| excerpt.attempt.is_none_or(|wanted| wanted == attempt.attempt));
        Ok(Some(view::RunLog::new(&run, &attempts, &reader.excerpt(id, &excerpt)?)))
    });
    let log = of_run.await?.ok_or_else(|| Problem::no_such_run(id))?;
    Ok(found(log).into_response())
}

impl RunsQuery {
    fn filter(self) -> Result<Filter, Problem> {
        let limit = self.limit.unwrap_or(50);
        if !(1..=MOST_RUNS).contains(&limit) {
            return Err(Problem::malformed(format!("limit is 1 to {MOST_RUNS}")));
        }
        let outcomes = self.outcome.as_deref().into_iter().flat_map(|outcomes| outcomes.split(','));
        let outcomes = outcomes.map(words::outcomes).collect::<Result<Vec<_>, _>>().map_err(Problem::malformed)?;
        Ok(Filter {
            task: self.task.map(|task| task.parse()).transpose().map_err(Problem::malformed)?,
            outcomes: outcomes.concat(),
            cause: self.cause.as_deref().map(words::cause).transpose().map_err(Problem::malformed)?,
            since: self.since,
            until: self.until,
            due_since: self.due_since,
            due_until: self.due_until,
            before: self.cursor.map(|cursor| cursor.parse::<RunId>()).transpose().map_err(Problem::malformed)?,
            limit,
        })
    }
}

impl LogsQuery {
    fn excerpt(self) -> Result<Excerpt, Problem> {
        Ok(Excerpt {
            attempt: self.attempt,
            numbers: self.lines.as_deref().map(words::lines).transpose().map_err(Problem::malformed)?,
            level: self.level.as_deref().map(words::level).transpose().map_err(Problem::malformed)?,
            since: self.since,
            until: self.until,
            tail: self.tail.map(|tail| tail as usize),
        })
    }
}
