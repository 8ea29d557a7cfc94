//! The clock beside guests whose fuel is not metered: their code looks at it, and lets others run when it has ticked.
//!
//! It ticks only while such a guest runs: an idle host is not woken.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use wasmtime::Engine;

use crate::sandbox::bounds;

/// Ticks for the guests of one engine. Its thread ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Ticker {
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
    over: bool,
}

impl Ticker {
    /// A clock for the guests of this engine.
    ///
    /// # Errors
    /// If its thread cannot be started.
    pub(crate) fn start(engine: Engine) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let its = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("sandclock-ticker".into()).spawn(move || its.tick(&engine))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Has it tick for a guest.
    pub(crate) fn ticking(&self) -> Ticking {
        self.shared.lock().guests += 1;
        self.shared.changed.notify_one();
        Ticking(Arc::clone(&self.shared))
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

impl Shared {
    fn tick(&self, engine: &Engine) {
        let mut state = self.lock();
        while !state.over {
            state = if state.guests == 0 {
                self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
            } else {
                engine.increment_epoch();
                self.changed.wait_timeout(state, bounds::TICK).unwrap_or_else(PoisonError::into_inner).0
            };
        }
    }

    /// A panic while the lock was held leaves numbers that are still right.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
