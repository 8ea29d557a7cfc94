//! Token buckets: how often somebody may ask. Pure: `now` is an argument.

use std::collections::HashMap;
use std::hash::Hash;

use tokio::time::Instant;

/// How many are remembered. Beyond that, those go that have not asked for the longest; they start with a full bucket.
const MOST: usize = 10_000;

/// How often is not too often.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rate {
    /// So often a second, in the long run.
    pub(super) per_second: f64,
    /// So often at once.
    pub(super) burst: f64,
}

/// Buckets by whoever asks.
#[derive(Debug)]
pub(super) struct Buckets<K> {
    rate: Rate,
    most: usize,
    buckets: HashMap<K, Bucket>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl<K: Eq + Hash + Clone> Buckets<K> {
    pub(super) fn new(rate: Rate) -> Self {
        Self { rate, most: MOST, buckets: HashMap::new() }
    }

    /// Takes one out of a bucket; if it is empty, says after how many seconds there is one again.
    pub(super) fn take(&mut self, key: &K, now: Instant) -> Result<(), u64> {
        let Rate { per_second, burst } = self.rate;
        if self.buckets.len() >= self.most && !self.buckets.contains_key(key) {
            self.forget(now);
        }
        let bucket = self.buckets.entry(key.clone()).or_insert(Bucket { left: burst, at: now });
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        bucket.left = (bucket.left + passed * per_second).min(burst);
        bucket.at = now;
        if bucket.left < 1.0 {
            return Err(((1.0 - bucket.left) / per_second).ceil().max(1.0) as u64);
        }
        bucket.left -= 1.0;
        Ok(())
    }

    /// Makes room: those that are full again say nothing, and of the others the older half goes.
    fn forget(&mut self, now: Instant) {
        let Rate { per_second, burst } = self.rate;
        self.buckets.retain(|_, bucket| {
            bucket.left + now.saturating_duration_since(bucket.at).as_secs_f64() * per_second < burst
        });
        if self.buckets.len() >= self.most {
            let mut times: Vec<Instant> = self.buckets.values().map(|bucket| bucket.at).collect();
            let (_, middle, _) = times.select_nth_unstable(self.most / 2);
            let middle = *middle;
            let mut room = self.most / 2;
            self.buckets.retain(|_, bucket| {
                let stays = bucket.at >= middle && room > 0;
                room -= usize::from(stays);
                stays
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Clock;

    fn buckets(per_second: f64, burst: f64) -> Buckets<u32> {
        Buckets::new(Rate { per_second, burst })
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_taken_and_then_so_many_a_second() {
        let start = Clock::system().monotonic();
        let at = |millis| start + Duration::from_millis(millis);
        let mut buckets = buckets(2.0, 3.0);
        assert_eq!([0, 0, 0, 0].map(|at_ms| buckets.take(&1, at(at_ms))), [Ok(()), Ok(()), Ok(()), Err(1)]);
        assert_eq!(buckets.take(&2, at(0)), Ok(()), "everybody has a bucket");
        assert_eq!(buckets.take(&1, at(400)), Err(1));
        assert_eq!([500, 500, 1000].map(|at_ms| buckets.take(&1, at(at_ms))), [Ok(()), Err(1), Ok(())]);
        assert_eq!([9000; 4].map(|at_ms| buckets.take(&1, at(at_ms))), [Ok(()), Ok(()), Ok(()), Err(1)]);
        let mut slow = Buckets::new(Rate { per_second: 0.1, burst: 1.0 });
        assert_eq!([0, 0].map(|at_ms| slow.take(&1, at(at_ms))), [Ok(()), Err(10)]);
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_are_remembered_are_bounded() {
        let start = Clock::system().monotonic();
        let mut buckets = Buckets { most: 10, ..buckets(0.1, 2.0) };
        for key in 0..1000 {
            buckets.take(&key, start + Duration::from_millis(key.into())).unwrap();
            assert!(buckets.buckets.len() <= 10);
        }
        assert!(buckets.buckets.contains_key(&999) && !buckets.buckets.contains_key(&0));
        let mut same_moment = Buckets { most: 10, ..Buckets::new(Rate { per_second: 0.1, burst: 2.0 }) };
        (0..1000).for_each(|key| same_moment.take(&key, start).unwrap());
        assert!(same_moment.buckets.len() <= 10);
    }
}
