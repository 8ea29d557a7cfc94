//! The clock beside guests whose fuel is not metered: their code looks at it, and lets others run when it has ticked.
//!
//! It ticks only while such a guest runs: an idle host is not woken.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::time::Instant;
use wasmtime::Engine;

use crate::clock::Clock;
use crate::sandbox::bounds;

/// When it has not ticked for this long, it has stopped. A busy machine may keep it from a tick for some time.
const STOPPED: Duration = Duration::from_secs(5);

/// Ticks for the guests of one engine. Its thread ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Ticker {
    clock: Clock,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// While this lives, the clock ticks.
#[derive(Debug)]
pub(crate) struct Ticking(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Guests that need the clock.
    guests: usize,
    /// When it last ticked, or began to.
    ticked_at: Option<Instant>,
    over: bool,
}

impl Ticker {
    /// A clock for the guests of this engine.
    ///
    /// # Errors
    /// If its thread cannot be started.
    pub(crate) fn start(engine: Engine, clock: Clock) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let its = Arc::clone(&shared);
        let thread =
            std::thread::Builder::new().name("sandclock-ticker".into()).spawn(move || its.tick(&engine, clock))?;
        Ok(Self { clock, shared, thread: Some(thread) })
    }

    /// Has it tick for a guest.
    pub(crate) fn ticking(&self) -> Ticking {
        // While it ticks, to wake it would be a tick too many, for all guests.
        if self.shared.lock().enter(self.clock.monotonic()) {
            self.shared.changed.notify_one();
        }
        Ticking(Arc::clone(&self.shared))
    }

    /// Whether guests need it, and it does not tick.
    pub(crate) fn stopped(&self, now: Instant) -> bool {
        self.shared.lock().stopped(now)
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        self.0.lock().guests -= 1;
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the clock of unmetered guests panicked");
        }
    }
}

impl State {
    /// Counts a guest. Gives whether it is the first, for which the clock has to be woken.
    fn enter(&mut self, now: Instant) -> bool {
        let is_first = self.guests == 0;
        if is_first {
            self.ticked_at = Some(now);
        }
        self.guests += 1;
        is_first
    }

    fn stopped(&self, now: Instant) -> bool {
        let since = self.ticked_at.map(|ticked_at| now.saturating_duration_since(ticked_at));
        self.guests > 0 && since.is_some_and(|since| since > STOPPED)
    }
}

impl Shared {
    fn tick(&self, engine: &Engine, clock: Clock) {
        let mut state = self.lock();
        while !state.over {
            state = if state.guests == 0 {
                self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
            } else {
                engine.increment_epoch();
                state.ticked_at = Some(clock.monotonic());
                self.changed.wait_timeout(state, bounds::TICK).unwrap_or_else(PoisonError::into_inner).0
            };
        }
    }

    /// A panic while the lock was held leaves numbers that are still right.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_has_stopped_when_guests_wait_for_a_tick_in_vain() {
        let mut state = State::default();
        let begin = Clock::system().monotonic();
        let later = begin + STOPPED + Duration::from_secs(60);
        assert!(!state.stopped(later), "nobody needs it");
        assert!(state.enter(later), "it stands still");
        assert!(!state.stopped(later), "it has only just begun");
        let in_vain = later + STOPPED + Duration::from_millis(1);
        assert!(state.stopped(in_vain));
        assert!(!state.enter(in_vain), "it should be ticking");
        assert!(state.stopped(in_vain), "another guest does not make it tick");
        state.ticked_at = Some(in_vain);
        assert!(!state.stopped(in_vain));
    }
}
