//! What is shown of the host, as JSON: one form for the API and for the command line.
//!
//! Times are UTC in RFC 3339, durations are milliseconds with their fraction. Texts of guests are as the guests wrote
//! them; whoever sends or prints them makes them inert.

mod access;
mod blob;
mod limits;
mod log;
mod outcome;
mod plan;
mod record;
mod slots;
mod standing;
mod tally;
mod task;
mod usage;

use std::time::Duration;

pub use access::{Audited, MadeToken, NewToken, Token};
pub use blob::Blob;
pub use limits::{LimitUse, TaskStats};
pub use log::{Attempt, Line, LoggedLine, RunLog, backtrace, lines_of};
pub use outcome::{Cause, Outcome};
pub use plan::{AlertPlan, HostPlan, PassedSlots, Plan, RunsPlan, SlotsPlan, TaskPlan};
pub use record::{Missed, Record, Run};
pub use slots::{ClockChange, Slot, local, zone_name};
pub use standing::Standings;
pub use tally::{Day, History, Success, Tally, TaskSummary, summaries};
pub use task::{Misfire, Pause, Settings, Task, TaskDetail};
pub use usage::Usage;

/// Milliseconds with their fraction.
pub(in crate::api) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
