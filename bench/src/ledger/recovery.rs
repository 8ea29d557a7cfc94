//! How long the real program takes to come back to a ledger with 100,000 runs that were cut off: from its start until it
//! is ready and has entered of each that it was interrupted.

use std::collections::VecDeque;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use rusqlite::{Connection, OptionalExtension};
use sandclock_host::clock::Clock;
use sandclock_host::ledger::{Durability, Ledger, Settings};
use sandclock_host::model::cause::Cause;
use sandclock_host::model::id::RunId;
use sandclock_host::model::overlap::Overlap;
use sandclock_host::model::schedule::Schedule;

use super::sample::Sample;
use crate::bar::Bar;
use crate::host::{Ground, PATIENCE, listener};
use crate::process::{Hosted, pause};
use crate::rounds::{Answer, Figure, Question};

/// How many runs were going on.
const RUNS: usize = 100_000;
/// How many tasks they are of.
const TASKS: usize = 100;
/// How many runs one call enters, and how many calls are on their way at once.
const CALL: usize = 1000;
const AHEAD: usize = 8;
/// How often it is looked whether they are entered.
const LOOK: Duration = Duration::from_millis(2);

pub(crate) fn measure(ground: &Ground, rounds: usize) -> anyhow::Result<Vec<Answer>> {
    let site = Site::of(ground)?;
    let took = (0..rounds.div_ceil(4)).map(|_| site.recovered(ground.clock)).collect::<anyhow::Result<_>>()?;
    let bar = Some(Bar::AtMost(2.0));
    let question = Question { what: "100,000 runs that were cut off, taken up", unit: "s", a: "sandclock serve", bar };
    Ok(vec![Answer::alone(question, took)])
}

/// A folder as a host has it, and the ledger that each start begins with.
struct Site {
    folder: tempfile::TempDir,
    last: RunId,
}

impl Site {
    fn of(ground: &Ground) -> anyhow::Result<Self> {
        let folder = ground.scratch()?;
        let plugins = folder.path().join("plugins");
        fs::create_dir(&plugins)?;
        fs::copy(ground.sample(), plugins.join(ground.sample().file_name().context("a plugin has a name")?))?;
        fs::write(folder.path().join("sandclock.toml"), text(ground)?)?;
        let last = listener()?.block_on(make(ground, &folder.path().join("cut-off")))?;
        let site = Self { folder, last };
        // The first host compiles the plugin, which is another matter.
        Hosted::start(&site.config(), "info")?.says("plugin is ready", 1)?;
        Ok(site)
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("sandclock.toml")
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("state/ledger.db")
    }

    /// Starts the program; how many seconds until it serves, and until the ledger says of the last run, and so of all of
    /// them, how its attempt ended.
    fn recovered(&self, clock: Clock) -> anyhow::Result<Figure> {
        for ending in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(self.folder.path().join(format!("state/ledger.db{ending}")));
        }
        fs::copy(self.folder.path().join("cut-off/ledger.db"), self.database())?;
        let started = clock.monotonic();
        let mut host = Hosted::start(&self.config(), "info")?;
        host.says("serving", 1)?;
        let ledger = Connection::open(self.database())?;
        while started.elapsed() < PATIENCE {
            let ended = "SELECT 1 FROM attempts WHERE run = ?";
            if ledger.query_row(ended, [self.last.as_i64()], |_| Ok(())).optional()?.is_some() {
                return Ok(started.elapsed().as_secs_f64());
            }
            pause(LOOK);
        }
        bail!("the runs are not taken up")
    }
}

fn name(task: usize) -> String {
    format!("task-{task}")
}

fn text(ground: &Ground) -> anyhow::Result<String> {
    let plugin = ground.sample().file_stem().and_then(|name| name.to_str()).context("a plugin has a name")?.to_owned();
    let mut text = "[host]\nlisten = \"127.0.0.1:0\"\n".to_owned();
    for task in 0..TASKS {
        write!(text, "\n[tasks.{}]\nplugin = \"{plugin}\"\noverlap = \"allow\"\n", name(task))?;
    }
    Ok(text)
}

/// Enters runs that began and did not end. Returns the last of them.
async fn make(ground: &Ground, state: &Path) -> anyhow::Result<RunId> {
    let settings = Settings { state: state.to_owned(), durability: Durability::Normal };
    let (ledger, _) = Ledger::open(&settings, ground.clock)?;
    let tasks = (0..TASKS).map(|task| ground.task(&name(task), Schedule::manual(), Overlap::Allow).map(Arc::new));
    let tasks = tasks.collect::<anyhow::Result<Vec<_>>>()?;
    let mut last = None;
    let mut ahead = VecDeque::new();
    for call in 0..RUNS / CALL {
        let entries = (0..CALL).map(|run| {
            let at = ground.clock.now();
            let id = RunId::next(at.as_millisecond(), 0, last);
            last = Some(id);
            let task = tasks[(call * CALL + run) % TASKS].clone();
            Sample { id, task, cause: Cause::Manual, slot: None, at }.admitted()
        });
        ahead.push_back(ledger.append(entries.collect()));
        if ahead.len() == AHEAD
            && let Some(oldest) = ahead.pop_front()
        {
            oldest.await?;
        }
    }
    for append in ahead {
        append.await?;
    }
    last.context("there are runs")
}
