//! Logs as they are logged, as server-sent events: of one run to its end, or of all runs of a task.
//!
//! Lines of attempts that are over come from the ledger, those of an attempt that goes on from its journal. A client that
//! is too slow for a guest loses lines and is told how many.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use utoipa::{IntoParams, ToSchema};

use super::events::{event, place, stream};
use super::input::{Asks, OfTask};
use super::problem::Problem;
use super::service::Service;
use super::view::{self, Line, LoggedLine};
use crate::daemon::{End, Following, Heard, LiveLine, Refusal, Whom};
use crate::ledger::{Excerpt, ExcerptLine, RunRecord};
use crate::model::id::{RunId, TaskName};
use crate::model::run::RunState;

/// How often the ledger is asked for the end of a run that the daemon is just entering there.
const LOOK: Duration = Duration::from_millis(50);
/// Of how many runs of a task it is remembered where the lines of their attempt begin.
const REMEMBERED: usize = 1024;

/// Lines that a client does not get.
#[derive(Serialize, ToSchema)]
pub(super) struct Lost {
    /// How many.
    lines: u64,
}

/// The end of a run that was followed.
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
/// Server-sent events as those of one run, without an end. What went on when the request came is told from its beginning,
/// up to 1024 lines of it.
#[utoipa::path(
    get,
    path = "/api/v1/tasks/{task}/logs",
    tag = "tasks",
    params(
        ("task" = String, Path, description = "The task", pattern = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"),
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
    let place = place(&service)?;
    let mut following = service.daemon.follow(Whom::Task(name));
    let so_far = std::mem::take(&mut following.so_far);
    let follower = TaskFollower { service, following, waiting: so_far.into(), runs: HashMap::new(), _place: place };
    Ok(stream(follower, |mut follower| async move { Some((follower.next_event().await, follower)) }))
}

/// Follows a run to its end, after the line that the client has seen last.
pub(super) async fn run(service: Service, id: RunId, headers: &HeaderMap) -> Result<Response, Problem> {
    let seen = headers.get("last-event-id").map(|seen| seen.to_str().map(str::parse::<u64>));
    let seen = match seen {
        None => 0,
        Some(Ok(Ok(seen))) => seen,
        Some(_) => return Err(Problem::malformed("the id of a line is its number")),
    };
    let place = place(&service)?;
    // The live lines first: what the ledger does not have when it is asked comes here.
    let mut following = service.daemon.follow(Whom::Run(id));
    let end = service.daemon.end_of(id).await?;
    let so_far = std::mem::take(&mut following.so_far);
    let mut follower = RunFollower {
        service,
        run: id,
        following,
        end,
        seen,
        attempt: 0,
        before: 0,
        ready: VecDeque::new(),
        progress: Progress::Open,
        _place: place,
    };
    let run = follower.catch_up().await?.ok_or_else(|| Problem::no_such_run(id))?;
    follower.take_end(&run);
    for line in so_far {
        follower.hear(Heard::Line(line)).await?;
    }
    Ok(stream(follower, |mut follower| async move { Some((follower.next_event().await?, follower)) }).into_response())
}

fn line_event(run: RunId, task: &TaskName, attempt: u32, line: Line) -> Event {
    event("line", &LoggedLine { run: run.to_string(), task: task.to_string(), attempt, line })
}

/// Somebody who follows a run.
struct RunFollower {
    service: Service,
    run: RunId,
    following: Following,
    /// Resolves when the run is over; none if the daemon does not know it any more.
    end: Option<oneshot::Receiver<End>>,
    /// The number of the last line that the client has.
    seen: u64,
    /// The attempt whose lines come now, and how many lines were before it. Earlier ones are in the ledger.
    attempt: u32,
    before: u64,
    ready: VecDeque<Event>,
    progress: Progress,
    _place: OwnedSemaphorePermit,
}

/// Whether there is more to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Open,
    Over,
}

impl RunFollower {
    async fn next_event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.progress == Progress::Over {
                return None;
            }
            tokio::select! {
                biased;
                heard = self.following.next() => self.hear(heard).await.ok()?,
                stopped = over(&mut self.end) => {
                    // What was logged last is there by now.
                    while let Some(heard) = self.following.try_next() {
                        self.hear(heard).await.ok()?;
                    }
                    let run = self.catch_up().await.ok()??;
                    self.take_end(&run);
                    if stopped && self.ready.is_empty() {
                        return None;
                    }
                }
            }
        }
    }

    async fn hear(&mut self, heard: Heard) -> Result<(), Problem> {
        let line = match heard {
            Heard::Line(line) => line,
            Heard::Lost(lines) => {
                self.ready.push_back(event("lost", &Lost { lines }));
                return Ok(());
            }
        };
        if line.attempt < self.attempt {
            return Ok(());
        }
        if line.attempt > self.attempt {
            // The ledger has those before it: an attempt begins when the one before is durable.
            self.catch_up().await?;
            if line.attempt < self.attempt {
                return Ok(());
            }
        }
        let number = self.before + line.number;
        if number > self.seen {
            self.seen = number;
            let shown = Line::new(number, &line.line);
            self.push(&line.task, line.attempt, shown);
        }
        Ok(())
    }

    /// Takes from the ledger what the client does not have yet. Returns the run as it stands there, if it is there.
    async fn catch_up(&mut self) -> Result<Option<RunRecord>, Problem> {
        let (id, seen) = (self.run, self.seen);
        let found = self.service.readers.ask(move |reader| {
            let Some(run) = reader.run(id)? else { return Ok(None) };
            let over = reader.attempts(id)?.last().map_or(0, |attempt| attempt.attempt);
            let unseen = Excerpt { numbers: Some(seen.saturating_add(1)..=u64::MAX), ..Excerpt::default() };
            Ok(Some((run, over, reader.excerpt(id, &unseen)?)))
        });
        let Some((run, over, log)) = found.await? else { return Ok(None) };
        for ExcerptLine { attempt, number, line } in &log.lines {
            self.push(&run.task, *attempt, Line::new(*number, line));
            self.seen = *number;
        }
        // Lines of the next attempt are numbered from here on.
        (self.attempt, self.before) = (over + 1, log.of);
        Ok(Some(run))
    }

    fn push(&mut self, task: &TaskName, attempt: u32, line: Line) {
        let number = line.number.to_string();
        self.ready.push_back(line_event(self.run, task, attempt, line).id(number));
    }

    /// Takes note that the run is over, if it is.
    fn take_end(&mut self, run: &RunRecord) {
        if let RunState::Final(_) = run.state {
            self.ready.push_back(event("end", &FollowedToTheEnd { run: run.into() }));
            self.progress = Progress::Over;
        }
    }
}

/// Waits until the ledger has the end of a run, or may have. Says whether the daemon has stopped before it could tell.
async fn over(end: &mut Option<oneshot::Receiver<End>>) -> bool {
    match end {
        Some(told) => {
            let stopped = told.await.is_err();
            *end = None;
            stopped
        }
        None => {
            tokio::time::sleep(LOOK).await;
            false
        }
    }
}

/// Somebody who follows a task.
struct TaskFollower {
    service: Service,
    following: Following,
    waiting: VecDeque<Arc<LiveLine>>,
    /// The attempt of each run whose lines came last, how many lines were before it, and how many of it were told.
    runs: HashMap<RunId, (u32, u64, u64)>,
    _place: OwnedSemaphorePermit,
}

impl TaskFollower {
    async fn next_event(&mut self) -> Event {
        loop {
            let line = match self.waiting.pop_front() {
                Some(line) => line,
                None => match self.following.next().await {
                    Heard::Line(line) => line,
                    Heard::Lost(lines) => return event("lost", &Lost { lines }),
                },
            };
            let before = match self.runs.get(&line.run) {
                Some((attempt, before, _)) if *attempt == line.attempt => *before,
                _ => self.lines_before(line.run, line.attempt).await,
            };
            let told = self.runs.get(&line.run).filter(|(attempt, ..)| *attempt == line.attempt);
            if told.is_some_and(|(_, _, told)| *told >= line.number) {
                continue;
            }
            if self.runs.len() >= REMEMBERED {
                self.runs.clear();
            }
            self.runs.insert(line.run, (line.attempt, before, line.number));
            return line_event(line.run, &line.task, line.attempt, Line::new(before + line.number, &line.line));
        }
    }

    /// How many lines a run logged before an attempt that goes on.
    async fn lines_before(&self, run: RunId, attempt: u32) -> u64 {
        if attempt == 1 {
            return 0;
        }
        let log = self.service.readers.ask(move |reader| reader.excerpt(run, &Excerpt::default())).await;
        let lines = log.map(|log| log.lines).unwrap_or_default();
        lines.iter().filter(|line| line.attempt < attempt).count() as u64
    }
}
