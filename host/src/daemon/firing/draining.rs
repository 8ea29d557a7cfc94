//! The end of the loop: nothing is started any more, what runs has a time to end, and then it is told to.

use std::time::Duration;

use tokio::time::Instant;

use super::Loop;
use super::recording::Recording;
use crate::daemon::backlog::tell_lost;
use crate::daemon::handle::LedgerHealth;
use crate::model::outcome::{Interruption, Stop};

/// How long guests get to go once they have been told to stop.
const STOP_TIME: Duration = Duration::from_secs(2);

/// How the daemon ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Attempts that were interrupted because the grace period was over.
    pub interrupted: usize,
    /// Steps that could not be written to the ledger.
    pub unrecorded: usize,
}

/// How far the end is.
pub(super) struct Draining {
    pub(super) deadline: Instant,
    interrupted: usize,
    pub(super) stopped: bool,
}

impl Loop {
    pub(super) fn drain(&mut self, grace: Duration) {
        self.firing.dispatcher.drain();
        let deadline = self.firing.clock.monotonic() + grace;
        match &mut self.draining {
            Some(draining) if !draining.stopped => draining.deadline = deadline,
            Some(_) => {}
            None => self.draining = Some(Draining { deadline, interrupted: 0, stopped: false }),
        }
    }

    /// Tells guests to stop, once their time is over.
    pub(super) fn stop_guests(&mut self, now: Instant) {
        if let Some(draining) = &mut self.draining
            && !draining.stopped
            && draining.deadline <= now
        {
            draining.stopped = true;
            draining.deadline = now + STOP_TIME;
            draining.interrupted = self.stops.len();
            for stop in self.stops.values() {
                stop.send_replace(Some(Stop::Interrupt(Interruption::Shutdown)));
            }
        }
    }

    /// Whether everything is over: nothing runs, and the ledger knows of all of it or will not take it.
    pub(super) fn drained(&self) -> Option<Drained> {
        let draining = self.draining.as_ref()?;
        let goes_on = |run| !self.unrecorded.settles(run);
        let quiet = !self.firing.dispatcher.running().any(goes_on) && self.recording.is_empty();
        let patience_over = draining.stopped && draining.deadline <= self.firing.clock.monotonic();
        let settled = self.unrecorded.is_empty() || self.ledger == LedgerHealth::Damaged;
        (quiet && settled || patience_over).then(|| {
            tell_lost(self.unrecorded.steps(), "not in the ledger");
            tell_lost(
                self.recording.iter().filter_map(Recording::step),
                "not in the ledger unless its disk answers after all",
            );
            Drained { interrupted: draining.interrupted, unrecorded: self.unrecorded.len() + self.recording.len() }
        })
    }
}
