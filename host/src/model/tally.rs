//! How runs ended and how long they took, counted rather than listed: what is left of a day when its runs are many.
//!
//! A duration is counted in a bucket, so that any number of them takes bounded room and adds up: days to a week, tasks to
//! a host.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::outcome::OutcomeClass;

/// A range of durations that count as one.
///
/// As in HdrHistogram (<https://hdrhistogram.org>), each doubling is cut into 32 equal parts, and below 64 µs each
/// microsecond has its own. The middle of a bucket is off by 1/64, 1.6 %, at the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket(u16);

/// The binary digits of a duration that count after its first.
const DIGITS: u32 = 5;
/// How many buckets a doubling has.
const PARTS: u64 = 1 << DIGITS;
/// The bucket of the longest duration.
const LAST: u64 = (u64::BITS - DIGITS) as u64 * PARTS + PARTS - 1;

impl Bucket {
    /// The bucket of a duration.
    pub fn of(duration: Duration) -> Self {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        // What is below 64 µs has no more than six digits, and all of them count.
        let shift = (u64::BITS - DIGITS - 1).saturating_sub(micros.leading_zeros());
        Self((u64::from(shift) * PARTS + (micros >> shift)) as u16)
    }

    /// The bucket with this number; none if there is none.
    pub fn from_code(code: i64) -> Option<Self> {
        (0..=LAST as i64).contains(&code).then_some(Self(code as u16))
    }

    /// Its number, which grows with the durations.
    pub fn code(self) -> i64 {
        self.0.into()
    }

    /// The duration that stands for all of the bucket.
    pub fn middle(self) -> Duration {
        let code = u64::from(self.0);
        let shift = (code / PARTS).saturating_sub(1);
        let first = (code - shift * PARTS) << shift;
        Duration::from_micros(first + ((1 << shift) >> 1))
    }
}

/// Durations, counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Durations(BTreeMap<Bucket, u64>);

impl Durations {
    /// Counts durations of one bucket.
    pub fn add(&mut self, bucket: Bucket, count: u64) {
        *self.0.entry(bucket).or_default() += count;
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// The shortest duration that so many percent of them do not exceed; none if there are none. Off by 1.6 % at the most.
    pub fn percentile(&self, percent: u8) -> Option<Duration> {
        let rank = (u128::from(self.count()) * u128::from(percent)).div_ceil(100).max(1);
        let mut below = 0;
        let reached = |(_, count): &(&Bucket, &u64)| {
            below += u128::from(**count);
            below >= rank
        };
        self.0.iter().find(reached).map(|(bucket, _)| bucket.middle())
    }
}

/// Ends of runs, counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    ended: BTreeMap<OutcomeClass, u64>,
    /// How long those took that had an attempt.
    pub durations: Durations,
}

impl Tally {
    /// Counts runs that ended alike, in a bucket if they had an attempt.
    pub fn add(&mut self, class: OutcomeClass, took: Option<Bucket>, count: u64) {
        *self.ended.entry(class).or_default() += count;
        if let Some(bucket) = took {
            self.durations.add(bucket, count);
        }
    }

    /// Takes over all that another has counted.
    pub fn merge(&mut self, other: &Tally) {
        other.ended.iter().for_each(|(class, count)| *self.ended.entry(*class).or_default() += count);
        other.durations.0.iter().for_each(|(bucket, count)| self.durations.add(*bucket, *count));
    }

    /// How many ended so.
    pub fn count(&self, class: OutcomeClass) -> u64 {
        self.ended.get(&class).copied().unwrap_or_default()
    }

    /// How many ended.
    pub fn ends(&self) -> u64 {
        self.ended.values().sum()
    }

    /// How many did their work.
    pub fn succeeded(&self) -> u64 {
        self.count(OutcomeClass::Succeeded)
    }

    /// How many went wrong by themselves.
    pub fn failed(&self) -> u64 {
        self.ended.iter().filter(|(class, _)| class.is_failure()).map(|(_, count)| count).sum()
    }

    /// The share that did their work, of those that could show whether they do: whoever was skipped or cancelled says
    /// nothing about it. None if there are none.
    pub fn success_rate(&self) -> Option<f64> {
        let tried = self.succeeded() + self.failed();
        (tried > 0).then(|| self.succeeded() as f64 / tried as f64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn micros(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    #[test]
    fn buckets_keep_their_numbers() {
        for (duration, code) in
            [(0, 0), (31, 31), (32, 32), (63, 63), (64, 64), (65, 64), (66, 65), (127, 95), (128, 96)]
        {
            assert_eq!(Bucket::of(micros(duration)).code(), code, "{duration}");
        }
        assert_eq!(Bucket::of(micros(14_321)).code(), 311);
        assert_eq!(Bucket::of(Duration::MAX).code(), LAST as i64);
        assert_eq!((Bucket::from_code(-1), Bucket::from_code(LAST as i64 + 1)), (None, None));
    }

    proptest! {
        #[test]
        fn the_middle_of_a_bucket_is_near_all_in_it(duration in prop_oneof![0u64..5000, any::<u64>()], more in 0u64..500) {
            let bucket = Bucket::of(micros(duration));
            let middle = bucket.middle().as_micros() as u64;
            prop_assert!(middle.abs_diff(duration) <= duration / 64, "{duration} is not {middle}");
            prop_assert_eq!(Bucket::from_code(bucket.code()), Some(bucket));
            prop_assert_eq!(Bucket::of(bucket.middle()), bucket);
            prop_assert!(Bucket::of(micros(duration.saturating_add(more))) >= bucket);
        }

        #[test]
        fn a_percentile_is_near_the_one_of_the_list(mut list in proptest::collection::vec(0u64..10_000_000, 1..200), percent in 0u8..=100) {
            let mut durations = Durations::default();
            list.iter().for_each(|duration| durations.add(Bucket::of(micros(*duration)), 1));
            list.sort_unstable();
            let rank = (list.len() * usize::from(percent)).div_ceil(100).max(1);
            let found = durations.percentile(percent).unwrap().as_micros() as u64;
            prop_assert!(found.abs_diff(list[rank - 1]) <= list[rank - 1] / 64, "{found} is not {}", list[rank - 1]);
        }
    }

    #[test]
    fn a_rate_is_of_those_that_tried() {
        let mut tally = Tally::default();
        assert_eq!((tally.success_rate(), tally.durations.percentile(50)), (None, None));
        tally.add(OutcomeClass::Skipped, None, 100);
        assert_eq!(tally.success_rate(), None);
        tally.add(OutcomeClass::Succeeded, Some(Bucket::of(micros(10))), 3);
        let mut other = Tally::default();
        other.add(OutcomeClass::Interrupted, Some(Bucket::of(micros(20))), 1);
        tally.merge(&other);
        assert_eq!((tally.ends(), tally.succeeded(), tally.failed(), tally.success_rate()), (104, 3, 1, Some(0.75)));
        assert_eq!((tally.durations.count(), tally.durations.percentile(99)), (4, Some(micros(20))));
    }
}
