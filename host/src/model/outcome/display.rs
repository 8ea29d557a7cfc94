//! Outcomes in a line for people. The guest's own words are in there as they are: show the line through
//! [`inert`](crate::model::text::inert).

use std::fmt;

use crate::model::limits::Limit;
use crate::model::outcome::{
    AttemptOutcome, CancelledBy, Exceeded, Failure, FailureKind, Interruption, Miss, Outcome, Skip,
};
use crate::model::quantity::figure;

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Attempted(outcome) => outcome.fmt(f),
            Outcome::Skipped(why) => write!(f, "skipped: {why}"),
            Outcome::Missed(why) => write!(f, "missed: {why}"),
        }
    }
}

impl fmt::Display for AttemptOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AttemptOutcome::Succeeded { .. } => f.write_str("succeeded"),
            AttemptOutcome::Failed(failure) => failure.fmt(f),
            AttemptOutcome::Trapped(trap) => write!(f, "trapped: {}", trap.reason),
            AttemptOutcome::Exceeded(exceeded) => exceeded.fmt(f),
            AttemptOutcome::Cancelled(CancelledBy::Operator) => f.write_str("cancelled by an operator"),
            AttemptOutcome::Cancelled(CancelledBy::Replaced { by }) => write!(f, "cancelled: run {by} took its place"),
            AttemptOutcome::Interrupted(Interruption::Crash) => f.write_str("interrupted: the host crashed"),
            AttemptOutcome::Interrupted(Interruption::Shutdown) => {
                f.write_str("interrupted: the host shut down before it was over")
            }
            AttemptOutcome::Broken { message } => write!(f, "broken by a fault of the host: {message}"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            FailureKind::Transient { .. } => write!(f, "failed, perhaps not for long: {}", self.message),
            FailureKind::Permanent => write!(f, "failed for good: {}", self.message),
        }
    }
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, allowed, used, .. } = self;
        let unit = limit.unit();
        match limit {
            Limit::Timeout => write!(f, "stopped at its timeout of {}", figure(*allowed, unit)),
            Limit::Fuel => write!(f, "stopped when its fuel of {} was burned", figure(*allowed, unit)),
            // Often no more is known than that it was more.
            _ if *used <= allowed.saturating_add(1) => {
                write!(f, "stopped at its {limit} limit of {}", figure(*allowed, unit))
            }
            _ => write!(
                f,
                "stopped at its {limit} limit: {} where {} are allowed",
                figure(*used, unit),
                figure(*allowed, unit)
            ),
        }
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Skip::Overlap => "an earlier run of the task is still going, and its overlap is \"skip\"",
            Skip::QueueFull => "the queue is full (host.max-queued-runs)",
            Skip::PluginUnusable => "its plugin cannot be used",
            Skip::TaskRemoved => "the task is no longer configured",
            Skip::Paused => "the task was paused",
            Skip::Disabled => "the task is disabled (enabled = false)",
        })
    }
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Miss::Down => "the host was not running",
            Miss::Suspended => "the machine slept or the host was stalled",
            Miss::ClockStep => "the clock was set past it",
            Miss::OutsideWindow => "it was older than the window of the task's misfire policy",
            Miss::ScheduleChanged => "the host was not running, and then the task's schedule was another",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_ended_an_attempt() {
        let exceeded = |limit, allowed, used| {
            AttemptOutcome::Exceeded(Exceeded { limit, allowed, used, backtrace: Vec::new() }).to_string()
        };
        assert_eq!(exceeded(Limit::Timeout, 1500, 1502), "stopped at its timeout of 1.5s");
        assert_eq!(exceeded(Limit::Fuel, 10_000_000_000, 10_000_000_000), "stopped when its fuel of 10G was burned");
        assert_eq!(
            exceeded(Limit::Memory, 64 << 20, 65 << 20),
            "stopped at its memory limit: 65MiB where 64MiB are allowed"
        );
    }
}
