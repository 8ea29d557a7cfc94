//! How many numbers lie where.

/// As many buckets there are, about.
const BUCKETS: f64 = 8.0;

/// Buckets of one width, from the lowest number to the highest.
#[derive(Debug, PartialEq)]
pub(crate) struct Histogram {
    /// The lower end of the first bucket.
    pub(crate) start: f64,
    /// The width of each; the lower end belongs to it, the upper one to the next.
    pub(crate) width: f64,
    pub(crate) counts: Vec<usize>,
}

impl Histogram {
    /// Counts the numbers in buckets with round ends; none if there are none.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let min = values.iter().copied().min_by(f64::total_cmp)?;
        let max = values.iter().copied().max_by(f64::total_cmp)?;
        let width = round_width((max - min) / BUCKETS);
        let start = (min / width).floor() * width;
        let bucket = |value: f64| ((value - start) / width) as usize;
        // Numbers that differ by less than they can be told apart, or by more than a number can be, share a bucket.
        if !(width.is_finite() && start.is_finite() && bucket(max) as f64 <= 2.0 * BUCKETS) {
            return Some(Self { start: min, width: (max - min).max(1.0), counts: vec![values.len()] });
        }
        let mut counts = vec![0; bucket(max) + 1];
        for value in values {
            counts[bucket(*value)] += 1;
        }
        Some(Self { start, width, counts })
    }
}

/// The smallest of 1, 2 and 5 times a power of ten that is no less; 1 for nothing.
fn round_width(least: f64) -> f64 {
    if least <= 0.0 {
        return 1.0;
    }
    let power = 10f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0].map(|step| step * power).into_iter().find(|width| *width >= least).unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_have_round_ends() {
        fn check(values: &[f64], start: f64, width: f64, counts: &[usize]) {
            assert_eq!(Histogram::of(values), Some(Histogram { start, width, counts: counts.to_vec() }), "{values:?}");
        }
        check(&[3.0, 11.0, 47.0], 0.0, 10.0, &[1, 1, 0, 0, 1]);
        check(&[0.0, 8.0], 0.0, 1.0, &[1, 0, 0, 0, 0, 0, 0, 0, 1]);
        check(&[-15.0, 5.0], -15.0, 5.0, &[1, 0, 0, 0, 1]);
        check(&[7.0, 7.0], 7.0, 1.0, &[2]);
        assert_eq!(Histogram::of(&[]), None);
    }

    #[test]
    fn no_list_of_numbers_breaks_it() {
        for values in [
            [f64::MIN, f64::MAX],
            [0.0, f64::MIN_POSITIVE],
            [f64::MAX, f64::MAX],
            [1e300, 1e300 + 1e285],
            [1.0, 1.0 + f64::EPSILON],
            [0.0, 5e-324],
        ] {
            let histogram = Histogram::of(&values).unwrap();
            assert_eq!(histogram.counts.iter().sum::<usize>(), 2, "{values:?}: {histogram:?}");
            assert!(histogram.counts.len() <= 17, "{values:?}");
        }
    }
}
