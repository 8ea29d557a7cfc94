//! `/api/v1/events`: what happens, as it does, as server-sent events.

mod ring;
mod transition;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, watch};
use utoipa::{IntoParams, ToSchema};

use super::guard::Caller;
use super::input::Asks;
use super::problem::{Kind, Problem};
use super::service::{MOST_FOLLOWERS, Service};
use super::shown;
use crate::model::id::TaskName;
use ring::{Begin, Place};

pub(super) use ring::Ring;
pub(super) use transition::HostEvent;

/// How often something is sent when nothing happens: who has gone is noticed then.
const ALIVE: Duration = Duration::from_secs(15);
/// How many events are taken from the ring at once.
const BATCH: usize = 64;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventsQuery {
    /// Only those of this task.
    #[param(pattern = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    task: Option<String>,
}

/// Events that a client does not get.
#[derive(Serialize, ToSchema)]
pub(super) struct Gap {
    /// Why: `lost` (it was too slow, or came too late), or `restarted` (what it had seen was of another start of the host).
    #[schema(example = "lost")]
    reason: &'static str,
    /// How many; null if nobody knows.
    events: Option<u64>,
}

/// What happens, as it does, as server-sent events
///
/// Each event has a name, an id and a `HostEvent` as its data. A client that sends the id of the last one that it has as
/// `Last-Event-ID` goes on from there, as far as the host still has them: the latest 4096. What it does not get is told as
/// an event `gap`.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    tag = "host",
    params(
        EventsQuery,
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that the client has"),
    ),
    responses(
        (status = 200, description = "The events", body = String, content_type = "text/event-stream"),
    )
)]
pub(super) async fn events(
    State(service): State<Service>,
    caller: Caller,
    Asks(query): Asks<EventsQuery>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let task = query.task.map(|task| task.parse::<TaskName>()).transpose().map_err(Problem::malformed)?;
    let place = place(&service)?;
    let seen = headers.get("last-event-id").map(|seen| {
        // One that cannot be read is of no start of this host.
        seen.to_str().ok().and_then(Place::parse)
    });
    let begin = match seen {
        None => service.ring.begin(None),
        Some(Some(seen)) => service.ring.begin(Some(seen)),
        Some(None) => service.ring.begin(Some(Place::NOWHERE)),
    };
    let mut follower = Follower {
        head: service.ring.head(),
        ring: service.ring.clone(),
        task,
        caller,
        next: 0,
        ready: VecDeque::new(),
        _place: place,
    };
    match begin {
        Begin::At(number) => follower.next = number,
        Begin::Anew(number) => {
            follower.next = number;
            follower.ready.push_back(gap("restarted", None));
        }
    }
    Ok(stream(follower, |mut follower| async move { Some((follower.next_event().await?, follower)) }))
}

/// Room for one more who follows.
pub(super) fn place(service: &Service) -> Result<OwnedSemaphorePermit, Problem> {
    let too_many = || Kind::TOO_MANY_FOLLOWERS.with(format!("{MOST_FOLLOWERS} clients follow logs or events already"));
    service.followers.clone().try_acquire_owned().map_err(|_| too_many())
}

/// A stream of events that shows from time to time that it is alive.
pub(super) fn stream<T, F>(
    follower: T,
    mut next: impl FnMut(T) -> F + Send + 'static,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>>
where
    T: Send + 'static,
    F: Future<Output = Option<(Event, T)>> + Send + 'static,
{
    let events = unfold(follower, move |follower| {
        let next = next(follower);
        async move { next.await.map(|(event, follower)| (Ok(event), follower)) }
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE))
}

/// An event with a value as its data.
pub(super) fn event(name: &'static str, value: &impl Serialize) -> Event {
    Event::default().event(name).data(shown::text(value).unwrap_or_default())
}

fn gap(reason: &'static str, events: Option<u64>) -> Event {
    event("gap", &Gap { reason, events })
}

/// Somebody who follows.
struct Follower {
    ring: Arc<Ring>,
    head: watch::Receiver<u64>,
    task: Option<TaskName>,
    caller: Caller,
    /// The number of the next event.
    next: u64,
    ready: VecDeque<Event>,
    _place: OwnedSemaphorePermit,
}

impl Follower {
    async fn next_event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            // Before the look, so that what comes after it is noticed.
            self.head.borrow_and_update();
            let found = self.ring.from(self.next, BATCH);
            if found.is_empty() {
                // The ring is gone with the host.
                self.head.changed().await.ok()?;
                continue;
            }
            for kept in found {
                if kept.number > self.next {
                    self.ready.push_back(gap("lost", Some(kept.number - self.next)));
                }
                self.next = kept.number + 1;
                if self.task.as_ref().is_none_or(|task| kept.task() == Some(task)) && self.caller.sees(kept.task()) {
                    let event = Event::default().event(kept.name()).id(self.ring.place(kept.number)).data(kept.text());
                    self.ready.push_back(event);
                }
            }
        }
    }
}
