//! The time in which lateness is looked at, in rounds, and what was seen in it.

use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use sandclock_host::clock::until;
use sandclock_host::model::schedule::Schedule;

use crate::rounds::{Figure, percentile};

/// Some rounds of the same length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub begin: Timestamp,
    pub round: Duration,
    pub rounds: usize,
}

/// A deadline, and when it was met.
pub(super) type Met = (Timestamp, Timestamp);

impl Span {
    /// The round that a deadline falls into.
    fn round(&self, deadline: Timestamp) -> Option<usize> {
        let since = Duration::try_from(deadline.duration_since(self.begin)).ok()?;
        let round = since.div_duration_f64(self.round) as usize;
        (round < self.rounds).then_some(round)
    }

    pub(super) fn contains(&self, deadline: Timestamp) -> bool {
        self.round(deadline).is_some()
    }

    /// How long it is until it is over.
    pub(super) fn left(&self, now: Timestamp) -> Duration {
        let length = self.round.saturating_mul(u32::try_from(self.rounds).unwrap_or(u32::MAX));
        until(self.begin.saturating_add(length).unwrap_or(Timestamp::MAX), now)
    }

    /// The first slot of each schedule that has one within it, in order.
    pub(super) fn deadlines(&self, schedules: &[Schedule]) -> Vec<Timestamp> {
        // The slot of the moment itself counts too.
        let before = self.begin - Duration::from_millis(1);
        let next = schedules.iter().filter_map(|schedule| Some(schedule.next_after(before)?.time()));
        let mut deadlines: Vec<Timestamp> = next.filter(|slot| self.contains(*slot)).collect();
        deadlines.sort_unstable();
        deadlines
    }

    /// The 99th percentile of each round's lateness, in microseconds.
    pub(super) fn p99(&self, met: &[Met]) -> anyhow::Result<Vec<Figure>> {
        let mut rounds = vec![Vec::new(); self.rounds];
        for (deadline, met) in met {
            if let Some(round) = self.round(*deadline) {
                rounds[round].push(until(*met, *deadline));
            }
        }
        let p99 = |mut round: Vec<Duration>| (!round.is_empty()).then(|| percentile(&mut round, 0.99));
        rounds.into_iter().map(|round| p99(round).context("a round in which nothing was due")).collect()
    }
}

/// How many deadlines were met before they had come.
pub(super) fn early(met: &[Met]) -> usize {
    met.iter().filter(|(deadline, met)| met < deadline).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).unwrap()
    }

    fn span(rounds: usize) -> Span {
        Span { begin: Timestamp::UNIX_EPOCH, round: Duration::from_secs(4), rounds }
    }

    #[test]
    fn deadlines_fall_into_the_rounds_of_a_span() {
        let check = |millis, expected| assert_eq!(span(2).round(at(millis)), expected, "{millis}");
        check(-1, None);
        check(0, Some(0));
        check(3_999, Some(0));
        check(4_000, Some(1));
        check(7_999, Some(1));
        check(8_000, None);
        assert_eq!(span(2).left(at(5_000)), Duration::from_secs(3));
    }

    #[test]
    fn a_span_knows_the_slots_within_it() {
        let span = span(1);
        let every = |seconds| Schedule::every(Duration::from_secs(seconds)).unwrap();
        let task = "late".parse().unwrap();
        let late = every(2).with_splay(Duration::from_secs(2), &task);
        let slot = late.next_after(span.begin).unwrap().time();
        assert_eq!(span.deadlines(&[late, every(100)]), [span.begin, slot]);
    }

    #[test]
    fn lateness_is_that_of_each_round_and_earliness_is_counted() {
        let met = [(at(0), at(1)), (at(5_000), at(5_003)), (at(4_000), at(3_999)), (at(9_000), at(9_999))];
        assert_eq!(span(2).p99(&met[..2]).unwrap(), [1_000.0, 3_000.0]);
        assert_eq!(early(&met), 1);
        assert!(span(3).p99(&met[..2]).is_err(), "nothing was due in the third round");
    }
}
