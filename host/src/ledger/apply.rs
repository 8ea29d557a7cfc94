//! One entry, applied to the database inside the writer's transaction.
//!
//! Each change of a run's state names the state it starts from, as `model/transition.rs` has it, and is refused if no
//! row is there, so that an illegal step cannot be written even by a host that is wrong about where a run stands.

use jiff::Timestamp;
use rusqlite::{Connection, Params, params};

use super::alerts::Causes;
use super::entry::{Admission, Entry};
use super::error::LedgerError;
use super::often::{Held, Often};
use super::plugins::Plugins;
use super::ranges::Range;
use super::rows::{FINAL, QUEUED, RUNNING};
use super::stored;
use super::tally::{End, Tallies};
use super::tasks::{Known, Tasks};
use crate::clock;
use crate::model::cause::Cause;
use crate::model::id::{RunId, TaskName};
use crate::model::outcome::{AttemptOutcome, Outcome};
use crate::model::payload::Blob;
use crate::model::run::Run;
use crate::model::slot::Slot;
use crate::model::tally::Bucket;

/// The writer's side of a transaction: the database, and what is remembered between entries.
#[derive(Debug)]
pub(super) struct Book<'c> {
    pub(super) connection: &'c Connection,
    held: Held<'c>,
    pub(super) tasks: Tasks,
    pub(super) tallies: Tallies,
    /// What alerts have to judge.
    pub(super) causes: Causes,
    pub(super) plugins: Plugins,
    /// The last id given to a range of missed slots.
    pub(super) last_range: Option<RunId>,
    /// The ranges that the call has cut so far, each with its task, its first and its last slot.
    pub(super) taken_out: Vec<(i64, Slot, Slot)>,
}

impl<'c> Book<'c> {
    /// A book that knows of ranges of missed slots up to this one.
    pub(super) fn new(connection: &'c Connection, causes: Causes, last_range: Option<RunId>) -> Self {
        Self {
            connection,
            held: Held::default(),
            tasks: Tasks::default(),
            tallies: Tallies::default(),
            causes,
            plugins: Plugins::default(),
            last_range,
            taken_out: Vec::new(),
        }
    }

    /// Applies an entry. When it fails, the caller undoes what came before it in the same call.
    pub(super) fn apply(&mut self, entry: &Entry) -> Result<(), LedgerError> {
        match entry {
            Entry::Admitted { run, admission } => self.admitted(run, *admission),
            Entry::Skipped { id, task, slot, cause, why, at } => self.insert_run(&NewRun {
                id: *id,
                task,
                slot: *slot,
                cause,
                at: *at,
                state: FINAL,
                started_at: None,
                outcome: Some(&Outcome::Skipped(*why)),
            }),
            Entry::Missed { task, first, last, count, why, at } => {
                self.insert_missed(task, Range { first: *first, last: *last, count: *count }, *why, *at)
            }
            Entry::RangeCut { task, range, rest, at } => self.cut_range(task, *range, rest, *at),
            Entry::TaskSet { task, schedule, enabled } => self.set_task(task, schedule, *enabled),
            Entry::PauseSet { task, pause } => self.set_pause(task, pause.as_ref()),
            Entry::Reopened { run, attempts, at } => self.reopen(run, *attempts, *at),
            Entry::CursorSet { task, slot } => {
                self.known(task)?;
                self.tasks.advance(task, *slot);
                Ok(())
            }
            Entry::Keyed { task, keyed, run, at } => self.enter_key(task, keyed, *run, at.as_millisecond()),
            Entry::Access(access) => self.access(access),
            Entry::Removed(removal) => self.remove(removal),
            Entry::Alerted(step) => self.alerted(step),
            Entry::Started { run, attempt, at } => {
                let started = self.often(Often::Start, params![run.as_i64(), attempt, at.as_millisecond()])?;
                in_order(started, "start", *run)
            }
            Entry::Stored(stored) => {
                stored.settle(self.store(&stored.store, stored.quota, &stored.write)?);
                Ok(())
            }
            Entry::AttemptEnded {
                run,
                task,
                attempt,
                outcome,
                usage,
                plugin,
                log,
                writes,
                started_at,
                ended_at,
                next,
            } => {
                self.store_all(*run, writes)?;
                let times = (*started_at, *ended_at);
                let measured = plugin.is_some().then_some(usage.duration);
                self.leave_attempt((*run, task), *attempt, outcome.class(), times, measured, *next)?;
                self.insert_attempt(*run, *attempt, outcome, usage, *plugin, times)?;
                self.insert_log(*run, *attempt, log)?;
                match &**outcome {
                    AttemptOutcome::Succeeded { output: Some(output) } => self.insert_blob("outputs", *run, output),
                    _ => Ok(()),
                }
            }
            Entry::Ended { run, outcome, at } => {
                let (class, detail) = (stored::class_code(outcome.class()), stored::outcome_detail(outcome));
                let ended = self.execute(
                    "UPDATE OR FAIL runs SET state = 3, since = ?2, retry_at = NULL, outcome = ?3, detail = ?4
                     WHERE id = ?1 AND state IN (0, 2)",
                    params![run.as_i64(), at.as_millisecond(), class, detail],
                )?;
                in_order(ended, "end", *run)?;
                let (task, began) = self.beginning(*run)?;
                let took = began.map(|began| Bucket::of(clock::until(*at, began)));
                self.ended(&End { task, run: *run, class: outcome.class(), at: *at, took })
            }
        }
    }

    /// Writes something small and of no meaning, to find out whether the database can be written.
    pub(super) fn probe(&self, now: Timestamp) -> Result<(), LedgerError> {
        self.execute(
            "INSERT INTO probe (id, probed_at) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET probed_at = ?1",
            [now.as_millisecond()],
        )?;
        Ok(())
    }

    fn admitted(&mut self, run: &Run, admission: Admission) -> Result<(), LedgerError> {
        let (state, started_at) = match admission {
            Admission::Queued => (QUEUED, None),
            Admission::Running => (RUNNING, Some(run.admitted_at)),
        };
        self.insert_run(&NewRun {
            id: run.id,
            task: &run.task.name,
            slot: run.slot,
            cause: &run.cause,
            at: run.admitted_at,
            state,
            started_at,
            outcome: None,
        })?;
        self.insert_payload(run)
    }

    /// Queues a run again that is over, and was after so many attempts when somebody asked for that.
    fn reopen(&mut self, run: &Run, attempts: u32, at: Timestamp) -> Result<(), LedgerError> {
        let reopened = self.execute(
            "UPDATE OR FAIL runs SET state = 0, since = ?2, attempts_before = attempts, outcome = NULL, detail = NULL,
                 cause = ?3, cause_detail = ?4
             WHERE id = ?1 AND state = 3 AND outcome > 0 AND attempts = ?5",
            params![
                run.id.as_i64(),
                at.as_millisecond(),
                stored::cause_code(run.cause.kind()),
                stored::cause_detail(&run.cause),
                attempts
            ],
        )?;
        in_order(reopened, "reopening", run.id)?;
        self.execute("DELETE FROM payloads WHERE run = ?", [run.id.as_i64()])?;
        self.insert_payload(run)
    }

    fn insert_payload(&self, run: &Run) -> Result<(), LedgerError> {
        match &run.payload {
            Some(payload) => self.insert_blob("payloads", run.id, payload),
            None => Ok(()),
        }
    }

    fn insert_run(&mut self, run: &NewRun<'_>) -> Result<(), LedgerError> {
        let Known { key, cursor } = self.known(run.task)?;
        let taken = |slot| Err(LedgerError::SlotTaken { task: run.task.clone(), slot });
        // Whatever was decided lies at the cursor or before it, so a slot beyond needs no look at the ranges.
        if let Some(slot) = run.slot
            && cursor >= Some(slot)
            && self.is_passed_over(key, slot)?
        {
            return taken(slot);
        }
        let inserted = self.often(
            Often::Enter,
            params![
                run.id.as_i64(),
                key,
                run.slot.map(Slot::as_millis),
                stored::cause_code(run.cause.kind()),
                stored::cause_detail(run.cause),
                run.state,
                run.at.as_millisecond(),
                u32::from(run.started_at.is_some()),
                run.started_at.map(Timestamp::as_millisecond),
                run.outcome.map(|outcome| stored::class_code(outcome.class())),
                run.outcome.and_then(stored::outcome_detail)
            ],
        )?;
        if let Some(slot) = run.slot {
            if inserted == 0 {
                return taken(slot);
            }
            self.tasks.advance(run.task, slot);
        }
        if let Some(outcome) = run.outcome {
            self.ended(&End { task: key, run: run.id, class: outcome.class(), at: run.at, took: None })?;
        }
        Ok(())
    }

    fn insert_blob(&self, table: &'static str, run: RunId, blob: &Blob) -> Result<(), LedgerError> {
        let sql = format!("INSERT INTO {table} (run, content_type, bytes) VALUES (?, ?, ?)");
        self.execute(&sql, params![run.as_i64(), blob.content_type, blob.bytes])?;
        Ok(())
    }

    pub(super) fn known(&mut self, task: &TaskName) -> Result<Known, LedgerError> {
        self.tasks.known(self.connection, task).map_err(LedgerError::database("enter a task"))
    }

    /// How many rows one of the statements changed that every run needs.
    pub(super) fn often(&mut self, which: Often, values: impl Params) -> Result<usize, LedgerError> {
        self.held
            .execute(self.connection, which, values)
            .map_err(LedgerError::database("write an entry into the ledger"))
    }

    /// How many rows the statement changed.
    pub(super) fn execute(&self, sql: &str, values: impl Params) -> Result<usize, LedgerError> {
        let run = || self.connection.prepare_cached(sql)?.execute(values);
        run().map_err(LedgerError::database("write an entry into the ledger"))
    }
}

/// What is entered when a run comes to exist.
struct NewRun<'a> {
    id: RunId,
    task: &'a TaskName,
    slot: Option<Slot>,
    cause: &'a Cause,
    at: Timestamp,
    state: i64,
    started_at: Option<Timestamp>,
    outcome: Option<&'a Outcome>,
}

pub(super) fn in_order(changed: usize, entry: &'static str, run: RunId) -> Result<(), LedgerError> {
    if changed == 1 { Ok(()) } else { Err(LedgerError::OutOfOrder { entry, run }) }
}

/// A count as SQLite holds it; one beyond 2^63 is as good as infinite.
pub(super) fn integer(count: u64) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}
