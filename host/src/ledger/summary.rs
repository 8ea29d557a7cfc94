//! How a task does: its days, its last success and its streak of failures.
//!
//! Read from what the writer has counted, so that neither a long history nor one that is gone makes a difference.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use rusqlite::{params, params_from_iter};

use super::error::LedgerError;
use super::reader::Reader;
use super::record::RunRecord;
use super::rows::{self, Names, RowError};
use super::stored;
use super::stored::Unreadable;
use super::tally::{self, DAY};
use crate::model::id::{RunId, TaskName};
use crate::model::outcome::{OutcomeClass, PassedOver};
use crate::model::tally::Tally;

/// How a task's runs ended on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaySummary {
    /// The day, in UTC.
    pub day: Date,
    /// The runs that ended on it, and the slots that were skipped. A range of those counts on the day of its last one.
    pub tally: Tally,
    /// How many slots were missed. Ranges of them count likewise.
    pub missed: u64,
}

/// How a task does.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskSummary {
    /// The task.
    pub task: TaskName,
    /// Its newest run, or skipped slot or trigger.
    pub last_run: Option<RunRecord>,
    /// The success that ended last.
    pub last_success: Option<Success>,
    /// How many runs failed since, in the order in which they ended; those skipped or cancelled do not count.
    pub failures_in_a_row: u64,
    /// Its runs that ended in the days that were asked for.
    pub recent: Tally,
}

/// A run that succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Success {
    /// The run, which may be gone from the ledger by now.
    pub run: RunId,
    /// When it ended.
    pub at: Timestamp,
}

const TASKS: &str = "\
    SELECT name, (SELECT max(id) FROM runs WHERE task = tasks.id), success, success_at, coalesce(failures, 0)
    FROM tasks LEFT JOIN streaks ON streaks.task = tasks.id";
/// What follows when all are asked for, and when one is.
const ALL: &str = "ORDER BY name";
const ONE: &str = "WHERE name = ?";
const RECENT: &str = "\
    SELECT outcome, took, runs FROM tallies WHERE task = (SELECT id FROM tasks WHERE name = ?) AND day >= ?";
const DAYS: &str = "\
    SELECT day, outcome, took, runs FROM tallies WHERE task = (SELECT id FROM tasks WHERE name = ?) AND day >= ?";
const PASSED_OVER: &str = "\
    SELECT last_slot, count, why FROM missed WHERE task = (SELECT id FROM tasks WHERE name = ?) AND last_slot >= ?";

impl Reader {
    /// The tasks that the ledger knows, by name, with what they did from a day on.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn tasks(&self, since: Date) -> Result<Vec<TaskSummary>, LedgerError> {
        self.summaries(None, since)
    }

    /// The same of one task; none if the ledger does not know it.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn task(&self, task: &TaskName, since: Date) -> Result<Option<TaskSummary>, LedgerError> {
        Ok(self.summaries(Some(task), since)?.pop())
    }

    /// A task's days from this one on, oldest first. Those on which nothing ended are left out.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn days(&self, task: &TaskName, since: Date) -> Result<Vec<DaySummary>, LedgerError> {
        let since = number(since);
        let mut days: BTreeMap<i64, (Tally, u64)> = BTreeMap::new();
        rows::collect(&self.0, "the days of a task", DAYS, params![task.as_str(), since], |row| {
            let (tally, _) = days.entry(row.get(0)?).or_default();
            tally.add(stored::class(row.get(1)?)?, tally::bucket(row.get(2)?)?, rows::count(row, 3)?);
            Ok(())
        })?;
        rows::collect(&self.0, "slots passed over", PASSED_OVER, params![task.as_str(), since * DAY], |row| {
            let (tally, missed) = days.entry(row.get::<_, i64>(0)?.div_euclid(DAY)).or_default();
            let count = rows::count(row, 1)?;
            match stored::passed_over(row.get(2)?)? {
                PassedOver::Missed(_) => *missed += count,
                PassedOver::Skipped(_) => tally.add(OutcomeClass::Skipped, None, count),
            }
            Ok(())
        })?;
        let summary = |(day, (tally, missed))| Ok(DaySummary { day: date(day)?, tally, missed });
        let summaries: Result<_, Unreadable> = days.into_iter().map(summary).collect();
        summaries.map_err(LedgerError::unreadable("the days of a task"))
    }

    fn summaries(&self, task: Option<&TaskName>, since: Date) -> Result<Vec<TaskSummary>, LedgerError> {
        let what = "how a task does";
        let mut names = Names::default();
        let sql = format!("{TASKS} {}", if task.is_some() { ONE } else { ALL });
        let found = rows::collect(&self.0, what, &sql, params_from_iter(task.map(TaskName::as_str)), |row| {
            let success = row.get::<_, Option<i64>>(2)?.zip(row.get::<_, Option<i64>>(3)?);
            let success = success.map(|(run, at)| -> Result<Success, RowError> {
                Ok(Success { run: rows::run_id(run)?, at: rows::timestamp(at)? })
            });
            let last_run = row.get::<_, Option<i64>>(1)?.map(rows::run_id).transpose()?;
            Ok((names.get(row.get_ref(0)?.as_str()?)?, last_run, success.transpose()?, rows::count(row, 4)?))
        })?;
        let summary = |(task, last_run, last_success, failures_in_a_row): (TaskName, Option<RunId>, _, _)| {
            let mut recent = Tally::default();
            rows::collect(&self.0, what, RECENT, params![task.as_str(), number(since)], |row| {
                recent.add(stored::class(row.get(0)?)?, tally::bucket(row.get(1)?)?, rows::count(row, 2)?);
                Ok(())
            })?;
            let last_run = last_run.map(|id| self.run(id)).transpose()?.flatten();
            Ok(TaskSummary { task, last_run, last_success, failures_in_a_row, recent })
        };
        found.into_iter().map(summary).collect()
    }
}

const EPOCH: Date = Date::constant(1970, 1, 1);

/// The day as `tallies` has it.
fn number(day: Date) -> i64 {
    day.duration_since(EPOCH).as_hours() / 24
}

fn date(number: i64) -> Result<Date, Unreadable> {
    EPOCH.checked_add(number.days()).map_err(|error| Unreadable::new(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Durability, schema};

    #[test]
    fn what_is_told_of_a_task_is_read_from_its_own_rows() {
        let folder = tempfile::tempdir().unwrap();
        let connection = schema::open_writer(folder.path(), Durability::Normal).unwrap();
        let check = |sql: &str, expected: &[&str]| {
            let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let steps = explain.raw_query().mapped(|row| row.get("detail")).map(Result::unwrap);
            let steps = steps.filter(|step: &String| !step.contains("SUBQUERY"));
            assert_eq!(steps.collect::<Vec<String>>(), expected, "{sql}");
        };
        let all = "SCAN tasks USING COVERING INDEX sqlite_autoindex_tasks_1";
        let one = "SEARCH tasks USING COVERING INDEX sqlite_autoindex_tasks_1 (name=?)";
        let streak = "SEARCH streaks USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN";
        let newest = "SEARCH runs USING COVERING INDEX runs_task (task=?)";
        check(&format!("{TASKS} {ALL}"), &[all, streak, newest]);
        check(&format!("{TASKS} {ONE}"), &[one, streak, newest]);
        for tallies in [RECENT, DAYS] {
            check(tallies, &["SEARCH tallies USING PRIMARY KEY (task=? AND day>?)", one]);
        }
        check(PASSED_OVER, &["SEARCH missed USING INDEX missed_task (task=? AND last_slot>?)", one]);
    }

    #[test]
    fn days_are_numbered_from_the_epoch() {
        for (day, expected) in [(EPOCH, 0), (Date::constant(2026, 11, 25), 20_782), (Date::constant(1969, 12, 31), -1)]
        {
            assert_eq!((number(day), date(expected)), (expected, Ok(day)));
        }
    }
}
