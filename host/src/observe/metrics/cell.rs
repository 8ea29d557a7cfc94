//! What series are made of: numbers that one thread writes and another reads, without either waiting.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A number that grows, or one that says how things stand.
#[derive(Debug, Default)]
pub(super) struct Number(AtomicU64);

impl Number {
    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// One less; a number that stands at 0 stays there.
    pub(super) fn less(&self) {
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |number| number.checked_sub(1));
    }

    pub(super) fn set(&self, number: u64) {
        self.0.store(number, Ordering::Relaxed);
    }

    pub(super) fn at_least(&self, number: u64) {
        self.0.fetch_max(number, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many of something took how long, by these bounds in microseconds and one without end.
#[derive(Debug)]
pub(super) struct Times {
    bounds: &'static [u64],
    counts: Box<[Number]>,
    micros: Number,
}

impl Times {
    pub(super) fn new(bounds: &'static [u64]) -> Self {
        Self { bounds, counts: (0..=bounds.len()).map(|_| Number::default()).collect(), micros: Number::default() }
    }

    pub(super) fn took(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let bucket = self.bounds.partition_point(|bound| *bound < micros);
        if let Some(count) = self.counts.get(bucket) {
            count.add(1);
        }
        self.micros.add(micros);
    }

    /// The sum in seconds, how many there are, and each bucket's bound in seconds with how many are in it alone.
    pub(super) fn read(&self) -> (f64, u64, Vec<(f64, u64)>) {
        let bounds = self.bounds.iter().map(|bound| seconds(*bound)).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(self.counts.iter().map(Number::get)).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        (seconds(self.micros.get()), count, buckets)
    }
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_counted_in_the_first_bucket_that_holds_it() {
        let times = Times::new(&[1_000, 1_000_000]);
        for micros in [0, 1_000, 1_001, 1_000_000, 1_000_001, 5_000_000] {
            times.took(Duration::from_micros(micros));
        }
        let (sum, count, buckets) = times.read();
        assert_eq!((sum, count), (7.002002, 6));
        assert_eq!(buckets, [(0.001, 2), (1.0, 2), (f64::INFINITY, 2)]);
    }

    #[test]
    fn a_number_does_not_fall_below_nothing() {
        let number = Number::default();
        number.less();
        number.add(2);
        number.less();
        number.at_least(7);
        number.at_least(3);
        assert_eq!(number.get(), 7);
    }
}
