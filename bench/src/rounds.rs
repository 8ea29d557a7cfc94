//! The method: two arms in turn, A B B A, and one ratio a round.
//!
//! Absolute figures drift by half within minutes on a shared machine, and the drift hits both arms of a round alike. So
//! the ratios are what counts: their median, and the range that holds the middle 80 % of them. The two turns that B has
//! in a round, compared with each other in the same way, show how much of a difference is noise.
//!
//! What is a promise by itself, such as bytes a task, has no baseline: then its own figures are what is spread.

use std::time::Duration;

use crate::bar::Bar;

/// What an arm measured in one turn, in the unit of its question.
pub(crate) type Figure = f64;

/// One measurement of both arms under the same conditions.
pub(crate) struct Round {
    /// The arm in question.
    pub a: Figure,
    /// The baseline, twice.
    pub b: [Figure; 2],
}

/// What is asked.
#[derive(Clone, Copy)]
pub(crate) struct Question {
    pub what: &'static str,
    pub unit: &'static str,
    /// What the figures of A are of.
    pub a: &'static str,
    pub bar: Option<Bar>,
}

/// What came of it.
pub(crate) struct Answer {
    pub question: Question,
    /// The figures of A.
    pub figures: Spread,
    pub baseline: Option<Baseline>,
}

/// What A was compared with, and how.
pub(crate) struct Baseline {
    pub name: &'static str,
    /// The median of its figures.
    pub figure: Figure,
    /// A / B, over the rounds.
    pub ratio: Spread,
    /// B / B, over the rounds.
    pub noise: Spread,
}

/// The median and the range of the middle 80 %.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

/// Runs both arms in turn, A B B A in each round, after a round that does not count.
///
/// # Errors
/// If an arm fails.
pub(crate) fn abba(
    rounds: usize,
    mut a: impl FnMut() -> anyhow::Result<Figure>,
    mut b: impl FnMut() -> anyhow::Result<Figure>,
) -> anyhow::Result<Vec<Round>> {
    let mut round = || {
        let (a1, b1, b2, a2) = (a()?, b()?, b()?, a()?);
        Ok(Round { a: (a1 + a2) / 2.0, b: [b1, b2] })
    };
    round()?;
    (0..rounds).map(|_| round()).collect()
}

/// Runs A between two turns of B in each round: for turns that take long.
///
/// # Errors
/// If an arm fails.
pub(crate) fn bab(
    rounds: usize,
    mut a: impl FnMut() -> anyhow::Result<Figure>,
    mut b: impl FnMut() -> anyhow::Result<Figure>,
) -> anyhow::Result<Vec<Round>> {
    let mut round = || {
        let (b1, a, b2) = (b()?, a()?, b()?);
        Ok(Round { a, b: [b1, b2] })
    };
    (0..rounds).map(|_| round()).collect()
}

impl Answer {
    /// What the rounds say, of which there is at least one, against a baseline of this name.
    pub(crate) fn of(question: Question, baseline: &'static str, rounds: &[Round]) -> Self {
        let spread = |figure: fn(&Round) -> Figure| Spread::of(rounds.iter().map(figure).collect());
        let baseline = Baseline {
            name: baseline,
            figure: spread(Round::baseline).median,
            ratio: spread(|round| round.a / round.baseline()),
            noise: spread(|round| round.b[0] / round.b[1]),
        };
        Self { question, figures: spread(|round| round.a), baseline: Some(baseline) }
    }

    /// What figures say by themselves, of which there is at least one.
    pub(crate) fn alone(question: Question, figures: Vec<Figure>) -> Self {
        Self { question, figures: Spread::of(figures), baseline: None }
    }
}

impl Round {
    fn baseline(&self) -> Figure {
        (self.b[0] + self.b[1]) / 2.0
    }
}

impl Spread {
    fn of(mut figures: Vec<Figure>) -> Self {
        figures.sort_by(f64::total_cmp);
        let at = |share| figures[rank(figures.len(), share)];
        Self { low: at(0.1), median: at(0.5), high: at(0.9) }
    }
}

/// The percentile of some durations, of which there is at least one, in microseconds.
pub(crate) fn percentile(durations: &mut [Duration], share: f64) -> Figure {
    let rank = rank(durations.len(), share);
    durations.select_nth_unstable(rank).1.as_secs_f64() * 1e6
}

/// Where in a sorted list of this length the value stands that has a share of the others below it.
fn rank(length: usize, share: f64) -> usize {
    ((length - 1) as f64 * share).round() as usize
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const QUESTION: Question = Question { what: "", unit: "", a: "", bar: None };

    #[test]
    fn the_spread_leaves_out_the_outer_tenths() {
        let figures = (0..=10).map(f64::from).rev().collect();
        assert_eq!(Spread::of(figures), Spread { low: 1.0, median: 5.0, high: 9.0 });
    }

    #[test]
    fn drift_that_hits_both_arms_leaves_the_ratio_alone() {
        let speed = Cell::new(1.0);
        let drift = |figure: f64| {
            speed.set(speed.get() * 1.1);
            Ok(figure * speed.get())
        };
        let rounds = abba(9, || drift(2.0), || drift(1.0)).unwrap();
        let Baseline { ratio, figure, .. } = Answer::of(QUESTION, "", &rounds).baseline.unwrap();
        assert!((ratio.median - 2.0).abs() < 0.02, "{ratio:?}");
        assert!(figure > 4.0, "the absolute figures drift: {figure:?}");
    }

    #[test]
    fn the_first_round_does_not_count() {
        let turns = Cell::new(0.0);
        let turn = || {
            turns.set(turns.get() + 1.0);
            Ok(turns.get())
        };
        let rounds = abba(1, turn, turn).unwrap();
        assert_eq!((rounds.len(), rounds[0].a, rounds[0].b), (1, 6.5, [6.0, 7.0]));
    }

    #[test]
    fn a_percentile_is_a_duration_that_was_measured() {
        let mut durations: Vec<Duration> = (0..=100).rev().map(Duration::from_micros).collect();
        assert_eq!(percentile(&mut durations, 0.99), 99.0);
        assert_eq!(percentile(&mut durations[..1], 0.99).fract(), 0.0);
    }
}
