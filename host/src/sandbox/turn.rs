//! A guest's turn on its thread: whoever asks the host for much is interrupted too.
//!
//! Fuel lets others run after so much work of the guest's own, but it counts nothing of what the host does for it: a
//! guest that asked for random numbers in a loop held its thread for seconds between two yields, past its own deadline
//! and everybody else's. So calls of the host end a turn as well, when it has lasted long enough.

use tokio::time::Instant;

use crate::clock::Clock;
use crate::sandbox::bounds;

/// How long a guest has had its thread.
#[derive(Debug)]
pub(crate) struct Turn {
    clock: Clock,
    since: Instant,
    /// Calls since the clock was last looked at: that costs more than some calls.
    calls: u8,
    calls_between_looks: u8,
}

impl Turn {
    /// A turn that begins now.
    pub(crate) fn begin(clock: Clock) -> Self {
        Self { clock, since: clock.monotonic(), calls: 0, calls_between_looks: bounds::CALLS_BETWEEN_LOOKS }
    }

    /// Looks at the clock at each call from now on: some calls of this guest can be long.
    pub(crate) fn look_at_each_call(&mut self) {
        self.calls_between_looks = 1;
    }

    /// Counts a call, and says whether it is time for somebody else; then the next turn begins.
    pub(crate) fn is_over(&mut self) -> bool {
        self.calls += 1;
        if self.calls < self.calls_between_looks {
            return false;
        }
        self.calls = 0;
        let now = self.clock.monotonic();
        let over = now.duration_since(self.since) >= bounds::TURN;
        if over {
            self.since = now;
        }
        over
    }
}
