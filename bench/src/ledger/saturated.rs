//! What a run costs the ledger when more wait for it than it can take: what our entries add to the rows that they become.
//!
//! The figures are the time for which the thread that writes has a processor: it is what bounds the throughput then, and
//! what else the machine does hardly changes it.
//!
//! The baseline is a loop over prepared statements, on one thread and in a database with the ledger's own tables and
//! indexes. Each run is the same rows, so many runs are one transaction, and each transaction waits for the disk. What
//! only the ledger does counts against it: the queue and its answers, the rules of the schema (triggers and foreign keys,
//! which the baseline goes without), cursors, counts of days, and the log's form.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use rusqlite::{Connection, params};
use sandclock_host::ledger::{Entry, Ledger};
use sandclock_host::model::cause::Cause;
use sandclock_host::model::id::RunId;
use sandclock_host::model::limits::Usage;
use sandclock_host::model::outcome::AttemptOutcome;
use sandclock_host::model::overlap::Overlap;
use sandclock_host::model::schedule::Schedule;
use sandclock_host::model::slot::Slot;
use sandclock_host::model::task::Task;
use tokio::runtime::Runtime;

use super::sample::Sample;
use crate::bar::Bar;
use crate::host::{Ground, listener};
use crate::process::{time_of, time_of_thread};
use crate::rounds::{Answer, Figure, Question, abba};

/// How many calls the ledger puts into one transaction when enough wait, and how many runs the baseline does.
const GROUP: usize = 1024;
/// How many such groups there are in a turn.
const GROUPS: usize = 16;
/// How many calls are on their way: so many that a full group waits while another is written.
const AHEAD: usize = 4 * GROUP;
/// How many tasks the runs are of.
const TASKS: usize = 16;
/// When the first of them was due.
const FIRST: i64 = 1_700_000_000_000;

/// The baseline's database, as the ledger sets its own up, but without the rules.
const PLAIN: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF;
    PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 8000;
    DROP TRIGGER runs_step; DROP TRIGGER runs_stay;";

pub(super) fn measure(ground: &Ground, rounds: usize) -> anyhow::Result<Answer> {
    let (_ledger_folder, ledger, _) = ground.ledger()?;
    let mut ours = Ours { ground, ledger, runtime: listener()?, tasks: tasks(ground)?, runs: Runs::default() };
    let log = ours.log()?;
    let (plain_folder, empty, _) = ground.ledger()?;
    drop(empty);
    let connection = Connection::open(plain_folder.path().join("ledger.db"))?;
    let mut plain = Plain { connection, log, runs: Runs::default() };
    plain.set_up()?;
    let rounds = abba(rounds, || ours.turn(), || plain.turn(ground))?;
    let bar = Some(Bar::TimesAnd(1.0, 3.0));
    let question = Question { what: "a run's entries, when many wait", unit: "µs", a: "ledger", bar };
    Ok(Answer::of(question, "plain SQLite", &rounds))
}

fn tasks(ground: &Ground) -> anyhow::Result<Vec<Arc<Task>>> {
    let task = |number| ground.task(&format!("task-{number}"), Schedule::manual(), Overlap::Allow).map(Arc::new);
    (0..TASKS).map(task).collect()
}

/// The runs of an arm: each task's slots come one after the other, and the tasks in turn.
#[derive(Default)]
struct Runs {
    count: usize,
    last: Option<RunId>,
}

impl Runs {
    /// The next one's id, the number of its task, and its slot.
    fn next(&mut self, now: Timestamp) -> anyhow::Result<(RunId, usize, Slot)> {
        let id = RunId::next(now.as_millisecond(), 0, self.last);
        let (task, second) = (self.count % TASKS, self.count / TASKS);
        let slot = Slot::from_millis(FIRST + second as i64 * 1000).context("the end of time")?;
        (self.count, self.last) = (self.count + 1, Some(id));
        Ok((id, task, slot))
    }
}

/// Microseconds a run.
fn per_run(time: Duration, runs: usize) -> Figure {
    time.as_secs_f64() * 1e6 / runs as f64
}

struct Ours<'g> {
    ground: &'g Ground,
    ledger: Ledger,
    runtime: Runtime,
    tasks: Vec<Arc<Task>>,
    runs: Runs,
}

impl Ours<'_> {
    fn turn(&mut self) -> anyhow::Result<Figure> {
        // Whoever asks has made its entries: that is none of the ledger's cost.
        let calls: Vec<Vec<Entry>> = (0..GROUP * GROUPS).map(|_| self.call()).collect::<anyhow::Result<_>>()?;
        let count = calls.len();
        let ledger = &self.ledger;
        let all = stream::iter(calls).map(|entries| ledger.append(entries)).buffered(AHEAD);
        let before = time_of_thread("ledger")?;
        self.runtime.block_on(all.try_for_each(|()| std::future::ready(Ok(()))))?;
        Ok(per_run(time_of_thread("ledger")? - before, count))
    }

    /// A run that begins and ends.
    fn call(&mut self) -> anyhow::Result<Vec<Entry>> {
        let at = self.ground.clock.now();
        let (id, task, slot) = self.runs.next(at)?;
        let sample = Sample { id, task: self.tasks[task].clone(), cause: Cause::Schedule, slot: Some(slot), at };
        let succeeded = AttemptOutcome::Succeeded { output: None };
        Ok(vec![sample.admitted(), sample.ended(succeeded, Usage { fuel: Some(1_000_000), ..Usage::default() })])
    }

    /// What the ledger makes of the sample's log.
    fn log(&mut self) -> anyhow::Result<Vec<u8>> {
        let call = self.call()?;
        self.runtime.block_on(self.ledger.append(call))?;
        let connection = Connection::open(self.ledger.folder().join("ledger.db"))?;
        Ok(connection.query_row("SELECT lines FROM logs LIMIT 1", [], |row| row.get(0))?)
    }
}

struct Plain {
    connection: Connection,
    /// The bytes of a log as the ledger has them.
    log: Vec<u8>,
    runs: Runs,
}

impl Plain {
    fn set_up(&self) -> anyhow::Result<()> {
        self.connection.execute_batch(PLAIN)?;
        self.connection.execute("INSERT INTO plugins (sha256) VALUES (?)", [[7_u8; 32]])?;
        for task in 0..TASKS as i64 {
            let insert = "INSERT INTO tasks (id, name) VALUES (?, ?)";
            self.connection.execute(insert, params![task, format!("task-{task}")])?;
        }
        Ok(())
    }

    fn turn(&mut self, ground: &Ground) -> anyhow::Result<Figure> {
        let here = Path::new("/proc/thread-self");
        let before = time_of(here)?;
        for _ in 0..GROUPS {
            self.group(ground.clock.now())?;
        }
        Ok(per_run(time_of(here)? - before, GROUP * GROUPS))
    }

    fn group(&mut self, now: Timestamp) -> anyhow::Result<()> {
        let transaction = self.connection.transaction()?;
        let mut run = transaction.prepare_cached(
            "INSERT INTO runs (id, task, slot, cause, state, since, attempts, admitted_at, started_at)
             VALUES (?1, ?2, ?3, 0, 1, ?4, 1, ?4, ?4)",
        )?;
        let mut end = transaction.prepare_cached("UPDATE runs SET state = 3, since = ?2, outcome = 0 WHERE id = ?1")?;
        let mut attempt = transaction.prepare_cached(
            "INSERT INTO attempts (run, attempt, outcome, detail, plugin, started_at, ended_at, duration_us, fuel,
                 peak_memory, peak_table_elements, output_bytes, log_bytes, log_lines, log_dropped, http_requests,
                 http_concurrent, http_largest_body, kv_writes)
             VALUES (?1, 1, 0, NULL, 1, ?2, ?2, 0, 1000000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)",
        )?;
        let mut log = transaction.prepare_cached("INSERT INTO logs (run, attempt, lines) VALUES (?, 1, ?)")?;
        let at = now.as_millisecond();
        for _ in 0..GROUP {
            let (id, task, slot) = self.runs.next(now)?;
            let id = id.as_i64();
            run.execute(params![id, task as i64, slot.as_millis(), at])?;
            end.execute([id, at])?;
            attempt.execute([id, at])?;
            log.execute(params![id, self.log])?;
        }
        drop((run, end, attempt, log));
        Ok(transaction.commit()?)
    }
}
