//! Somebody who follows a run: through all of its attempts, to its end.

use std::collections::VecDeque;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{Lost, end_event, line_event};
use crate::api::events::{event, place, stream};
use crate::api::problem::Problem;
use crate::api::service::Service;
use crate::api::view::Line;
use crate::daemon::{End, Following, Heard, Whom};
use crate::ledger::{Excerpt, ExcerptLine, RunRecord};
use crate::model::id::{RunId, TaskName};
use crate::model::run::RunState;

/// How often the ledger is asked for the end of a run that the daemon is just entering there.
const LOOK: Duration = Duration::from_millis(50);

/// Follows a run to its end, after the line that the client has seen last.
pub(in crate::api) async fn run(service: Service, id: RunId, headers: &HeaderMap) -> Result<Response, Problem> {
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
            self.ready.push_back(end_event(run));
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
