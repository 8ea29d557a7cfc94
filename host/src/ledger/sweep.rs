//! What of the ledger is to go, by what each task keeps and by how large all of it may be.
//!
//! Only reads, on a connection of its own, a task at a time; the removals it hands out are small enough to go through
//! the writer between other calls.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::error::LedgerError;
use super::keys;
use super::reader::Reader;
use super::removal::Removal;
use super::rows;
use super::stored::{self, class_code};
use super::tally::DAY;
use crate::model::id::{RunId, TaskName};
use crate::model::outcome::OutcomeClass;
use crate::model::retention::{Cut, Past, Retention};
use crate::model::taskset::TaskSet;

/// How much is kept.
#[derive(Debug, Clone, Default)]
pub struct Keep {
    /// The tasks that are configured: each says how much of its past.
    pub tasks: Arc<TaskSet>,
    /// Of all other tasks that the ledger knows.
    pub others: Retention,
    /// How many bytes the ledger's pages may take, over all tasks.
    pub size: u64,
}

/// How many rows go at once.
pub(super) const ROWS: u32 = 250;

/// For how long an idempotency key is known.
const KEYS: Duration = Duration::from_secs(48 * 60 * 60);

/// For how many days ends are counted: two years and today.
const DAYS: i64 = 731;

/// How many bytes go at once: a row that is large is spread over many pages.
const BYTES: u64 = 4 << 20;

/// A pass over all tasks.
#[derive(Debug)]
pub struct Sweep {
    reader: Reader,
    keep: Keep,
    now: Timestamp,
    tasks: Vec<(i64, TaskName)>,
    current: Vec<Stretch>,
    /// How many bytes are to go yet, for the sake of the whole ledger's size. Measured when all tasks were looked at.
    excess: Option<u64>,
}

/// Rows of one kind in the order in which they go.
#[derive(Debug)]
struct Stretch {
    kind: Kind,
    task: i64,
    after: i64,
    upto: i64,
    /// Runs of these that stay.
    stay: HashSet<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Runs,
    /// Logs of runs that ended before a time: a backfill opens a run again, whose id stays old.
    Logs {
        ended_before: i64,
    },
    /// Ranges of which neither the entry nor the last slot is younger: a pause of a year is one range that grew.
    OldRanges,
    SurplusRanges,
    /// Runs of every task.
    AnyRuns,
}

/// The tasks that have something that can go. A host may have a hundred thousand that never were due.
const TASKS: &str = "SELECT id, name FROM tasks
    WHERE EXISTS (SELECT 1 FROM runs WHERE task = tasks.id)
    OR EXISTS (SELECT 1 FROM missed WHERE task = tasks.id)
    OR EXISTS (SELECT 1 FROM tallies WHERE task = tasks.id)";

/// The bytes of a run: its row and those of its attempts with their places in the indexes, and its texts and blobs.
const SIZE: &str = "110.0 + (SELECT total(80 + coalesce(length(detail), 0)) FROM attempts WHERE run = runs.id)
    + (SELECT total(length(lines)) FROM logs WHERE run = runs.id)
    + coalesce((SELECT length(bytes) FROM payloads WHERE run = runs.id), 0)
    + coalesce((SELECT length(bytes) FROM outputs WHERE run = runs.id), 0)";

impl Sweep {
    /// Begins a pass.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn begin(reader: Reader, keep: Keep, now: Timestamp) -> Result<Self, LedgerError> {
        let tasks = rows::collect(reader.connection(), "the tasks", TASKS, [], |row| {
            Ok((row.get(0)?, stored::task_name(row.get_ref(1)?.as_str()?)?))
        })?;
        Ok(Self { reader, keep, now, tasks, current: Vec::new(), excess: None })
    }

    /// What goes next; none when all is as it should be. An empty removal only says that there is more to look at.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn advance(&mut self) -> Result<Option<Removal>, LedgerError> {
        if let Some(stretch) = self.current.last_mut() {
            let removal = stretch.take(&self.reader, &mut self.excess)?;
            if removal.is_empty() {
                self.current.pop();
                // What runs take was estimated; whether enough of them are gone shows only now.
                self.excess = self.excess.filter(|excess| *excess > 0);
            }
            return Ok(Some(removal));
        }
        if let Some((task, name)) = self.tasks.pop() {
            let retention = self.keep.tasks.get(&name).map_or(self.keep.others, |task| *task.retention);
            self.current = self.of_task(task, &retention)?;
            return Ok(Some(Removal { days: self.old_days(task)?, ..Removal::default() }));
        }
        let old = self.now.saturating_sub(KEYS).unwrap_or(Timestamp::UNIX_EPOCH).as_millisecond();
        if keys::any_before(self.reader.connection(), old)? {
            return Ok(Some(Removal { keys_before: Some(old), ..Removal::default() }));
        }
        if self.excess.is_none() {
            let excess = self.reader.used()?.saturating_sub(self.keep.size);
            self.excess = Some(excess);
            if excess > 0 {
                let stay = self.all_that_stay()?;
                self.current.push(Stretch { kind: Kind::AnyRuns, task: 0, after: -1, upto: i64::MAX, stay });
                return Ok(Some(Removal::default()));
            }
        }
        Ok(None)
    }

    /// What a task has too much of.
    fn of_task(&self, task: i64, retention: &Retention) -> Result<Vec<Stretch>, LedgerError> {
        let cut = self.cut(task, retention)?;
        let mut stretches = Vec::new();
        let mut add = |kind, upto: Option<RunId>, stay| {
            stretches.extend(upto.map(|upto| Stretch { kind, task, after: -1, upto: upto.as_i64(), stay }));
        };
        let oldest = self.now.saturating_sub(retention.logs).unwrap_or(Timestamp::UNIX_EPOCH);
        add(Kind::Logs { ended_before: oldest.as_millisecond() }, cut.logs, HashSet::new());
        if let Some(upto) = cut.runs {
            add(Kind::Runs, cut.runs, self.stay(task, upto.as_i64())?);
        }
        stretches.extend(self.ranges(task, retention)?);
        Ok(stretches)
    }

    /// The days of a task that are counted no more, if any were.
    fn old_days(&self, task: i64) -> Result<Vec<(i64, i64)>, LedgerError> {
        let oldest = self.now.as_millisecond().div_euclid(DAY) - DAYS;
        let sql = "SELECT task, ?2 FROM tallies WHERE task = ?1 AND day < ?2 LIMIT 1";
        rows::collect(self.reader.connection(), "days", sql, [task, oldest], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// The ranges that are too old, and those beyond as many as the task may have runs.
    fn ranges(&self, task: i64, retention: &Retention) -> Result<Vec<Stretch>, LedgerError> {
        let stretch = |kind, upto| Stretch { kind, task, after: i64::MIN, upto, stay: HashSet::new() };
        let oldest = self.now.saturating_sub(retention.age).unwrap_or(Timestamp::UNIX_EPOCH);
        let sql = "SELECT last_slot FROM missed WHERE task = ? ORDER BY last_slot DESC LIMIT 1 OFFSET ?";
        let most = retention.runs.try_into().unwrap_or(i64::MAX);
        let surplus = rows::collect(self.reader.connection(), "ranges of slots", sql, [task, most], |row| {
            Ok(stretch(Kind::SurplusRanges, row.get(0)?))
        })?;
        Ok(surplus.into_iter().chain([stretch(Kind::OldRanges, oldest.as_millisecond() - 1)]).collect())
    }

    fn cut(&self, task: i64, retention: &Retention) -> Result<Cut, LedgerError> {
        // Where the whole ledger is smaller than the task may be, its runs need not be measured.
        let size = if self.reader.used()? > retention.bytes { SIZE } else { "0.0" };
        let sql = format!("SELECT id, {size} FROM runs WHERE task = ? ORDER BY id DESC");
        let failed = LedgerError::database("look for old entries of the ledger");
        let mut query = self.reader.connection().prepare_cached(&sql).map_err(failed)?;
        let pasts =
            query.query_map([task], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, f64>(1)?))).map_err(failed)?;
        let mut error = None;
        let pasts = pasts.map_while(|past| past.map_err(|failure| error = Some(failure)).ok());
        let pasts = pasts.filter_map(|(id, bytes)| Some(Past { run: RunId::from_i64(id)?, bytes: bytes as u64 }));
        let cut = retention.cut(self.now, pasts);
        error.map_or(Ok(cut), |error| Err(failed(error)))
    }

    /// The runs up to this one that a person may still ask for: a task's last success and its last failure.
    fn stay(&self, task: i64, upto: i64) -> Result<HashSet<i64>, LedgerError> {
        let last = |sql: &str, class| -> Result<Option<i64>, LedgerError> {
            self.reader
                .connection()
                .prepare_cached(sql)
                .and_then(|mut query| query.query_row([task, class_code(class)], |row| row.get(0)))
                .map_err(LedgerError::database("look for the last success and failure"))
        };
        let success = last("SELECT max(id) FROM runs WHERE task = ? AND outcome = ?", OutcomeClass::Succeeded)?;
        // Says in constants what lets the index of all other outcomes be used.
        let of_class = "SELECT max(id) FROM runs INDEXED BY runs_task_not_succeeded
             WHERE task = ? AND outcome = ? AND outcome > 0";
        let mut failure = None;
        for class in OutcomeClass::ALL.into_iter().filter(|class| class.is_failure()) {
            failure = failure.max(last(of_class, class)?);
        }
        Ok([success, failure].into_iter().flatten().filter(|last| *last <= upto).collect())
    }

    fn all_that_stay(&self) -> Result<HashSet<i64>, LedgerError> {
        let tasks =
            rows::collect(self.reader.connection(), "the tasks", "SELECT id FROM tasks", [], |row| Ok(row.get(0)?))?;
        let mut all = HashSet::new();
        for task in tasks {
            all.extend(self.stay(task, i64::MAX)?);
        }
        Ok(all)
    }
}

impl Stretch {
    /// The next rows that go: few, so that the writer is soon free again.
    fn take(&mut self, reader: &Reader, excess: &mut Option<u64>) -> Result<Removal, LedgerError> {
        let sql = self.kind.query();
        let mut removal = Removal::default();
        let mut bytes = 0;
        while removal.is_empty() {
            let found =
                rows::collect(reader.connection(), "old entries", &sql, [self.task, self.after, self.upto], |row| {
                    Ok((row.get::<_, i64>(0)?, row.get::<_, f64>(1)? as u64, row.get::<_, i64>(2)?))
                })?;
            if found.is_empty() {
                break;
            }
            for (id, size, place) in found {
                let enough = matches!((self.kind, *excess), (Kind::AnyRuns, Some(0)));
                if bytes >= BYTES || enough {
                    break;
                }
                self.after = place;
                if self.stay.contains(&id) {
                    continue;
                }
                bytes += size;
                if self.kind == Kind::AnyRuns {
                    *excess = excess.map(|excess| excess.saturating_sub(size));
                }
                self.kind.list(&mut removal).push(rows::run_id(id).map_err(LedgerError::unreadable("an old entry"))?);
            }
            if *excess == Some(0) {
                break;
            }
        }
        Ok(removal)
    }
}

impl Kind {
    /// Ids, bytes and places of the rows of a task (?1) after a place (?2) and up to another (?3), in order. The place of
    /// a range is its last slot, that of all others the id.
    fn query(self) -> String {
        match self {
            Kind::Runs => format!(
                "SELECT id, {SIZE}, id FROM runs WHERE task = ?1 AND id > ?2 AND id <= ?3 AND outcome IS NOT NULL
                 ORDER BY id LIMIT {ROWS}"
            ),
            Kind::AnyRuns => format!(
                "SELECT id, {SIZE}, id FROM runs WHERE +task >= ?1 AND id > ?2 AND id <= ?3 AND outcome IS NOT NULL
                 ORDER BY id LIMIT {ROWS}"
            ),
            Kind::Logs { ended_before } => format!(
                "SELECT run, total(length(lines)), run FROM runs CROSS JOIN logs ON run = id
                 WHERE task = ?1 AND id > ?2 AND id <= ?3 AND outcome IS NOT NULL AND since < {ended_before}
                 GROUP BY run ORDER BY run LIMIT {ROWS}"
            ),
            Kind::OldRanges => format!(
                "SELECT id, 100.0, last_slot FROM missed
                 WHERE task = ?1 AND last_slot > ?2 AND last_slot <= ?3 AND entered_at <= ?3
                 ORDER BY last_slot LIMIT {ROWS}"
            ),
            Kind::SurplusRanges => format!(
                "SELECT id, 100.0, last_slot FROM missed WHERE task = ?1 AND last_slot > ?2 AND last_slot <= ?3
                 ORDER BY last_slot LIMIT {ROWS}"
            ),
        }
    }

    fn list(self, removal: &mut Removal) -> &mut Vec<RunId> {
        match self {
            Kind::Runs | Kind::AnyRuns => &mut removal.runs,
            Kind::Logs { .. } => &mut removal.logs,
            Kind::OldRanges | Kind::SurplusRanges => &mut removal.ranges,
        }
    }
}

#[cfg(test)]
mod tests;
