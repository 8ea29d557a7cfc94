//! The rules of one channel: whether a thing that happened is told.
//!
//! The first time is told, then every other error, then a reminder at most once in so long; the end is told if the
//! beginning was. What comes back soon is told once more, and from then on its end only when it lasts: so whoever reads
//! the messages never takes a thing that goes wrong for one that goes well, and one that flaps costs a reminder in so long.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;

use jiff::Timestamp;

use super::{Happening, Kind, Lasting, News, Notice, Problem, Stage, Subject, Turn};
use crate::model::id::RunId;

/// What one channel is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The kinds that it is told of.
    pub on: BTreeSet<Kind>,
    /// Whether it is told that something is over.
    pub recoveries: Recoveries,
    /// How many runs of a task have to fail in a row.
    pub after_failures: NonZeroU32,
    /// How long it hears nothing more of what goes on, and how long a thing has to go well before it is forgotten.
    pub reminder: Duration,
}

/// Whether a channel is told that something is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recoveries {
    /// It is.
    Told,
    /// It is not.
    Untold,
}

/// What becomes of a trouble, and what is told of it.
pub type Verdict = (Option<Problem>, Option<Notice>);

impl Rules {
    /// Judges what happened. `problem` is what is remembered of its kind and subject, and comes back as it is to be
    /// remembered.
    pub fn judge(&self, problem: Option<Problem>, happening: &Happening, now: Timestamp) -> Verdict {
        if !self.on.contains(&happening.kind) {
            return (None, None);
        }
        match happening.turn {
            Turn::Bad => self.bad(problem, happening, now),
            Turn::Good => match problem {
                Some(problem) => self.good(problem, happening, now),
                None => (None, None),
            },
        }
    }

    fn bad(&self, problem: Option<Problem>, happening: &Happening, now: Timestamp) -> Verdict {
        let (mut problem, before) = match problem {
            Some(mut problem) => {
                problem.happen(happening);
                let before = std::mem::replace(&mut problem.stage, Stage::Open);
                (problem, before)
            }
            None => (Problem::new(happening), Stage::Open),
        };
        if happening.kind == Kind::Failed && problem.streak < self.after_failures.get() {
            // It stays over for whoever was told so.
            if problem.told.is_some() {
                problem.stage = before;
            }
            return (Some(problem), None);
        }
        // Of what is over at once nobody was told that it is.
        let said_over =
            matches!(before, Stage::Over { .. }) && self.recoveries == Recoveries::Told && ends(happening.kind);
        let news = match problem.told {
            None => Some(News::First),
            Some(_) if said_over => {
                problem.relapses = problem.relapses.saturating_add(1);
                Some(News::Relapse)
            }
            Some(_) if problem.is_another() => Some(News::Changed),
            Some(told) if is_past(told, self.reminder, now) => Some(News::Reminder),
            Some(_) => None,
        };
        match news {
            Some(news) => {
                let notice = problem.tell(happening.kind, &happening.subject, news, now);
                (Some(problem), Some(notice))
            }
            None => {
                problem.unsaid += 1;
                (Some(problem), None)
            }
        }
    }

    fn good(&self, mut problem: Problem, happening: &Happening, now: Timestamp) -> Verdict {
        let failed_before = std::mem::take(&mut problem.streak) > 0;
        match (problem.stage, problem.told) {
            (Stage::Open, None) => (None, None),
            (Stage::Open, Some(_)) if self.recoveries == Recoveries::Untold || problem.relapses > 0 => {
                problem.stage = Stage::Settling { since: now };
                (Some(problem), None)
            }
            (Stage::Open, Some(_)) => {
                let notice = over(&problem, happening.kind, &happening.subject, happening.at, happening.run);
                problem.stage = Stage::Over { since: now };
                (Some(problem), Some(notice))
            }
            // It failed, though not often enough to be told, and begins to go well anew.
            (Stage::Settling { .. }, _) if failed_before => {
                problem.stage = Stage::Settling { since: now };
                (Some(problem), None)
            }
            _ => (Some(problem), None),
        }
    }

    /// What becomes of a trouble as time goes by.
    pub fn tick(&self, mut problem: Problem, kind: Kind, subject: &Subject, now: Timestamp) -> Verdict {
        if !self.on.contains(&kind) {
            return (None, None);
        }
        if self.due(&problem, kind).is_none_or(|due| due > now) {
            return (Some(problem), None);
        }
        match (problem.stage, kind.lasting()) {
            // It may have happened again, and not often enough to be told.
            (Stage::Over { .. }, _) if problem.streak > 0 => (Some(problem.afresh()), None),
            (Stage::Over { .. }, _) => (None, None),
            (Stage::Settling { since }, _) if self.recoveries == Recoveries::Told => {
                (None, Some(over(&problem, kind, subject, since, None)))
            }
            (Stage::Settling { .. }, _) => (None, None),
            (Stage::Open, Lasting::Moment) if problem.unsaid == 0 => (None, None),
            (Stage::Open, _) => {
                let notice = problem.tell(kind, subject, News::Reminder, now);
                (Some(problem), Some(notice))
            }
        }
    }

    /// When time alone changes something about a trouble.
    pub fn due(&self, problem: &Problem, kind: Kind) -> Option<Timestamp> {
        let from = match (problem.stage, kind.lasting()) {
            // It does not go well at the moment.
            (Stage::Settling { .. }, _) if problem.streak > 0 => None,
            (Stage::Over { since } | Stage::Settling { since }, _) => Some(since),
            // A task that fails is told of again when it fails again.
            (Stage::Open, Lasting::Streak) => None,
            (Stage::Open, Lasting::State | Lasting::Moment) => problem.told,
        };
        from.map(|from| later(from, self.reminder))
    }
}

/// Whether a trouble of this kind has an end that can be told.
fn ends(kind: Kind) -> bool {
    kind.lasting() != Lasting::Moment
}

fn over(problem: &Problem, kind: Kind, subject: &Subject, at: Timestamp, run: Option<RunId>) -> Notice {
    Notice {
        kind,
        subject: subject.clone(),
        news: News::Recovered,
        at,
        run,
        what: problem.what.clone(),
        since: problem.since,
        count: problem.count,
    }
}

/// Whether so much time has gone by. A clock that was set back does not make anybody wait for longer.
fn is_past(since: Timestamp, wait: Duration, now: Timestamp) -> bool {
    now < since || later(since, wait) <= now
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.saturating_add(by).unwrap_or(Timestamp::MAX)
}
