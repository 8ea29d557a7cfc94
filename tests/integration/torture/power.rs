//! The power fails at any moment of a host's life: what it had acknowledged is there, and nothing is half there.

use std::collections::BTreeMap;
use std::fs;

use fastrand::Rng;
use rustix::process::Signal;
use sandclock_host::clock::Clock;
use sandclock_host::ledger::{Durability, Filter, Ledger, Reader, RunRecord, Settings};
use sandclock_host::model::id::RunId;
use sandclock_host::model::outcome::Outcome;
use sandclock_host::model::run::RunState;
use serde_json::Value;

use super::disk::{Disk, Fate, Operation};
use super::extent::{extent, seed};
use super::recorder::record;
use crate::project::Project;

/// Tasks, each due every second.
const TASKS: usize = 12;
/// Bytes that each run brings into the ledger, so that its write-ahead log is taken into the database on the way.
const PAYLOAD: usize = 40_000;

#[test]
fn what_was_acknowledged_survives_a_power_cut() {
    let lost = power_cuts("full", Durability::Full);
    assert!(lost.is_empty(), "seed {}: {lost:#?}", seed());
}

#[test]
fn without_a_sync_for_each_commit_the_ledger_is_whole_all_the_same() {
    let lost = power_cuts("normal", Durability::Normal);
    assert!(!lost.is_empty(), "nothing at all was lost: then this would not notice if something were; seed {}", seed());
}

/// What the host said of a run.
#[derive(Debug, Clone)]
struct Acknowledged {
    run: RunId,
    /// The attempt that has begun.
    attempt: u32,
    succeeded: bool,
}

/// Records two lives of a host, and cuts the power at moments in them. Returns what was acknowledged and is not there.
#[expect(clippy::print_stdout, reason = "what was measured; shown by `cargo xtask torture`")]
fn power_cuts(word: &str, durability: Durability) -> Vec<String> {
    let (cuts, enough) = extent((60, 60), (1_000, 400));
    println!("{cuts} power cuts, durability {word}, seed {}", seed());
    let mut rng = Rng::with_seed(seed());
    let operations = lives(word, enough);
    // Half of the cuts lie right before or after a sync.
    let syncs: Vec<usize> = (0..operations.len())
        .filter(|index| matches!(operations[*index], Operation::Sync { .. } | Operation::SyncFolder))
        .flat_map(|index| [index, index + 1])
        .collect();
    let mut moments: Vec<usize> = (0..cuts)
        .map(|cut| if cut % 2 == 0 { *rng.choice(&syncs).unwrap() } else { rng.usize(0..=operations.len()) })
        .collect();
    moments.sort_unstable();

    let (mut disk, mut done, mut heard, mut lost) = (Disk::default(), 0, Heard::default(), Vec::new());
    for (number, moment) in moments.into_iter().enumerate() {
        for operation in &operations[done..moment] {
            disk.apply(operation);
            heard.hear(operation);
        }
        done = moment;
        let fate = Fate::ALL[number % Fate::ALL.len()];
        let files = disk.after_power_cut(fate, &mut rng);
        let missing = open(&files, durability, &heard, &mut rng);
        lost.extend(missing.into_iter().map(|what| format!("{fate:?} before operation {moment}: {what}")));
    }
    println!("{} operations, {} acknowledgements", operations.len(), heard.acknowledged.len());
    assert!(heard.acknowledged.len() >= 2 * enough, "the host got nowhere");
    lost
}

/// Two lives of a host in one folder, each to the end of a drain after so many successes.
fn lives(word: &str, enough: usize) -> Vec<Operation> {
    let payload = "x".repeat(PAYLOAD);
    let mut config = format!("[host]\nlisten = \"127.0.0.1:0\"\nledger = {{ durability = \"{word}\" }}\n\n");
    for task in 0..TASKS {
        config += &format!(
            "[tasks.tick-{task}]\nplugin = \"tick\"\nschedule = {{ every = \"1s\" }}\npayload = \"{payload}\"\n\n"
        );
    }
    let project = Project::new(&config, &["tick"]);
    let folder = fs::canonicalize(project.path("")).unwrap().join("state");
    let mut operations = Vec::new();
    for _ in 0..2 {
        let command = project.command(&["serve", "--log", "debug", "--log-format", "json"]);
        let mut heard = Heard::default();
        let mut told = false;
        let before = operations.len();
        operations.extend(record(&command, &folder, |operation| {
            heard.hear(operation);
            let is_enough = heard.acknowledged.iter().filter(|said| said.succeeded).count() >= enough;
            (is_enough && !std::mem::replace(&mut told, is_enough)).then_some(Signal::TERM)
        }));
        assert!(told, "the host ended by itself: {}", said(&operations[before..]));
    }
    operations
}

fn said(operations: &[Operation]) -> String {
    let said = operations.iter().filter_map(|operation| match operation {
        Operation::Said(bytes) => Some(String::from_utf8_lossy(bytes)),
        _ => None,
    });
    said.collect()
}

/// What the host has said so far.
#[derive(Default)]
struct Heard {
    text: Vec<u8>,
    acknowledged: Vec<Acknowledged>,
}

impl Heard {
    fn hear(&mut self, operation: &Operation) {
        let Operation::Said(bytes) = operation else { return };
        self.text.extend(bytes);
        while let Some(end) = self.text.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.text.drain(..=end).collect();
            let Ok(line) = serde_json::from_slice::<Value>(&line) else { continue };
            let succeeded = line["message"] == "succeeded";
            if !succeeded && line["message"] != "started" {
                continue;
            }
            let run = line["run"].as_str().unwrap().parse().unwrap();
            let attempt = line["attempt"].as_u64().unwrap() as u32;
            self.acknowledged.push(Acknowledged { run, attempt, succeeded });
        }
    }
}

/// Opens what a power cut left as a host does. Returns what is missing of what was acknowledged.
fn open(files: &BTreeMap<String, Vec<u8>>, durability: Durability, heard: &Heard, rng: &mut Rng) -> Vec<String> {
    let state = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(state.path().join(name), content).unwrap();
    }
    if rng.bool() {
        // The index of the write-ahead log is shared memory: anything may be left of it.
        let left: Vec<u8> = (0..32_768).map(|_| rng.u8(..)).collect();
        fs::write(state.path().join("ledger.db-shm"), left).unwrap();
    }
    let settings = Settings { state: state.path().to_owned(), durability };
    let (ledger, recovered) = Ledger::open(&settings, Clock::system()).unwrap();
    drop(ledger);
    let database = rusqlite::Connection::open(state.path().join("ledger.db")).unwrap();
    let sound: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok", "seed {}", seed());
    let strays: i64 =
        database.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0)).unwrap();
    assert_eq!(strays, 0, "seed {}", seed());
    drop(database);

    let reader = Reader::open(state.path()).unwrap();
    let runs = reader.runs(&Filter { limit: u32::MAX, ..Filter::default() }).unwrap();
    for run in &runs {
        assert!(run.slot.unwrap() <= recovered.cursors[&run.task], "a cursor is behind {run:?}; seed {}", seed());
        is_whole(&reader, run);
    }
    let runs: BTreeMap<RunId, RunRecord> = runs.into_iter().map(|run| (run.id, run)).collect();
    let is_there = |said: &Acknowledged| {
        runs.get(&said.run).is_some_and(|run| {
            let has_ended = matches!(run.state, RunState::Final(_)) || run.attempts > said.attempt;
            run.attempts >= said.attempt && (has_ended || !said.succeeded)
        })
    };
    heard.acknowledged.iter().filter(|said| !is_there(said)).map(|said| format!("{said:?}")).collect()
}

/// A run has all that was entered together with it.
fn is_whole(reader: &Reader, run: &RunRecord) {
    let context = || format!("{run:?}; seed {}", seed());
    let attempts = reader.attempts(run.id).unwrap();
    let over = match run.state {
        RunState::Running { attempt } => attempt - 1,
        _ => run.attempts,
    };
    assert!(attempts.iter().map(|attempt| attempt.attempt).eq(1..=over), "{attempts:?} of {}", context());
    let skipped = matches!(run.state, RunState::Final(Outcome::Skipped(_))) && run.attempts == 0;
    let payload = reader.payload(run.id).unwrap().map_or(0, |payload| payload.bytes.len());
    assert!(payload == PAYLOAD || skipped, "{payload} bytes of payload: {}", context());
    let logs = reader.log(run.id, None).unwrap();
    let succeeded = attempts.iter().filter(|attempt| attempt.outcome.class().name() == "succeeded").count();
    assert!(logs.len() >= succeeded, "{logs:?} of {}", context());
}
