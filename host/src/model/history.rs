//! What a task's attempts took of its limits, and which limits would suit it better.
//!
//! The rule behind a proposal: twice the largest use there was, rounded up to a figure that a person would have written.
//! A limit below that is to be raised, because a task that needs a little more tomorrow would be stopped. A limit of time,
//! work or memory at four times that or more can be lowered, so that a mistake is noticed sooner, once enough attempts
//! have succeeded to say what the task needs. Other limits are never proposed lower: they cost nothing where they are.

use std::collections::BTreeMap;

use crate::model::limits::{Gauge, Limit, Limits, Unit, Usage};
use crate::model::outcome::{AttemptOutcome, Exceeded};
use crate::model::quantity::MAX_FIGURE;

/// What some attempts of a task used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    /// How many attempts there are.
    pub attempts: u64,
    /// How many of them succeeded.
    pub succeeded: u64,
    /// How many lost lines of their log to a limit.
    pub log_cut: u64,
    /// How many each limit ended.
    pub stopped: BTreeMap<Limit, u64>,
    /// What each attempt used, least first.
    used: BTreeMap<Gauge, Vec<u64>>,
}

/// Another figure for a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proposal {
    /// The limit.
    pub gauge: Gauge,
    /// What it allows now, in its unit.
    pub allowed: u64,
    /// The most that was used.
    pub largest: u64,
    /// What it could allow.
    pub proposed: u64,
}

/// How many attempts must have succeeded before a limit is proposed lower.
pub const ENOUGH: u64 = 20;
/// How much room above the largest use is proposed.
const ROOM: u64 = 2;
/// How many times the proposed figure a limit must allow to be worth lowering.
const WORTH: u64 = 4;

impl History {
    /// What these attempts used.
    pub fn of<'a>(attempts: impl IntoIterator<Item = (&'a AttemptOutcome, &'a Usage)>) -> Self {
        let mut history = Self::default();
        for (outcome, usage) in attempts {
            history.add(outcome, usage);
        }
        history.used.values_mut().for_each(|used| used.sort_unstable());
        history
    }

    fn add(&mut self, outcome: &AttemptOutcome, usage: &Usage) {
        self.attempts += 1;
        self.log_cut += u64::from(usage.log.dropped > 0);
        let mut beyond = None;
        match outcome {
            AttemptOutcome::Succeeded { .. } => self.succeeded += 1,
            AttemptOutcome::Exceeded(Exceeded { limit, used, .. }) => {
                *self.stopped.entry(*limit).or_default() += 1;
                beyond = Some((*limit, *used));
            }
            _ => {}
        }
        for gauge in Gauge::ALL {
            // What it asked for and was refused counts as needed.
            let asked = beyond.and_then(|(limit, asked)| (gauge.limit() == Some(limit)).then_some(asked));
            if let Some(used) = gauge.used(usage).max(asked) {
                self.used.entry(gauge).or_default().push(used);
            }
        }
    }

    /// What half of the attempts stayed at or below; none if that was never measured.
    pub fn median(&self, gauge: Gauge) -> Option<u64> {
        self.used.get(&gauge).and_then(|used| used.get((used.len() - 1) / 2)).copied()
    }

    /// The most that an attempt used or asked for; none if that was never measured.
    pub fn largest(&self, gauge: Gauge) -> Option<u64> {
        self.used.get(&gauge).and_then(|used| used.last()).copied()
    }

    /// How many attempts a limit ended; none if it is one that ends no attempt.
    pub fn stopped_by(&self, gauge: Gauge) -> Option<u64> {
        gauge.limit().map(|limit| self.stopped.get(&limit).copied().unwrap_or(0))
    }

    /// Which of the limits should be others, and what they should be.
    pub fn proposals(&self, limits: &Limits) -> Vec<Proposal> {
        Gauge::ALL.into_iter().filter_map(|gauge| self.proposal(gauge, limits)).collect()
    }

    fn proposal(&self, gauge: Gauge, limits: &Limits) -> Option<Proposal> {
        let (allowed, largest) = (gauge.allowed(limits)?, self.largest(gauge)?);
        let lowest = lowest(gauge);
        let proposed = rounded_up(largest.saturating_mul(ROOM).max(lowest.unwrap_or(0)), gauge.unit());
        // A request too many at once only waits, so reaching that limit is no sign of need.
        let raise = proposed > allowed && gauge != Gauge::HttpConcurrent;
        let lower = lowest.is_some()
            && self.succeeded >= ENOUGH
            && self.stopped_by(gauge) == Some(0)
            && proposed.saturating_mul(WORTH) <= allowed;
        (raise || lower).then_some(Proposal { gauge, allowed, largest, proposed })
    }
}

/// The least that is ever proposed for a limit; none if it is never proposed lower.
fn lowest(gauge: Gauge) -> Option<u64> {
    match gauge {
        Gauge::Timeout => Some(1_000),
        Gauge::Fuel => Some(1_000_000),
        Gauge::Memory => Some(1 << 20),
        _ => None,
    }
}

/// Durations that a person would write, in milliseconds; above them, whole hours.
const DURATIONS: [u64; 16] = [
    1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_200_000, 1_800_000,
    3_600_000, 7_200_000, 10_800_000,
];
const HOUR: u64 = 3_600_000;

/// The next figure up that a person would have written: a power of two of bytes, 1, 2 or 5 with zeros, a usual duration.
fn rounded_up(value: u64, unit: Unit) -> u64 {
    let rounded = match unit {
        Unit::Bytes => value.checked_next_power_of_two(),
        Unit::Count => std::iter::successors(Some(1_u64), |power| power.checked_mul(10))
            .flat_map(|power| [1, 2, 5].map(|digit| power.saturating_mul(digit)))
            .find(|figure| *figure >= value),
        Unit::Milliseconds => {
            let usual = DURATIONS.into_iter().find(|usual| *usual >= value);
            usual.or_else(|| value.checked_next_multiple_of(HOUR))
        }
    };
    rounded.unwrap_or(MAX_FIGURE).min(MAX_FIGURE)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::model::limits::LogUsage;

    const DONE: AttemptOutcome = AttemptOutcome::Succeeded { output: None };

    fn usage(millis: u64, fuel: u64, memory: u64) -> Usage {
        Usage {
            duration: Duration::from_millis(millis),
            fuel: Some(fuel),
            peak_memory: memory,
            log: LogUsage { bytes: 100, lines: 1, dropped: 0 },
            ..Usage::default()
        }
    }

    fn exceeded(limit: Limit, allowed: u64, used: u64) -> AttemptOutcome {
        AttemptOutcome::Exceeded(Exceeded { limit, allowed, used, backtrace: Vec::new() })
    }

    fn proposed(history: &History, limits: &Limits) -> Vec<(&'static str, u64)> {
        history.proposals(limits).into_iter().map(|proposal| (proposal.gauge.name(), proposal.proposed)).collect()
    }

    #[test]
    fn figures_round_up_to_what_a_person_would_write() {
        for (value, unit, expected) in [
            (0, Unit::Count, 1),
            (1, Unit::Count, 1),
            (3, Unit::Count, 5),
            (51, Unit::Count, 100),
            (1_000_001, Unit::Count, 2_000_000),
            (3 << 20, Unit::Bytes, 4 << 20),
            (4 << 20, Unit::Bytes, 4 << 20),
            (1, Unit::Milliseconds, 1_000),
            (6_800, Unit::Milliseconds, 10_000),
            (3 * HOUR + 1, Unit::Milliseconds, 4 * HOUR),
            (u64::MAX, Unit::Count, MAX_FIGURE),
            (u64::MAX, Unit::Bytes, MAX_FIGURE),
            (u64::MAX, Unit::Milliseconds, MAX_FIGURE),
        ] {
            assert_eq!(rounded_up(value, unit), expected, "{value} {unit:?}");
        }
    }

    #[test]
    fn limits_far_above_the_need_are_lowered_after_enough_successes() {
        let limits = Limits::default();
        let usage = usage(14, 20_000, 1_200_000);
        let history = |count| History::of(std::iter::repeat_n((&DONE, &usage), count));
        assert_eq!(proposed(&history(ENOUGH as usize - 1), &limits), []);
        let expected = [("timeout", 1_000), ("fuel", 1_000_000), ("memory", 4 << 20)];
        assert_eq!(proposed(&history(ENOUGH as usize), &limits), expected);
    }

    #[test]
    fn limits_with_little_room_are_raised() {
        let limits = Limits::default();
        let usage = usage(40_000, 20_000_000_000, 20 << 20);
        assert_eq!(proposed(&History::of([(&DONE, &usage)]), &limits), [("timeout", 120_000)]);
    }

    #[test]
    fn what_was_refused_counts_as_needed() {
        let limits = Limits::default();
        let used = usage(14, 20_000, 60 << 20);
        let outcome = exceeded(Limit::Memory, 64 << 20, 80 << 20);
        let history = History::of([(&outcome, &used), (&DONE, &usage(14, 20_000, 1 << 20))]);
        assert_eq!(history.largest(Gauge::Memory), Some(80 << 20));
        assert_eq!((history.attempts, history.succeeded, history.stopped_by(Gauge::Memory)), (2, 1, Some(1)));
        assert_eq!((history.stopped_by(Gauge::Fuel), history.stopped_by(Gauge::Log)), (Some(0), None));
        assert_eq!(proposed(&history, &limits), [("memory", 256 << 20)]);
    }

    #[test]
    fn a_limit_that_stopped_an_attempt_is_not_lowered() {
        let limits = Limits { memory: 1 << 40, ..Limits::default() };
        let outcome = exceeded(Limit::Memory, 64 << 20, 80 << 20);
        let small = usage(30_000, 20_000_000_000, 1 << 20);
        let attempts = std::iter::repeat_n((&DONE, &small), 30).chain([(&outcome, &small)]);
        assert_eq!(proposed(&History::of(attempts), &limits), []);
    }

    #[test]
    fn what_is_not_metered_has_no_figures() {
        let history = History::of([(&DONE, &Usage { fuel: None, ..usage(1, 0, 0) })]);
        assert_eq!((history.median(Gauge::Fuel), history.largest(Gauge::Fuel)), (None, None));
        assert_eq!(History::default().median(Gauge::Memory), None);
    }

    proptest! {
        #[test]
        fn taking_a_proposal_over_leaves_nothing_to_propose_and_room_for_what_was_used(
            used in proptest::collection::vec((0..10_000_000_u64, any::<u32>(), any::<u32>()), 1..40),
        ) {
            let usages: Vec<Usage> =
                used.iter().map(|(millis, fuel, memory)| usage(*millis, (*fuel).into(), (*memory).into())).collect();
            let history = History::of(usages.iter().map(|usage| (&DONE, usage)));
            let mut limits = Limits::default();
            for Proposal { gauge, proposed, largest, .. } in history.proposals(&limits) {
                prop_assert!(proposed >= largest.saturating_mul(ROOM));
                match gauge {
                    Gauge::Timeout => limits.timeout = Duration::from_millis(proposed),
                    Gauge::Fuel => limits.fuel = crate::model::limits::Fuel::Metered(proposed),
                    Gauge::Memory => limits.memory = proposed,
                    other => prop_assert!(false, "{other:?} was not used so much"),
                }
            }
            prop_assert_eq!(history.proposals(&limits), []);
        }
    }
}
