//! Dead man's switches: whoever waits for a task's sign of life is told that a run began, succeeded or failed.
//!
//! A sign that is lost is what the other end is there to notice, so nothing of this is kept over a restart.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use http::HeaderMap;
use url::Url;

use super::deliver::chain;
use crate::model::id::TaskName;
use crate::observe::outgoing::{Post, SendError, Way, send};

/// How many signs of one task may wait; beyond that the oldest is dropped.
const WAITING: usize = 16;
/// How many tasks' signs are sent at once.
const AT_ONCE: usize = 32;
/// How long to wait before each further attempt.
const WAITS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];

/// A sign of life, or of trouble.
pub(super) struct Sign {
    pub(super) url: Url,
    /// What goes with it: the end of a log.
    pub(super) body: String,
}

/// Signs on their way. Those of one task go out one after the other.
pub(super) struct Pings {
    way: Arc<Way>,
    waiting: BTreeMap<TaskName, VecDeque<Sign>>,
    sending: FuturesUnordered<BoxFuture<'static, TaskName>>,
    busy: Vec<TaskName>,
}

impl Pings {
    /// None yet.
    pub(super) fn new(way: Arc<Way>) -> Self {
        Self { way, waiting: BTreeMap::new(), sending: FuturesUnordered::new(), busy: Vec::new() }
    }

    /// Goes another way from now on.
    pub(super) fn go_by(&mut self, way: Arc<Way>) {
        self.way = way;
    }

    /// Sends a sign after those of its task that wait.
    pub(super) fn push(&mut self, task: &TaskName, sign: Sign) {
        let waiting = self.waiting.entry(task.clone()).or_default();
        if waiting.len() >= WAITING {
            waiting.pop_front();
            tracing::warn!(%task, "a sign of life was dropped: {WAITING} wait already");
        }
        waiting.push_back(sign);
        self.start();
    }

    /// Whether nothing is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.sending.is_empty()
    }

    /// Resolves when one has been sent, or could not be.
    pub(super) async fn next(&mut self) {
        match self.sending.next().await {
            Some(task) => {
                self.busy.retain(|busy| *busy != task);
                self.start();
            }
            None => std::future::pending().await,
        }
    }

    fn start(&mut self) {
        while self.busy.len() < AT_ONCE {
            let free =
                |(task, signs): &(&TaskName, &mut VecDeque<Sign>)| !self.busy.contains(task) && !signs.is_empty();
            let Some((task, signs)) = self.waiting.iter_mut().find(free) else { break };
            let (task, Some(sign)) = (task.clone(), signs.pop_front()) else { break };
            self.busy.push(task.clone());
            self.sending.push(sent(task, sign, self.way.clone()).boxed());
        }
        self.waiting.retain(|_, signs| !signs.is_empty());
    }
}

async fn sent(task: TaskName, sign: Sign, way: Arc<Way>) -> TaskName {
    let post = Post {
        url: sign.url,
        content_type: "text/plain; charset=utf-8",
        headers: HeaderMap::new(),
        body: Bytes::from(sign.body),
        most_answer: 0,
    };
    let mut waits = WAITS.iter();
    loop {
        let error = match send(&post, &way).await {
            Ok(_) => return task,
            Err(error) => error,
        };
        let again = !matches!(&error, SendError::Refused { status, .. } if status.is_client_error());
        match waits.next().filter(|_| again) {
            Some(wait) => tokio::time::sleep(*wait).await,
            None => {
                tracing::warn!(%task, "a sign of life did not arrive: {}", chain(&error));
                return task;
            }
        }
    }
}
