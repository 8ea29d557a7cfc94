//! Waking up in time: to some microseconds, where the runtime's own timer counts whole milliseconds.

use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, Sleep};

use super::{Clock, Source};

/// How much later than wanted it may ring so that it need not be set again: setting costs a call of the system.
const TOLERANCE: Duration = Duration::from_micros(10);

/// An alarm. It never rings before its time; when it is set to be later than it was, it may ring when it would have.
#[derive(Debug)]
pub struct Alarm {
    clock: Clock,
    /// When it is going to ring.
    set: Option<Instant>,
    bell: Bell,
}

#[derive(Debug)]
enum Bell {
    /// A timer of the kernel.
    Timer(AsyncFd<OwnedFd>),
    /// The runtime's timer, which moves with simulated time.
    Simulated(Pin<Box<Sleep>>),
}

impl Clock {
    /// An alarm that is not set. Has to be made within a runtime.
    ///
    /// # Errors
    /// If the system gives no timer.
    pub fn alarm(&self) -> io::Result<Alarm> {
        let bell = match self.0 {
            Source::System => {
                let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
                #[expect(
                    deprecated,
                    reason = "its successor is unsafe, for types that do not own what they are; this one does"
                )]
                let timer = AsyncFd::with_interest(timer, Interest::READABLE)?;
                Bell::Timer(timer)
            }
            Source::Simulated { .. } => Bell::Simulated(Box::pin(tokio::time::sleep(Duration::ZERO))),
        };
        Ok(Alarm { clock: *self, set: None, bell })
    }
}

impl Alarm {
    /// Sets it, unless it rings soon enough as it is.
    pub fn set(&mut self, wake: Instant) {
        if self.set.is_some_and(|set| set <= wake + TOLERANCE) {
            return;
        }
        self.set = Some(wake);
        match &mut self.bell {
            Bell::Simulated(sleep) => sleep.as_mut().reset(wake),
            Bell::Timer(timer) => {
                // Zero would disarm it.
                let after = wake.saturating_duration_since(self.clock.monotonic()).max(Duration::from_nanos(1));
                let after = Timespec {
                    tv_sec: i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
                    tv_nsec: after.subsec_nanos().into(),
                };
                let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: after };
                // The only errors are those of a wrong descriptor and of wrong numbers.
                if let Err(error) = timerfd_settime(timer.get_ref(), TimerfdTimerFlags::empty(), &once) {
                    tracing::error!("the alarm cannot be set: {error}");
                }
            }
        }
    }

    /// Waits until it rings; then it is not set any more.
    pub async fn rung(&mut self) {
        if self.set.is_none() {
            return std::future::pending().await;
        }
        match &mut self.bell {
            Bell::Simulated(sleep) => sleep.as_mut().await,
            Bell::Timer(timer) => loop {
                let Ok(mut ready) = timer.readable().await else {
                    // The runtime goes away, and this with it.
                    return std::future::pending().await;
                };
                let read = ready.try_io(|timer| Ok(rustix::io::read(timer.get_ref(), &mut [0; 8])?));
                if read.is_ok() {
                    break;
                }
            },
        }
        self.set = None;
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn in_simulated_time_it_rings_on_the_spot() {
        let clock = Clock::simulated(Timestamp::UNIX_EPOCH);
        let mut alarm = clock.alarm().unwrap();
        let wake = clock.monotonic() + Duration::from_secs(86_400);
        alarm.set(wake);
        alarm.rung().await;
        assert_eq!(clock.monotonic(), wake);
    }

    #[tokio::test]
    async fn it_never_rings_early_and_the_earliest_setting_counts() {
        let clock = Clock::system();
        let mut alarm = clock.alarm().unwrap();
        for micros in [0, 1, 100, 999, 1500, 20_000] {
            let wake = clock.monotonic() + Duration::from_micros(micros);
            alarm.set(wake + Duration::from_secs(3600));
            alarm.set(wake);
            alarm.set(wake + Duration::from_secs(60));
            alarm.rung().await;
            assert!(clock.monotonic() >= wake);
        }
    }
}
