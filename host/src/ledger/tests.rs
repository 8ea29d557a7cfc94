//! The ledger from outside: what was appended is what is read, and what contradicts it is refused.

mod alerts;
mod durability;
mod history;
mod keys;
mod keyvalue;
mod plugins;
mod recovery;
mod steps;
mod transitions;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tempfile::TempDir;

use super::{
    Admission, Durability, Entry, Filter, Ledger, LedgerError, Next, PastSlot, Reader, Record, Recovered, RunRecord,
    Settings, Standing,
};
use crate::clock::Clock;
use crate::model::cause::Cause;
use crate::model::id::{Digest, RunId, TaskName};
use crate::model::limits::{HttpUsage, LogUsage, Usage};
use crate::model::log::{Level, LogLine, LogSource};
use crate::model::outcome::{AttemptOutcome, Failure, FailureKind, Skip};
use crate::model::pause::Pause;
use crate::model::payload::Blob;
use crate::model::run::Run;
use crate::model::schedule::Schedule;
use crate::model::slot::Slot;
use crate::model::task::Task;

/// A ledger in a folder of its own.
struct Bench {
    folder: TempDir,
    ledger: Ledger,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (ledger, recovered) = open(&folder);
        assert!(recovered.cursors.is_empty() && recovered.unfinished.is_empty() && recovered.last_run.is_none());
        Self { folder, ledger }
    }

    async fn append(&self, entries: impl IntoIterator<Item = Entry>) -> Result<(), LedgerError> {
        let append = self.ledger.append(entries.into_iter().collect());
        tokio::time::timeout(Duration::from_secs(30), append).await.expect("the writer answers")
    }

    /// Closes the ledger and opens it again.
    fn reopen(self) -> (Self, Recovered) {
        let Self { folder, ledger } = self;
        drop(ledger);
        let (ledger, recovered) = open(&folder);
        (Self { folder, ledger }, recovered)
    }

    fn reader(&self) -> Reader {
        Reader::open(self.folder.path()).unwrap()
    }

    fn run(&self, id: RunId) -> RunRecord {
        self.reader().run(id).unwrap().expect("the run is there")
    }
}

fn settings(folder: &TempDir) -> Settings {
    Settings { state: folder.path().to_owned(), durability: Durability::Full }
}

fn open(folder: &TempDir) -> (Ledger, Recovered) {
    opened(&settings(folder), Clock::system())
}

/// Another test may be starting a program: until that has begun, it holds what this process had open, locks among it.
pub(crate) fn opened(settings: &Settings, clock: Clock) -> (Ledger, Recovered) {
    let began = Clock::system().monotonic();
    loop {
        match Ledger::open(settings, clock) {
            Err(LedgerError::InUse { .. }) if began.elapsed() < Duration::from_secs(30) => std::thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
}

/// Some milliseconds after the moment at which these tests begin.
fn time(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(1_764_000_000_000 + millis).unwrap()
}

fn slot(millis: i64) -> Slot {
    Slot::at(time(millis))
}

fn id(number: i64) -> RunId {
    RunId::from_i64(number).unwrap()
}

fn run(number: i64, task: &str, slot: Option<Slot>) -> Run {
    let cause = if slot.is_some() { Cause::Schedule } else { Cause::Manual };
    Run {
        id: id(number),
        task: Arc::new(example(task)),
        cause,
        slot,
        payload: None,
        trace: None,
        admitted_at: time(number),
    }
}

fn admitted(run: Run, admission: Admission) -> Entry {
    Entry::Admitted { run: Arc::new(run), admission }
}

/// A slot of the task `a` that was skipped at its time.
fn skipped(number: i64, at: i64) -> Entry {
    let (slot, cause, why) = (Some(slot(at)), Cause::Schedule, Skip::Overlap);
    Entry::Skipped { id: id(number), task: "a".parse().unwrap(), slot, cause, why, at: time(at) }
}

fn started(number: i64, attempt: u32, at: i64) -> Entry {
    Entry::Started { run: id(number), attempt, at: time(at) }
}

/// The end of an attempt of a run of the task `a`.
fn ended(number: i64, attempt: u32, outcome: AttemptOutcome, next: Next) -> Entry {
    ended_of("a", number, attempt, outcome, next)
}

fn ended_of(task: &str, number: i64, attempt: u32, outcome: AttemptOutcome, next: Next) -> Entry {
    Entry::AttemptEnded {
        run: id(number),
        task: task.parse().unwrap(),
        attempt,
        outcome: Arc::new(outcome),
        usage: usage(),
        plugin: Some(Digest::from_bytes([7; 32])),
        log: Arc::new(vec![line("hello")]),
        writes: Arc::default(),
        started_at: time(number % 10_000 + 5),
        ended_at: time(number % 10_000 + 20),
        next,
    }
}

fn succeeded() -> AttemptOutcome {
    AttemptOutcome::Succeeded { output: None }
}

fn failed() -> AttemptOutcome {
    let kind = FailureKind::Transient { retry_after: Some(Duration::from_secs(2)) };
    AttemptOutcome::Failed(Failure { kind, message: "busy".into() })
}

fn usage() -> Usage {
    let duration = Duration::from_micros(14_321);
    Usage {
        duration,
        fuel: Some(u64::MAX >> 1),
        peak_memory: 65_536,
        peak_table_elements: 7,
        output: 11,
        log: LogUsage { bytes: 5, lines: 2, dropped: 1 },
        http: HttpUsage { requests: 3, concurrent: 2, largest_body: 1 << 40, statuses: [0; 4] },
        kv_writes: 4,
    }
}

fn line(message: &str) -> LogLine {
    let fields = vec![("page".to_owned(), "3".to_owned())];
    LogLine { at: time(7), level: Level::Info, source: LogSource::Log, message: message.to_owned(), fields }
}

fn blob(bytes: &[u8]) -> Blob {
    Blob { content_type: Blob::BYTES.to_owned(), bytes: bytes.to_owned() }
}

/// A task with this name; nothing else of it reaches the ledger.
fn example(name: &str) -> Task {
    Task::new(name.parse().unwrap(), "hello".parse().unwrap(), Schedule::manual())
}
