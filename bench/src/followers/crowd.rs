//! Those who follow and ask, all at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{bail, ensure};
use sandclock_host::clock::Clock;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval_at};

use super::ticking;
use crate::client::Connection;
use crate::networked::Networked;

const FOLLOWERS: usize = 200;
/// Connections that ask, each this often: 1,000 requests a second.
const ASKERS: usize = 20;
const EVERY: Duration = Duration::from_millis(20);

/// They stop when this is dropped.
pub(super) struct Crowd {
    people: JoinSet<anyhow::Result<()>>,
    answers: Arc<AtomicUsize>,
    lines: Arc<AtomicUsize>,
}

/// What they have done so far.
pub(super) struct Did {
    pub(super) answers: usize,
    pub(super) lines: usize,
}

impl Crowd {
    /// Each follows one task's logs, or asks for one thing after the other: a run, and how things are.
    pub(super) async fn gather(host: &Networked, clock: Clock) -> anyhow::Result<Self> {
        let mut crowd = Self { people: JoinSet::new(), answers: Arc::default(), lines: Arc::default() };
        for (number, connection) in host.connections(FOLLOWERS).await?.into_iter().enumerate() {
            let path = format!("/api/v1/tasks/{}/logs?follow=true", ticking(number));
            let (request, lines) = (host.request("GET", &path), crowd.lines.clone());
            crowd.people.spawn(async move {
                connection.count(&request, b"event: line", || _ = lines.fetch_add(1, Ordering::Relaxed)).await
            });
        }
        let requests = Arc::new([
            host.request("POST", "/api/v1/tasks/asked/runs"),
            host.request("GET", "/api/v1/runs?limit=20"),
            host.request("GET", "/api/v1/tasks/tick-00"),
            host.request("GET", "/api/v1/status"),
        ]);
        for (number, connection) in host.connections(ASKERS).await?.into_iter().enumerate() {
            // They do not all ask at the same moment.
            let offset = EVERY * u32::try_from(number)? / u32::try_from(ASKERS)?;
            let (requests, answers) = (requests.clone(), crowd.answers.clone());
            crowd.people.spawn(asks(connection, requests, clock.monotonic() + offset, answers));
        }
        Ok(crowd)
    }

    /// What they have done.
    ///
    /// # Errors
    /// If one of them was not answered, or not well.
    pub(super) fn did(&mut self) -> anyhow::Result<Did> {
        if let Some(ended) = self.people.try_join_next() {
            ended??;
            bail!("somebody went away");
        }
        let lines = self.lines.load(Ordering::Relaxed);
        ensure!(lines > 0, "nobody heard anything");
        Ok(Did { answers: self.answers.load(Ordering::Relaxed), lines })
    }
}

async fn asks(
    mut connection: Connection,
    requests: Arc<[Vec<u8>; 4]>,
    first: tokio::time::Instant,
    answers: Arc<AtomicUsize>,
) -> anyhow::Result<()> {
    let mut due = interval_at(first, EVERY);
    // Whoever is held up catches up: so many a second are asked for, however slow the answers are.
    due.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for request in requests.iter().cycle() {
        due.tick().await;
        let answered = connection.ask(request).await?;
        ensure!(matches!(answered.status, 200 | 201), "an answer was {}: {}", answered.status, answered.body);
        answers.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}
