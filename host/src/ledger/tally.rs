//! How runs ended, counted by the writer in the transaction that ends them.
//!
//! A group of entries adds up here and the database hears of each figure once. The counts outlive the runs: what a day was
//! like can be told when its runs are gone.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, Result, params};

use super::stored;
use crate::model::id::RunId;
use crate::model::outcome::OutcomeClass;
use crate::model::tally::Bucket;

/// A day in milliseconds.
pub(super) const DAY: i64 = 24 * 60 * 60 * 1000;

/// `tallies.took` of a run that had no attempt.
const NOTHING: i64 = -1;

/// The end of a run.
#[derive(Debug)]
pub(super) struct End {
    pub(super) task: i64,
    pub(super) run: RunId,
    pub(super) class: OutcomeClass,
    pub(super) at: Timestamp,
    /// None if it had no attempt.
    pub(super) took: Option<Bucket>,
}

/// What the open transaction has to add to the database.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    /// By task, day, outcome and bucket.
    ends: BTreeMap<[i64; 4], u64>,
    /// By task.
    streaks: BTreeMap<i64, Streak>,
}

/// What a task's streak of failures comes to.
#[derive(Debug, Default)]
struct Streak {
    /// The last success, which ended the streak before, and when it was.
    success: Option<(i64, i64)>,
    /// The newest run that succeeded, which need not have ended last.
    newest: Option<i64>,
    /// How many failures there were since.
    failures: u64,
}

impl Tallies {
    /// Counts an end.
    pub(super) fn add(&mut self, end: &End) {
        let at = end.at.as_millisecond();
        let took = end.took.map_or(NOTHING, Bucket::code);
        *self.ends.entry([end.task, at.div_euclid(DAY), stored::class_code(end.class), took]).or_default() += 1;
        if end.class == OutcomeClass::Succeeded {
            let (run, streak) = (end.run.as_i64(), self.streaks.entry(end.task).or_default());
            *streak = Streak { success: Some((run, at)), newest: streak.newest.max(Some(run)), failures: 0 };
        } else if end.class.is_failure() {
            self.streaks.entry(end.task).or_default().failures += 1;
        }
    }

    /// Tells the database of what was counted since the last time.
    pub(super) fn write(&mut self, connection: &Connection) -> Result<()> {
        let mut count = connection.prepare_cached(
            "INSERT INTO tallies (task, day, outcome, took, runs) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT DO UPDATE SET runs = runs + excluded.runs",
        )?;
        for ([task, day, outcome, took], runs) in &self.ends {
            count.execute(params![task, day, outcome, took, runs.cast_signed()])?;
        }
        let mut streak = connection.prepare_cached(
            "INSERT INTO streaks (task, success, success_at, newest, failures) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET failures = ?5 + iif(?2 IS NULL, failures, 0), success = coalesce(?2, success),
                 success_at = coalesce(?3, success_at), newest = max(coalesce(?4, newest), coalesce(newest, ?4))",
        )?;
        for (task, Streak { success, newest, failures }) in &self.streaks {
            let (run, at) = success.unzip();
            streak.execute(params![task, run, at, newest, failures.cast_signed()])?;
        }
        self.forget();
        Ok(())
    }

    /// The transaction, or the part of it that was not written yet, is undone.
    pub(super) fn forget(&mut self) {
        self.ends.clear();
        self.streaks.clear();
    }
}

/// The bucket behind `tallies.took`; none for runs without an attempt.
pub(super) fn bucket(took: i64) -> std::result::Result<Option<Bucket>, stored::Unreadable> {
    match (took, Bucket::from_code(took)) {
        (NOTHING, _) => Ok(None),
        (_, Some(bucket)) => Ok(Some(bucket)),
        _ => Err(stored::Unreadable::new(format!("no duration has the code {took}"))),
    }
}
