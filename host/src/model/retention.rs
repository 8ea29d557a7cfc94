//! How much of a task's past is kept: a pure plan over its runs, newest first.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::id::RunId;

/// How much of a task's past is kept. What exceeds one of these goes, oldest first; what a run needs to go on, and the
/// last success and the last failure, stay all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How old a run may be.
    pub age: Duration,
    /// How many runs.
    pub runs: u64,
    /// How many bytes of the ledger, logs, payloads and outputs included.
    pub bytes: u64,
    /// How old the log of a run may be.
    pub logs: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        Self { age: 90 * DAY, runs: 100_000, bytes: 100 << 20, logs: 14 * DAY }
    }
}

/// A run as far as keeping it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past {
    /// The run.
    pub run: RunId,
    /// What it takes in the ledger.
    pub bytes: u64,
}

/// Where the past ends: runs up to and including these go, as far as they may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cut {
    /// With all that is known of them.
    pub runs: Option<RunId>,
    /// With their logs only.
    pub logs: Option<RunId>,
}

impl Retention {
    /// Where a task's past ends. Looks at no more of it than is kept.
    pub fn cut(&self, now: Timestamp, newest_first: impl IntoIterator<Item = Past>) -> Cut {
        let (oldest_run, oldest_log) = (first_after(now, self.age), first_after(now, self.logs));
        let (mut runs, mut bytes) = (0, 0_u64);
        let mut cut = Cut::default();
        for past in newest_first {
            runs += 1;
            bytes = bytes.saturating_add(past.bytes);
            if past.run < oldest_log && cut.logs.is_none() {
                cut.logs = Some(past.run);
            }
            if past.run < oldest_run || runs > self.runs || bytes > self.bytes {
                cut.runs = Some(past.run);
                break;
            }
        }
        cut
    }
}

/// The smallest id of a run that is not older than this: ids grow with time.
fn first_after(now: Timestamp, age: Duration) -> RunId {
    let then = now.saturating_sub(age).unwrap_or(Timestamp::UNIX_EPOCH);
    RunId::next(then.as_millisecond(), 0, None)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: i64 = 1_764_000_000_000;

    fn now() -> Timestamp {
        Timestamp::from_millisecond(NOW).unwrap()
    }

    /// A run that was entered so many seconds ago.
    fn past(seconds: i64, bytes: u64) -> Past {
        Past { run: RunId::next(NOW - seconds * 1000, 0, None), bytes }
    }

    #[test]
    fn the_first_bound_that_is_reached_counts() {
        let seconds = Duration::from_secs;
        let wide = Retention { age: seconds(1000), runs: 1000, bytes: 1000, logs: seconds(1000) };
        let check = |retention: Retention, runs: Option<i64>, logs: Option<i64>| {
            let cut = retention.cut(now(), (0..6).map(|n| past(n * 10, 10)));
            let run = |at: Option<i64>| at.map(|seconds| past(seconds, 0).run);
            assert_eq!(cut, Cut { runs: run(runs), logs: run(logs) }, "{retention:?}");
        };
        check(wide, None, None);
        check(Retention { age: seconds(30), ..wide }, Some(40), None);
        check(Retention { runs: 2, ..wide }, Some(20), None);
        check(Retention { runs: 0, ..wide }, Some(0), None);
        check(Retention { bytes: 39, ..wide }, Some(30), None);
        check(Retention { bytes: 40, ..wide }, Some(40), None);
        check(Retention { logs: seconds(15), ..wide }, None, Some(20));
        check(Retention { logs: seconds(15), runs: 4, ..wide }, Some(40), Some(20));
        check(Retention { logs: seconds(45), age: seconds(5), ..wide }, Some(10), None);
    }

    proptest! {
        #[test]
        fn what_stays_keeps_every_bound_and_nothing_goes_without_need(
            ages in proptest::collection::btree_set(0..500_i64, 0..60),
            bytes in 0..300_u64,
            age in 0..500_u64, runs in 0..60_u64, total in 0..6000_u64, logs in 0..500_u64,
        ) {
            let (age, logs) = (Duration::from_secs(age), Duration::from_secs(logs));
            let retention = Retention { age, runs, bytes: total, logs };
            let all: Vec<Past> = ages.iter().map(|seconds| past(*seconds, bytes)).collect();
            let cut = retention.cut(now(), all.iter().copied());
            let stays = |past: &&Past| Some(past.run) > cut.runs;
            let kept: Vec<&Past> = all.iter().filter(stays).collect();
            let fits = |kept: &[&Past]| {
                kept.len() as u64 <= runs
                    && kept.iter().map(|past| past.bytes).sum::<u64>() <= total
                    && kept.iter().all(|past| past.run >= first_after(now(), age))
            };
            prop_assert!(fits(&kept));
            if kept.len() < all.len() {
                let one_more: Vec<&Past> = all[..=kept.len()].iter().collect();
                prop_assert!(!fits(&one_more), "one more could have stayed");
            }
            for past in &kept {
                prop_assert_eq!(Some(past.run) <= cut.logs, past.run < first_after(now(), logs));
            }
        }
    }
}
