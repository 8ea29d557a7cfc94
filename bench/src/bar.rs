//! What a figure is to be, and whether it is. A bar that is missed is told and fails nothing, for the machine may be
//! busy; only what must never happen fails the benchmark.

use std::fmt;

use crate::rounds::{Answer, Figure};

/// What is asked of A.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Bar {
    /// At most so many times B.
    Times(f64),
    /// At least so many times B.
    AtLeast(f64),
    /// At most so many times B, and so much more.
    TimesAnd(f64, Figure),
    /// At most so much, whatever B is.
    AtMost(Figure),
    /// Nothing: it is a fault if there is any.
    Zero,
}

/// Whether a bar is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Met,
    Missed,
    /// What must never happen has happened.
    Fault,
}

impl Answer {
    /// What its bar says of it; nothing, if it has none.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        let ratio = self.baseline.as_ref().map_or(f64::NAN, |baseline| baseline.ratio.median);
        let b = self.baseline.as_ref().map_or(f64::NAN, |baseline| baseline.figure);
        let a = self.figures.median;
        let met = match self.question.bar? {
            Bar::Times(times) => ratio <= times,
            Bar::AtLeast(times) => ratio >= times,
            Bar::TimesAnd(times, more) => a <= times * b + more,
            Bar::AtMost(most) => a <= most,
            Bar::Zero if self.figures.high > 0.0 => return Some(Verdict::Fault),
            Bar::Zero => true,
        };
        Some(if met { Verdict::Met } else { Verdict::Missed })
    }
}

/// Such as `A ≤ 1.5 B + 1`, in the unit of the figures.
impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bar::Times(times) => write!(f, "A ≤ {times} B"),
            Bar::AtLeast(times) => write!(f, "A ≥ {times} B"),
            Bar::TimesAnd(times, more) => write!(f, "A ≤ {times} B + {more}"),
            Bar::AtMost(most) => write!(f, "A ≤ {most}"),
            Bar::Zero => f.write_str("A = 0"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Met => "met",
            Verdict::Missed => "**missed**",
            Verdict::Fault => "**FAULT**",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rounds::{Question, Round};

    #[test]
    fn bars_are_met_or_missed() {
        let check = |bar, a, expected| {
            let question = Question { what: "", unit: "", a: "", bar: Some(bar) };
            let answer = Answer::of(question, "", &[Round { a, b: [10.0, 10.0] }]);
            assert_eq!(answer.verdict(), Some(expected), "{bar}, {a}");
        };
        check(Bar::Times(1.5), 15.0, Verdict::Met);
        check(Bar::Times(1.5), 15.1, Verdict::Missed);
        check(Bar::AtLeast(3.0), 30.0, Verdict::Met);
        check(Bar::AtLeast(3.0), 29.0, Verdict::Missed);
        check(Bar::TimesAnd(1.5, 2.0), 17.0, Verdict::Met);
        check(Bar::TimesAnd(1.5, 2.0), 17.1, Verdict::Missed);
        check(Bar::AtMost(5.0), 5.0, Verdict::Met);
        check(Bar::AtMost(5.0), 5.1, Verdict::Missed);
        check(Bar::Zero, 0.0, Verdict::Met);
        check(Bar::Zero, 1.0, Verdict::Fault);
    }

    #[test]
    fn once_is_enough_for_a_fault() {
        let question = Question { what: "", unit: "", a: "", bar: Some(Bar::Zero) };
        assert_eq!(Answer::alone(question, vec![0.0, 0.0, 1.0]).verdict(), Some(Verdict::Fault));
    }

    #[test]
    fn a_ratio_without_a_baseline_is_not_met() {
        let question = Question { what: "", unit: "", a: "", bar: Some(Bar::Times(1.0)) };
        assert_eq!(Answer::alone(question, vec![0.5]).verdict(), Some(Verdict::Missed));
    }
}
