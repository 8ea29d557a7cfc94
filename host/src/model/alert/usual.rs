//! What is usual for a task, from how long its runs took: longer and shorter than that is worth a word.

use std::time::Duration;

use crate::model::tally::Durations;

/// How many runs it takes to say what is usual.
pub const ENOUGH: u64 = 30;
/// How many days of a task's past are looked at.
pub const DAYS: i64 = 14;
/// A run is stuck when it goes on for so many times as long as 99 of 100 runs take, but not below [`SOON`].
const STUCK: u32 = 3;
/// A run is slow when it took so many halves of what 99 of 100 take.
const SLOW_HALVES: u32 = 3;
/// No run is stuck sooner.
const SOON: Duration = Duration::from_secs(60);
/// Differences below this are nobody's concern.
const SLACK: Duration = Duration::from_secs(1);

/// How long a task's runs take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usual {
    first: Duration,
    median: Duration,
    last: Duration,
}

impl Usual {
    /// What is usual; none if there are too few runs to say.
    pub fn of(durations: &Durations) -> Option<Self> {
        if durations.count() < ENOUGH {
            return None;
        }
        let percentile = |percent| durations.percentile(percent);
        Some(Self { first: percentile(1)?, median: percentile(50)?, last: percentile(99)? })
    }

    /// The time that half of the runs do not exceed.
    pub fn median(&self) -> Duration {
        self.median
    }

    /// A run that goes on for longer is stuck.
    pub fn stuck_after(&self) -> Duration {
        self.last.saturating_mul(STUCK).max(SOON)
    }

    /// Whether a run that succeeded took longer than runs do.
    pub fn is_slow(&self, took: Duration) -> bool {
        took > self.last.saturating_mul(SLOW_HALVES) / 2 && took > self.last.saturating_add(SLACK)
    }

    /// Whether a run that succeeded was over sooner than runs are.
    pub fn is_short(&self, took: Duration) -> bool {
        took < self.first / 2 && took.saturating_add(SLACK) < self.median
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tally::Bucket;

    fn usual(seconds: &[(u64, u64)]) -> Option<Usual> {
        let mut durations = Durations::default();
        for (seconds, count) in seconds {
            durations.add(Bucket::of(Duration::from_secs(*seconds)), *count);
        }
        Usual::of(&durations)
    }

    #[test]
    fn what_is_unusual_is_far_from_what_there_was() {
        let seconds = Duration::from_secs;
        assert_eq!(usual(&[(60, ENOUGH - 1)]), None);
        let steady = usual(&[(60, 100)]).unwrap();
        for (took, slow, short) in
            [(60, false, false), (85, false, false), (95, true, false), (31, false, false), (28, false, true)]
        {
            assert_eq!((steady.is_slow(seconds(took)), steady.is_short(seconds(took))), (slow, short), "{took}");
        }
        assert!((175..186).contains(&steady.stuck_after().as_secs()), "{steady:?}");
        // What takes next to nothing is neither slow nor short when it takes ten times as much, nor soon stuck.
        let quick = usual(&[(0, 100)]).unwrap();
        assert!(!quick.is_slow(Duration::from_millis(900)) && !quick.is_short(Duration::ZERO));
        assert_eq!(quick.stuck_after(), SOON);
        // One that varies may.
        let varied = usual(&[(10, 50), (100, 50)]).unwrap();
        assert!(!varied.is_slow(seconds(120)) && !varied.is_short(seconds(8)));
    }
}
