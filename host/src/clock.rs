//! The only reader of time.
//!
//! Wall time comes from the system, or in tests from tokio's clock, so that a paused runtime is a simulated year.

#![expect(clippy::disallowed_methods, reason = "this is the one place that reads the clocks")]

mod alarm;

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use tokio::time::Instant;

pub use alarm::Alarm;

/// A source of wall time and of monotonic time. Cheap to copy.
#[derive(Debug, Clone, Copy)]
pub struct Clock(Source);

#[derive(Debug, Clone, Copy)]
enum Source {
    System,
    Simulated { epoch: Timestamp, started: Instant },
}

impl Clock {
    /// The system's clocks.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that shows `epoch` now and moves with tokio's clock: under a paused runtime, with simulated time.
    pub fn simulated(epoch: Timestamp) -> Self {
        Self(Source::Simulated { epoch, started: Instant::now() })
    }

    /// The wall time.
    pub fn now(&self) -> Timestamp {
        match self.0 {
            Source::System => Timestamp::try_from(SystemTime::now()).unwrap_or(Timestamp::MAX),
            Source::Simulated { epoch, started } => epoch.saturating_add(started.elapsed()).unwrap_or(Timestamp::MAX),
        }
    }

    /// All clocks at once, to be compared with a later reading.
    pub fn reading(&self) -> Reading {
        let monotonic = self.monotonic();
        let since_boot = match &self.0 {
            Source::System => {
                let boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
                Duration::new(boot.tv_sec.unsigned_abs(), u32::try_from(boot.tv_nsec).unwrap_or(0))
            }
            Source::Simulated { started, .. } => monotonic.saturating_duration_since(*started),
        };
        Reading { wall: self.now(), monotonic, since_boot }
    }

    /// Waits for what another thread will deliver. In simulated time the clock stands still meanwhile: real work takes
    /// none of it, where a paused runtime would take idle waiting for a reason to move on.
    pub async fn outside<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        match self.0 {
            Source::System => work.await,
            Source::Simulated { .. } => {
                let runtime = tokio::runtime::Handle::current();
                // A paused runtime does not move its clock while a blocking task is there.
                match tokio::task::spawn_blocking(move || runtime.block_on(work)).await {
                    Ok(result) => result,
                    Err(error) => std::panic::resume_unwind(error.into_panic()),
                }
            }
        }
    }

    /// Monotonic time: for measuring how long something took, and for telling a step of the wall clock from time
    /// that passed.
    pub fn monotonic(&self) -> Instant {
        Instant::now()
    }
}

/// What all clocks showed at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// The wall clock, which can be set.
    pub wall: Timestamp,
    /// A clock that cannot be set and stands still while the machine sleeps.
    pub monotonic: Instant,
    /// A clock that cannot be set and goes on while the machine sleeps.
    pub since_boot: Duration,
}

/// How long it is from `now` until `then`; zero if that has passed.
pub fn until(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(now)).unwrap_or(Duration::ZERO)
}
