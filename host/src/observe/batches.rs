//! Events for those who may hear of them a moment later: all that has come is taken in one go, and then there is a rest.
//!
//! To wake somebody for each event would cost the firing loop, and the processor, more than all that is done with it.
//! Whoever rested hears of the next event at once; during a rest events wait where the daemon puts them.

use std::pin::Pin;
use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::{Sleep, sleep};

use crate::model::event::Event;

/// How long a rest is. The daemon has room for what 400,000 events a second leave in that time.
const REST: Duration = Duration::from_millis(10);
/// How much is taken in one go.
const MOST: usize = 4096;

/// What was heard.
#[derive(Debug, Clone)]
pub enum Heard {
    /// An event.
    Event(Event),
    /// So many were lost: they came faster than they were taken.
    Lost(u64),
}

/// Events in batches.
pub struct Batches {
    events: Receiver<Event>,
    rest: Option<Pin<Box<Sleep>>>,
}

impl Batches {
    /// What this receiver hears.
    pub fn new(events: Receiver<Event>) -> Self {
        Self { events, rest: None }
    }

    /// What has come since the last batch, once there is something; none when nobody is left who could tell of anything.
    ///
    /// It can be dropped at any time without losing events.
    pub async fn next(&mut self) -> Option<Vec<Heard>> {
        if let Some(rest) = &mut self.rest {
            rest.await;
            self.rest = None;
        }
        let first = match self.events.recv().await {
            Ok(event) => Heard::Event(event),
            Err(RecvError::Lagged(lost)) => Heard::Lost(lost),
            Err(RecvError::Closed) => return None,
        };
        let mut batch = vec![first];
        batch.extend(self.rest());
        self.rest = Some(Box::pin(sleep(REST)));
        Some(batch)
    }

    /// What has come, without waiting for anything.
    pub fn rest(&mut self) -> Vec<Heard> {
        let events = std::iter::from_fn(|| match self.events.try_recv() {
            Ok(event) => Some(Heard::Event(event)),
            Err(TryRecvError::Lagged(lost)) => Some(Heard::Lost(lost)),
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
        });
        events.take(MOST).collect()
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::broadcast;
    use tokio::time::timeout;

    use super::*;

    /// How many events of each batch there were; what was lost is negative.
    fn shape(batch: &[Heard]) -> Vec<i64> {
        let one = |heard: &Heard| match heard {
            Heard::Event(_) => 1,
            Heard::Lost(lost) => -(*lost as i64),
        };
        batch.iter().map(one).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_is_heard_at_once_and_what_comes_in_a_rest_together() {
        let (tell, events) = broadcast::channel(4);
        let mut batches = Batches::new(events);
        let started = crate::clock::Clock::system().monotonic();
        tell.send(Event::LedgerRecovered).unwrap();
        assert_eq!(shape(&batches.next().await.unwrap()), [1]);
        assert_eq!(started.elapsed(), Duration::ZERO);
        (0..2).for_each(|_| _ = tell.send(Event::LedgerRecovered));
        assert!(timeout(REST / 2, batches.next()).await.is_err(), "it rests");
        tell.send(Event::LedgerRecovered).unwrap();
        assert_eq!(shape(&batches.next().await.unwrap()), [1, 1, 1]);
        assert_eq!(started.elapsed(), REST, "a rest that was interrupted is no longer for it");
        (0..6).for_each(|_| _ = tell.send(Event::LedgerRecovered));
        assert_eq!(shape(&batches.rest()), [-2, 1, 1, 1, 1]);
        drop(tell);
        assert!(batches.next().await.is_none());
    }
}
