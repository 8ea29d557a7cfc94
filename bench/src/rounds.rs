//! The method: two arms in turn, A B B A, the ratio round by round.
//!
//! Absolute figures drift by half within minutes on a shared machine, and the drift hits both arms of a round alike.
//! So each round gives one ratio; quoted are the median of the ratios and the range that holds the middle 80 % of
//! them. An arm measured against itself in the same way shows how much of a difference is noise.

use std::time::Duration;

/// What an arm measured in one turn, in the arm's own unit.
pub(crate) type Figure = f64;

/// One comparison: `a` against `b`, in the same unit.
pub(crate) struct Comparison<'a> {
    pub name: &'static str,
    pub unit: &'static str,
    pub a: (&'static str, &'a mut dyn FnMut() -> anyhow::Result<Figure>),
    pub b: (&'static str, &'a mut dyn FnMut() -> anyhow::Result<Figure>),
}

/// What came of a comparison.
pub(crate) struct Row {
    pub name: &'static str,
    pub unit: &'static str,
    pub arms: [(&'static str, Figure); 2],
    pub ratio: Spread,
    /// The spread of `b` against itself, over the two turns it has in a round.
    pub noise: Spread,
}

/// The median and the range of the middle 80 %.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

impl Comparison<'_> {
    /// Runs the rounds, after one that does not count.
    pub(crate) fn run(mut self, rounds: usize) -> anyhow::Result<Row> {
        let (mut a, mut b, mut ratios, mut noises) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for round in 0..=rounds {
            let (a1, b1, b2, a2) = ((self.a.1)()?, (self.b.1)()?, (self.b.1)()?, (self.a.1)()?);
            if round > 0 {
                ratios.push((a1 + a2) / (b1 + b2));
                noises.push(b1 / b2);
                a.extend([a1, a2]);
                b.extend([b1, b2]);
            }
        }
        let arms = [(self.a.0, Spread::of(a).median), (self.b.0, Spread::of(b).median)];
        Ok(Row { name: self.name, unit: self.unit, arms, ratio: Spread::of(ratios), noise: Spread::of(noises) })
    }
}

impl Spread {
    /// The spread of some figures, of which there is at least one.
    pub(crate) fn of(mut figures: Vec<Figure>) -> Self {
        figures.sort_by(f64::total_cmp);
        let at = |share: f64| figures[((figures.len() - 1) as f64 * share).round() as usize];
        Self { low: at(0.1), median: at(0.5), high: at(0.9) }
    }
}

/// A percentile of durations, of which there is at least one, in microseconds.
pub(crate) fn percentile(mut durations: Vec<Duration>, share: f64) -> Figure {
    durations.sort_unstable();
    durations[((durations.len() - 1) as f64 * share).round() as usize].as_secs_f64() * 1e6
}

/// The rows as a table.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut table = format!(
        "{:<34} {:>26} {:>26}  {:>7} {:>17}  {:>17}\n",
        "figure", "A", "B", "A/B", "(10-90 %)", "noise: B/B"
    );
    for Row { name, unit, arms: [a, b], ratio, noise } in rows {
        let arm = |(name, figure): &(&str, Figure)| format!("{name}: {figure:.1} {unit}");
        table += &format!(
            "{name:<34} {:>26} {:>26}  {:>7.3} {:>17}  {:>17}\n",
            arm(a),
            arm(b),
            ratio.median,
            format!("({:.3} to {:.3})", ratio.low, ratio.high),
            format!("({:.3} to {:.3})", noise.low, noise.high),
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_leaves_out_the_outer_tenths() {
        let figures = (0..=10).map(f64::from).rev().collect();
        assert_eq!(Spread::of(figures), Spread { low: 1.0, median: 5.0, high: 9.0 });
    }

    #[test]
    fn drift_that_hits_both_arms_leaves_the_ratio_alone() {
        let speed = std::cell::Cell::new(1.0);
        let drift = || speed.set(speed.get() * 1.1);
        let row = Comparison {
            name: "",
            unit: "",
            a: ("a", &mut || { drift(); Ok(2.0 * speed.get()) }),
            b: ("b", &mut || { drift(); Ok(speed.get()) }),
        };
        let ratio = row.run(9).unwrap().ratio;
        assert!((ratio.median - 2.0).abs() < 0.02, "{ratio:?}");
    }
}
