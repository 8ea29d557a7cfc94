//! What happened to time between two turns of the firing loop.
//!
//! `CLOCK_MONOTONIC` stands still while a machine sleeps, `CLOCK_BOOTTIME` does not, and the wall clock can be set:
//! comparing the three tells a suspend from a step (clock_gettime(2)).

use std::time::Duration;

use crate::clock::Reading;
use crate::daemon::scheduler::Gap;

/// What clocks may differ by without anything having happened: adjtime slews a clock by 0.05 % at the most.
const TOLERANCE: Duration = Duration::from_secs(2);

/// What happened between two readings.
pub(super) fn between(before: &Reading, after: &Reading) -> Gap {
    let passed = after.monotonic.saturating_duration_since(before.monotonic);
    let booted = after.since_boot.saturating_sub(before.since_boot);
    let wall = after.wall.duration_since(before.wall);
    if booted > passed + TOLERANCE {
        return Gap::Suspended;
    }
    let expected = jiff::SignedDuration::try_from(passed).unwrap_or(jiff::SignedDuration::MAX);
    if (wall - expected).unsigned_abs() > TOLERANCE {
        return Gap::ClockStep;
    }
    Gap::None
}
