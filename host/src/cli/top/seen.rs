//! What `top` knows of a host: what it asks for once a second, and what it hears in between.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use crate::cli::control::{Asked, Connection, Event};
use crate::cli::shown::{self, Outcome, Page, Record, Status, Task, Tasks};
use crate::cli::trouble;

/// How many runs that are not over are asked for.
const MOST_OPEN: u32 = 500;
/// Of how long the rates are.
const WINDOW: Duration = Duration::from_secs(60);

/// How a host is at one moment.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) at: Timestamp,
    pub(super) status: Status,
    pub(super) tasks: Vec<Task>,
    /// The runs that are not over: those that run, the longest first, then those that wait.
    pub(super) open: Vec<Record>,
    /// What went wrong in the last day, newest first.
    pub(super) failures: Vec<Record>,
}

impl Seen {
    /// Looks at a host.
    pub(super) async fn of(connection: &mut Connection, now: Timestamp) -> anyhow::Result<Self> {
        let status = shown::read(connection.ask(Asked::get("/api/v1/status")).await?)?;
        let tasks: Tasks = shown::read(connection.ask(Asked::get("/api/v1/tasks")).await?)?;
        let open = Asked::get(format!("/api/v1/runs?open=true&limit={MOST_OPEN}"));
        let open: Page = shown::read(connection.ask(open).await?)?;
        let failures: Page = shown::read(connection.ask(trouble::recent(now)).await?)?;
        Ok(Self { at: now, status, tasks: tasks.tasks, open: open.runs, failures: failures.runs })
    }
}

/// How many runs ended lately.
#[derive(Debug, Default)]
pub(super) struct Rates {
    since: Option<Timestamp>,
    /// When runs ended, and whether they failed.
    ends: VecDeque<(Timestamp, bool)>,
}

impl Rates {
    /// Takes note of what happened.
    pub(super) fn hear(&mut self, event: &Event, now: Timestamp) {
        self.since.get_or_insert(now);
        if event.name == "run_ended" {
            let outcome: Result<Outcome, _> = shown::read(event.data["outcome"].clone());
            self.ends.push_back((now, outcome.is_ok_and(|outcome| outcome.class().is_failure())));
        }
        self.forget(now);
    }

    /// Begins to count.
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.since.get_or_insert(now);
    }

    /// How many runs ended and how many of them failed in the last minute, or since so short a time.
    pub(super) fn tell(&mut self, now: Timestamp) -> (usize, usize, Duration) {
        self.forget(now);
        let since = self.since.map_or(Duration::ZERO, |since| elapsed(since, now));
        (self.ends.len(), self.ends.iter().filter(|(_, failed)| *failed).count(), since.min(WINDOW))
    }

    fn forget(&mut self, now: Timestamp) {
        while self.ends.front().is_some_and(|(at, _)| elapsed(*at, now) > WINDOW) {
            self.ends.pop_front();
        }
    }
}

/// How long it is since a time, by clocks that may differ.
pub(super) fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    now.duration_since(since).try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rates_are_those_of_the_last_minute() {
        let at = |second: i64| Timestamp::from_second(1_795_474_800 + second).unwrap();
        let event = |name: &str, class: &str| Event {
            name: name.to_owned(),
            data: json!({ "outcome": { "class": class, "message": "m" } }),
        };
        let mut rates = Rates::default();
        rates.begin(at(0));
        rates.hear(&event("run_ended", "trapped"), at(1));
        rates.hear(&event("attempt_ended", "trapped"), at(2));
        rates.hear(&event("run_ended", "succeeded"), at(30));
        assert_eq!(rates.tell(at(40)), (2, 1, Duration::from_secs(40)));
        assert_eq!(rates.tell(at(62)), (1, 0, WINDOW));
        assert_eq!(rates.tell(at(-5)), (1, 0, Duration::ZERO), "a clock that was set back");
    }
}
