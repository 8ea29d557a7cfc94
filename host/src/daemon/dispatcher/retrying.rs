//! Runs that wait for their next attempt: when they go on, and what their wait is worth once the clock was set.

use jiff::Timestamp;

use super::active::{Active, Whereabouts};
use super::{Dispatcher, Mode, PluginState};
use crate::daemon::step::Step;
use crate::model::id::RunId;
use crate::model::outcome::{Outcome, Skip};
use crate::model::run::RunState;

impl Dispatcher {
    /// Resumes the runs whose wait for the next attempt is over.
    pub fn retry(&mut self, now: Timestamp) -> Step {
        let mut step = Step::default();
        while self.mode == Mode::Serving && self.retries.first().is_some_and(|(until, _)| *until <= now) {
            let Some((_, id)) = self.retries.pop_first() else { break };
            self.resume(id, now, &mut step);
        }
        step
    }

    /// Gives a run that waited for its next attempt its turn. After a restart, its plugin may not be ready by then.
    pub(super) fn resume(&mut self, id: RunId, now: Timestamp, step: &mut Step) {
        let Some(active) = self.active.get_mut(&id) else { return };
        match self.plugins.get(&active.run.task.build()) {
            Some(PluginState::Ready) => {
                active.whereabouts = Whereabouts::Queue;
                let started = self.queue.resume(id);
                self.start_all(started.into_iter().collect(), now, step);
            }
            Some(PluginState::Unusable) => {
                let Some(active) = self.active.remove(&id) else { return };
                self.close(active, Outcome::Skipped(Skip::PluginUnusable), now, step);
            }
            Some(PluginState::Preparing) | None => active.whereabouts = Whereabouts::Parked,
        }
    }

    /// Lets no run wait for longer than it was to: a clock that was set back by a year would have it wait for a year.
    pub(super) fn shorten_waits(&mut self, now: Timestamp) {
        let waiting = std::mem::take(&mut self.retries);
        self.retries = waiting
            .into_iter()
            .filter_map(|(_, id)| Some((self.active.get_mut(&id)?.shorten_wait(now)?, id)))
            .collect();
    }
}

impl Active {
    /// If the clock was set back since its wait for the next attempt began, lets it begin again. Returns when it ends;
    /// none if it does not wait.
    pub(super) fn shorten_wait(&mut self, now: Timestamp) -> Option<Timestamp> {
        let RunState::Waiting { until, .. } = &mut self.state else { return None };
        if now < self.waits_since {
            let wait = until.duration_since(self.waits_since);
            *until = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
            self.waits_since = now;
        }
        Some(*until)
    }
}
