//! What describes a list of numbers.

/// What describes a list of numbers, which are at least one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Statistics {
    pub(crate) count: usize,
    pub(crate) sum: f64,
    pub(crate) mean: f64,
    /// The standard deviation of a sample; zero for a single number.
    pub(crate) deviation: f64,
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) p90: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Statistics {
    /// Describes the numbers; none if there are none.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (&min, &max) = (values.first()?, values.last()?);

        // Welford's online algorithm: the squares of large numbers would swallow small differences.
        let (mut mean, mut squares) = (0.0, 0.0);
        for (before, value) in values.iter().enumerate() {
            let distance = value - mean;
            mean += distance / (before + 1) as f64;
            squares += distance * (value - mean);
        }
        let freedom = (values.len() - 1).max(1) as f64;
        Some(Self {
            count: values.len(),
            sum: values.iter().sum(),
            mean,
            deviation: (squares / freedom).sqrt(),
            min,
            median: percentile(&values, 0.5),
            p90: percentile(&values, 0.9),
            p95: percentile(&values, 0.95),
            p99: percentile(&values, 0.99),
            max,
        })
    }
}

/// The number below which that share of the sorted numbers lies, interpolated linearly between the two nearest: type 7
/// of Hyndman and Fan, which R and NumPy take when nothing else is said.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_described() {
        let found = Statistics::of(vec![9.0, 4.0, 2.0, 4.0, 5.0, 4.0, 5.0, 7.0]).unwrap();
        let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        assert_eq!((found.count, found.min, found.median, found.max), (8, 2.0, 4.5, 9.0));
        close(found.sum, 40.0);
        close(found.mean, 5.0);
        close(found.deviation, 2.138_089_935_299_395);
        close(found.p90, 7.6);
        close(found.p95, 8.3);
        close(found.p99, 8.86);
    }

    #[test]
    fn one_number_is_its_own_description() {
        let one = Statistics::of(vec![7.5]).unwrap();
        assert_eq!((one.count, one.mean, one.deviation, one.median, one.p99), (1, 7.5, 0.0, 7.5, 7.5));
        assert_eq!(Statistics::of(Vec::new()), None);
    }

    #[test]
    fn small_differences_of_large_numbers_are_not_lost() {
        let found = Statistics::of(vec![1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0]).unwrap();
        assert!((found.deviation - 30f64.sqrt()).abs() < 1e-6, "{}", found.deviation);
    }
}
