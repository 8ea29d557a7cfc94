//! The latest events, numbered, so that whoever lost the connection can go on where it was.
//!
//! One for all who follow, each with a place of its own in it: who is slow holds up nobody and takes no memory. What it
//! keeps of an event is small, and is written as JSON when the first one asks for it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use jiff::Timestamp;
use tokio::sync::{broadcast, watch};

use super::transition::{Of, Transition, What};
use crate::api::shown;
use crate::clock::Clock;
use crate::model::id::{RunId, TaskName};
use crate::observe::{Batches, Heard};

/// How many events are kept.
const KEPT: usize = 4096;
/// How many ends of a task's runs wait for whoever is slow; beyond that the oldest are not told.
const ENDS: usize = 256;

/// The latest events.
pub(in crate::api) struct Ring {
    /// What tells this start of the host from others.
    start: i64,
    events: Mutex<Events>,
    /// The number of the next event.
    head: watch::Sender<u64>,
    /// Those who hear of the ends of a task's runs, and of nothing else: thousands of other events wake nobody of them.
    ends: Mutex<HashMap<TaskName, broadcast::Sender<RunId>>>,
}

#[derive(Default)]
struct Events {
    kept: VecDeque<Arc<Kept>>,
    next: u64,
}

/// An event with its number.
pub(super) struct Kept {
    pub(super) number: u64,
    transition: Transition,
    text: OnceLock<String>,
}

/// A place in the ring, as a client names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    start: i64,
    number: u64,
}

/// Where a client begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    /// With the event of this number.
    At(u64),
    /// With the oldest one that is kept, which has this number: what it had seen is of another start of the host.
    Anew(u64),
}

impl Ring {
    /// An empty ring of a host that started then.
    pub(in crate::api) fn new(started_at: Timestamp) -> Self {
        Self {
            start: started_at.as_millisecond(),
            events: Mutex::default(),
            head: watch::Sender::new(0),
            ends: Mutex::default(),
        }
    }

    /// Takes in what happens, for as long as it is polled.
    pub(in crate::api) async fn listen(&self, mut events: Batches, clock: Clock) {
        while let Some(batch) = events.next().await {
            let at = clock.now();
            for heard in batch {
                match heard {
                    Heard::Event(event) => self.push(What::of(&event), at),
                    Heard::Lost(lost) => self.skip(lost),
                }
            }
            // Once for all of them: to tell of each costs more than to keep it.
            let next = self.events().next;
            self.head.send_replace(next);
        }
    }

    fn push(&self, transition: Option<(What, Of)>, at: Timestamp) {
        let Some((what, of)) = transition else { return };
        if let (true, Some(task), Some(run)) = (what.is_end(), &of.task, of.run) {
            self.tell_end(task, run);
        }
        let mut events = self.events();
        let number = events.next;
        events.next += 1;
        if events.kept.len() == KEPT {
            events.kept.pop_front();
        }
        let transition = Transition { at, of, what };
        events.kept.push_back(Arc::new(Kept { number, transition, text: OnceLock::new() }));
    }

    /// Events were lost on the way here: their numbers stay unused, so that whoever follows sees the gap.
    fn skip(&self, lost: u64) {
        self.events().next += lost;
    }

    fn tell_end(&self, task: &TaskName, run: RunId) {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        if ends.get(task).is_some_and(|listeners| listeners.send(run).is_err()) {
            // The last one who listened has gone.
            ends.remove(task);
        }
    }

    /// The runs of a task that end or are skipped from now on.
    pub(in crate::api) fn ends_of(&self, task: &TaskName) -> broadcast::Receiver<RunId> {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        ends.entry(task.clone()).or_insert_with(|| broadcast::Sender::new(ENDS)).subscribe()
    }

    /// Changes when there are further events.
    pub(super) fn head(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    /// Where a client begins that has seen this last, or nothing.
    pub(super) fn begin(&self, seen: Option<Place>) -> Begin {
        let events = self.events();
        let oldest = events.kept.front().map_or(events.next, |kept| kept.number);
        match seen {
            None => Begin::At(events.next),
            Some(Place { start, number }) if start == self.start && number < events.next => Begin::At(number + 1),
            Some(_) => Begin::Anew(oldest),
        }
    }

    /// So many events from a number on, as far as they are there.
    pub(super) fn from(&self, number: u64, most: usize) -> Vec<Arc<Kept>> {
        let events = self.events();
        let first = events.kept.partition_point(|kept| kept.number < number);
        events.kept.range(first..).take(most).cloned().collect()
    }

    /// What a client calls the place of an event.
    pub(super) fn place(&self, number: u64) -> String {
        format!("{}-{number}", self.start)
    }

    /// A panic while the lock was held leaves at worst a number unused.
    fn events(&self) -> MutexGuard<'_, Events> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// A place in no ring.
    pub(super) const NOWHERE: Place = Place { start: i64::MIN, number: 0 };

    /// Reads what [`Ring::place`] has written.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (start, number) = text.split_once('-')?;
        Some(Self { start: start.parse().ok()?, number: number.parse().ok()? })
    }
}

impl Kept {
    /// The word for what happened.
    pub(super) fn name(&self) -> &'static str {
        self.transition.what.name()
    }

    /// The task that it is of.
    pub(super) fn task(&self) -> Option<&TaskName> {
        self.transition.of.task.as_ref()
    }

    /// It as JSON on one line.
    pub(super) fn text(&self) -> &str {
        self.text.get_or_init(|| shown::text(&self.transition.show()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::Event;

    fn ring(events: u64) -> Ring {
        let ring = Ring::new(Timestamp::from_millisecond(5).unwrap());
        (0..events).for_each(|_| ring.push(What::of(&Event::LedgerRecovered), Timestamp::UNIX_EPOCH));
        ring
    }

    #[test]
    fn whoever_comes_again_goes_on_where_it_was() {
        let numbers = |ring: &Ring, from| ring.from(from, 3).iter().map(|kept| kept.number).collect::<Vec<_>>();
        let begin = |ring: &Ring, seen: &str| ring.begin(Place::parse(seen));
        let full = ring(10);
        assert_eq!(full.begin(None), Begin::At(10));
        assert_eq!((begin(&full, "5-3"), begin(&full, "5-9")), (Begin::At(4), Begin::At(10)));
        assert_eq!((begin(&full, "5-10"), begin(&full, "4-3")), (Begin::Anew(0), Begin::Anew(0)));
        assert_eq!(numbers(&full, 4), [4, 5, 6]);
        assert_eq!(numbers(&full, 9), [9]);
        assert_eq!(Place::parse(&full.place(7)), Some(Place { start: 5, number: 7 }));
        assert_eq!((Place::parse("7"), Place::parse("a-b")), (None, None));

        let long = ring(KEPT as u64 + 10);
        assert_eq!(begin(&long, "5-3"), Begin::At(4));
        assert_eq!(numbers(&long, 4), [10, 11, 12], "the numbers tell that some are gone");
        long.skip(5);
        long.push(What::of(&Event::LedgerRecovered), Timestamp::UNIX_EPOCH);
        assert_eq!(numbers(&long, KEPT as u64 + 9), [KEPT as u64 + 9, KEPT as u64 + 15]);
    }
}
