//! Somebody who follows a task: what its runs log, and how each of them ends.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use axum::response::sse::Event;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast};

use super::{Lost, end_event, line_event};
use crate::api::events::{event, place};
use crate::api::problem::Problem;
use crate::api::service::Service;
use crate::api::view::Line;
use crate::daemon::{Following, Heard, LiveLine, Whom};
use crate::ledger::Excerpt;
use crate::model::id::{RunId, TaskName};

/// Of how many runs of a task it is remembered where the lines of their attempt begin.
const REMEMBERED: usize = 1024;

/// Somebody who follows a task.
pub(super) struct TaskFollower {
    service: Service,
    following: Following,
    ends: broadcast::Receiver<RunId>,
    waiting: VecDeque<Told>,
    /// The attempt of each run whose lines came last, how many lines were before it, and how many of it were told.
    runs: HashMap<RunId, (u32, u64, u64)>,
    _place: OwnedSemaphorePermit,
}

/// What there is to tell.
enum Told {
    Line(Arc<LiveLine>),
    Lost(u64),
    End(RunId),
}

impl From<Heard> for Told {
    fn from(heard: Heard) -> Self {
        match heard {
            Heard::Line(line) => Told::Line(line),
            Heard::Lost(lines) => Told::Lost(lines),
        }
    }
}

impl TaskFollower {
    /// Follows a task from now on, if there is room for one more who does.
    pub(super) fn new(service: Service, task: TaskName) -> Result<Self, Problem> {
        let place = place(&service)?;
        let ends = service.ring.ends_of(&task);
        let mut following = service.daemon.follow(Whom::Task(task));
        let waiting = std::mem::take(&mut following.so_far).into_iter().map(Told::Line).collect();
        Ok(Self { service, following, ends, waiting, runs: HashMap::new(), _place: place })
    }

    /// What comes next; none once the host is gone.
    pub(super) async fn next_event(&mut self) -> Option<Event> {
        loop {
            let told = match self.waiting.pop_front() {
                Some(Told::Line(line)) => self.line(&line).await,
                Some(Told::Lost(lines)) => Some(event("lost", &Lost { lines })),
                Some(Told::End(run)) => self.end(run).await,
                None => {
                    self.listen().await?;
                    None
                }
            };
            if told.is_some() {
                return told;
            }
        }
    }

    async fn listen(&mut self) -> Option<()> {
        tokio::select! {
            heard = self.following.next() => self.waiting.push_back(heard.into()),
            ended = self.ends.recv() => match ended {
                Ok(run) => {
                    // What it logged last is there by now.
                    while let Some(heard) = self.following.try_next() {
                        self.waiting.push_back(heard.into());
                    }
                    self.waiting.push_back(Told::End(run));
                }
                // Whoever is so slow does not miss the ends most; those that are left come next.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            },
        }
        Some(())
    }

    /// A line, unless it was told.
    async fn line(&mut self, line: &LiveLine) -> Option<Event> {
        let before = match self.runs.get(&line.run) {
            Some((attempt, before, _)) if *attempt == line.attempt => *before,
            _ => self.lines_before(line.run, line.attempt).await,
        };
        let told = self.runs.get(&line.run).filter(|(attempt, ..)| *attempt == line.attempt);
        if told.is_some_and(|(_, _, told)| *told >= line.number) {
            return None;
        }
        if self.runs.len() >= REMEMBERED {
            self.runs.clear();
        }
        self.runs.insert(line.run, (line.attempt, before, line.number));
        Some(line_event(line.run, &line.task, line.attempt, Line::new(before + line.number, &line.line)))
    }

    /// The end of a run, unless the ledger does not have it any more.
    async fn end(&mut self, run: RunId) -> Option<Event> {
        self.runs.remove(&run);
        let found = self.service.readers.ask(move |reader| reader.run(run)).await;
        found.ok().flatten().as_ref().map(end_event)
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
