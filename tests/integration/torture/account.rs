//! Whether a ledger accounts for everything that was due and everything that was done. Pure.

use std::collections::{BTreeMap, BTreeSet};

/// A task, what the ledger holds of it, and what the world outside saw of it.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub task: String,
    pub due: Due,
    pub runs: Vec<Run>,
    /// Slots that were entered as missed.
    pub ranges: Vec<Range>,
    pub effects: Effects,
    /// Whether its runs never go on side by side.
    pub is_alone: bool,
}

/// The slots that were due, in Unix milliseconds: an arithmetic progression.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    pub first: i64,
    pub last: i64,
    pub every: i64,
}

#[derive(Debug, Clone)]
pub(super) struct Run {
    pub id: String,
    pub slot: i64,
    /// The class of its outcome; none while it is not over.
    pub outcome: Option<&'static str>,
    /// Attempts begun.
    pub begun: u32,
    /// Those that are over.
    pub attempts: Vec<Attempt>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    pub number: u32,
    pub succeeded: bool,
    /// From when to when it went on, in Unix milliseconds.
    pub from: i64,
    pub to: i64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub first: i64,
    pub last: i64,
    pub count: u64,
}

/// What attempts of a task do outside.
#[derive(Debug, Clone)]
pub(super) enum Effects {
    /// Nothing that anybody sees.
    None,
    /// They make requests, of these runs and attempts; a run that was cut off is done again.
    AtLeastOnce(Vec<(String, u32)>),
    /// The same, but a run that was cut off is given up.
    AtMostOnce(Vec<(String, u32)>),
}

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Violation {
    NoEntry { slot: i64 },
    TwoEntries { slot: i64 },
    NotDue { slot: i64 },
    Miscounted { first: i64 },
    TwoSuccesses { run: String },
    AttemptsOverlap { run: String },
    AttemptsMissing { run: String },
    RunsOverlap { run: String, with: String },
    SuccessWithoutAttempt { run: String },
    SuccessWithoutRequest { run: String },
    GivenUp { run: String },
    DoneTwice { run: String },
    RequestTwice { run: String, attempt: u32 },
    RequestUnknown { run: String, attempt: u32 },
}

impl Account {
    pub(super) fn violations(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        self.slots(&mut found);
        self.runs.iter().for_each(|run| run.check(&mut found));
        if self.is_alone {
            self.side_by_side(&mut found);
        }
        match &self.effects {
            Effects::None => {}
            Effects::AtLeastOnce(requests) => {
                self.requests(requests, &mut found);
                let asked: BTreeSet<&String> = requests.iter().map(|(run, _)| run).collect();
                for run in &self.runs {
                    if run.outcome == Some("succeeded") && !asked.contains(&run.id) {
                        found.push(Violation::SuccessWithoutRequest { run: run.id.clone() });
                    }
                    if run.outcome == Some("interrupted") {
                        found.push(Violation::GivenUp { run: run.id.clone() });
                    }
                }
            }
            Effects::AtMostOnce(requests) => {
                self.requests(requests, &mut found);
                let mut asked = BTreeSet::new();
                let again = requests.iter().filter(|(run, _)| !asked.insert(run));
                found.extend(again.map(|(run, _)| Violation::DoneTwice { run: run.clone() }));
            }
        }
        found
    }

    /// Every slot that was due has exactly one entry.
    fn slots(&self, found: &mut Vec<Violation>) {
        let Due { first, last, every } = self.due;
        let single = |run: &Run| Range { first: run.slot, last: run.slot, count: 1 };
        let mut entries: Vec<Range> = self.runs.iter().map(single).chain(self.ranges.iter().copied()).collect();
        entries.sort_unstable_by_key(|entry| entry.first);
        let mut next = first;
        for entry in entries {
            if (entry.first - first).rem_euclid(every) != 0 || entry.first < first {
                found.push(Violation::NotDue { slot: entry.first });
                continue;
            }
            if entry.first > next {
                found.push(Violation::NoEntry { slot: next });
            }
            if entry.first < next {
                found.push(Violation::TwoEntries { slot: entry.first });
            }
            if (entry.last - entry.first) / every + 1 != entry.count as i64 {
                found.push(Violation::Miscounted { first: entry.first });
            }
            next = next.max(entry.last + every);
        }
        if next <= last {
            found.push(Violation::NoEntry { slot: next });
        }
    }

    fn side_by_side(&self, found: &mut Vec<Violation>) {
        let mut spans: Vec<(i64, i64, &str)> =
            self.runs.iter().flat_map(|run| run.attempts.iter().map(|a| (a.from, a.to, run.id.as_str()))).collect();
        spans.sort_unstable();
        let mut latest: Option<(i64, &str)> = None;
        for (from, to, run) in spans {
            if let Some((until, with)) = latest
                && from < until
                && run != with
            {
                found.push(Violation::RunsOverlap { run: run.to_owned(), with: with.to_owned() });
            }
            if latest.is_none_or(|(until, _)| to > until) {
                latest = Some((to, run));
            }
        }
    }

    /// Each request belongs to an attempt that the ledger knows of, and each attempt made one at the most.
    fn requests(&self, requests: &[(String, u32)], found: &mut Vec<Violation>) {
        let begun: BTreeMap<&str, u32> = self.runs.iter().map(|run| (run.id.as_str(), run.begun)).collect();
        let mut seen = BTreeSet::new();
        for (run, attempt) in requests {
            let (run, attempt) = (run.clone(), *attempt);
            if begun.get(run.as_str()).is_none_or(|begun| attempt > *begun) {
                found.push(Violation::RequestUnknown { run, attempt });
            } else if !seen.insert((run.clone(), attempt)) {
                found.push(Violation::RequestTwice { run, attempt });
            }
        }
    }
}

impl Run {
    fn check(&self, found: &mut Vec<Violation>) {
        let run = || self.id.clone();
        let successes = self.attempts.iter().filter(|attempt| attempt.succeeded).count();
        if successes > 1 {
            found.push(Violation::TwoSuccesses { run: run() });
        }
        if (successes > 0) != (self.outcome == Some("succeeded")) {
            found.push(Violation::SuccessWithoutAttempt { run: run() });
        }
        if self.attempts.windows(2).any(|pair| pair[1].from < pair[0].to) {
            found.push(Violation::AttemptsOverlap { run: run() });
        }
        // The last host ended in order: none is going on.
        let over = self.attempts.len() as u32;
        let numbered = self.attempts.iter().map(|attempt| attempt.number).eq(1..=over);
        if !numbered || over != self.begun {
            found.push(Violation::AttemptsMissing { run: run() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: &str, slot: i64) -> Run {
        let attempt = Attempt { number: 1, succeeded: true, from: slot, to: slot + 500 };
        Run { id: id.to_owned(), slot, outcome: Some("succeeded"), begun: 1, attempts: vec![attempt] }
    }

    /// Six slots: a run, one that was cut off and done again, a range of three, and a run.
    fn sound() -> Account {
        let mut again = run("b", 2000);
        again.begun = 2;
        again.attempts[0].succeeded = false;
        again.attempts.push(Attempt { number: 2, succeeded: true, from: 2500, to: 2800 });
        let requests = [("a", 1), ("b", 1), ("b", 2), ("c", 1)].map(|(run, attempt)| (run.to_owned(), attempt));
        Account {
            task: "task".to_owned(),
            due: Due { first: 1000, last: 6000, every: 1000 },
            runs: vec![run("a", 1000), again, run("c", 6000)],
            ranges: vec![Range { first: 3000, last: 5000, count: 3 }],
            effects: Effects::AtLeastOnce(requests.into()),
            is_alone: true,
        }
    }

    #[test]
    fn what_is_sound_is_left_alone() {
        assert_eq!(sound().violations(), []);
        let mut open = sound();
        open.runs[2].outcome = None;
        open.runs[2].attempts[0].succeeded = false;
        assert_eq!(open.violations(), [], "it waits for its next attempt");
    }

    fn of(run: &str) -> String {
        run.to_owned()
    }

    #[test]
    fn every_violation_is_found() {
        let check = |change: fn(&mut Account), expected: Violation| {
            let mut account = sound();
            change(&mut account);
            assert_eq!(account.violations(), [expected]);
        };
        check(|a| a.due.last = 7000, Violation::NoEntry { slot: 7000 });
        check(|a| a.due.first = 0, Violation::NoEntry { slot: 0 });
        check(|a| a.ranges[0] = Range { first: 4000, last: 5000, count: 2 }, Violation::NoEntry { slot: 3000 });
        check(|a| a.ranges.push(Range { first: 2000, last: 2000, count: 1 }), Violation::TwoEntries { slot: 2000 });
        check(|a| a.ranges[0] = Range { first: 3000, last: 6000, count: 4 }, Violation::TwoEntries { slot: 6000 });
        check(|a| a.ranges[0].count = 2, Violation::Miscounted { first: 3000 });
        check(|a| a.ranges.push(Range { first: 1500, last: 1500, count: 1 }), Violation::NotDue { slot: 1500 });
        check(|a| a.runs[1].attempts[0].succeeded = true, Violation::TwoSuccesses { run: of("b") });
        check(|a| a.runs[0].outcome = Some("trapped"), Violation::SuccessWithoutAttempt { run: of("a") });
        check(|a| a.runs[0].attempts[0].succeeded = false, Violation::SuccessWithoutAttempt { run: of("a") });
        check(|a| a.runs[1].attempts[1].from = 2400, Violation::AttemptsOverlap { run: of("b") });
        check(|a| a.runs[1].attempts[1].number = 3, Violation::AttemptsMissing { run: of("b") });
        check(|a| a.runs[1].begun = 3, Violation::AttemptsMissing { run: of("b") });
        check(
            |a| a.runs[2] = Run { outcome: None, attempts: Vec::new(), ..run("c", 6000) },
            Violation::AttemptsMissing { run: of("c") },
        );
        check(|a| a.runs[0].attempts[0].to = 2100, Violation::RunsOverlap { run: of("b"), with: of("a") });
        check(
            |a| a.effects = Effects::AtLeastOnce(vec![(of("a"), 1), (of("b"), 2)]),
            Violation::SuccessWithoutRequest { run: of("c") },
        );
        check(
            |a| a.effects = Effects::AtLeastOnce(["a", "b", "c", "c"].map(|run| (of(run), 1)).into()),
            Violation::RequestTwice { run: of("c"), attempt: 1 },
        );
        check(
            |a| a.effects = Effects::AtLeastOnce(["a", "b", "c", "d"].map(|run| (of(run), 1)).into()),
            Violation::RequestUnknown { run: of("d"), attempt: 1 },
        );
        check(
            |a| a.effects = Effects::AtMostOnce(vec![(of("b"), 3)]),
            Violation::RequestUnknown { run: of("b"), attempt: 3 },
        );
        check(
            |a| a.effects = Effects::AtMostOnce(vec![(of("b"), 1), (of("b"), 2)]),
            Violation::DoneTwice { run: of("b") },
        );
        check(
            |a| {
                a.runs[0].outcome = Some("interrupted");
                a.runs[0].attempts[0].succeeded = false;
            },
            Violation::GivenUp { run: of("a") },
        );
    }
}
