//! What it takes to ask a long history: the questions of [`Reader`] to a ledger of ten million runs, which is made once.
//!
//! The figures stand alone, without a baseline: each is to be below what a person notices, whatever the machine.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use sandclock_host::clock::Clock;
use sandclock_host::ledger::{Durability, Entry, Excerpt, Filter, Ledger, Reader, Settings};
use sandclock_host::model::cause::{Cause, CauseKind};
use sandclock_host::model::id::{RunId, TaskName};
use sandclock_host::model::limits::Usage;
use sandclock_host::model::outcome::{AttemptOutcome, OutcomeClass, Trap};
use sandclock_host::model::overlap::Overlap;
use sandclock_host::model::schedule::Schedule;
use sandclock_host::model::slot::Slot;
use sandclock_host::model::task::Task;

use crate::host::{Ground, listener};
use crate::ledger::sample::Sample;

/// How many runs the ledger has unless told otherwise.
pub(crate) const RUNS: u64 = 10_000_000;
/// How many tasks they are of. The last one has always failed.
const TASKS: u64 = 100;
/// All runs lie within so long, in milliseconds: a year.
const SPAN: u64 = 365 * 86_400_000;
/// When the first of them was due.
const FIRST: i64 = 1_750_000_000_000;
/// How many runs one call enters.
const CALL: u64 = 1000;
/// How many calls are on their way at once.
const AHEAD: usize = 8;
/// How often each question is asked. The first finds nothing in SQLite's memory, and is shown beside the median.
const ROUNDS: usize = 9;
/// What a run may take of the disk while the ledger is made.
const ROOM: u64 = 400;

/// Makes the ledger unless it is there, asks, and prints a table.
pub(crate) fn measure(plugin: &Path, runs: u64) -> anyhow::Result<()> {
    let parent = Path::new("target/bench");
    fs::create_dir_all(parent).context("make target/bench")?;
    let state = parent.join(format!("history-{runs}"));
    let settings = Settings { state: state.clone(), durability: Durability::Normal };
    let whole = state.join("whole");
    if !whole.exists() {
        let disk = rustix::fs::statvfs(parent)?;
        let (free, needed) = (disk.f_bavail * disk.f_frsize, runs * ROOM);
        if free < needed {
            println!("skipped: there are {} MiB of disk, and {runs} runs need {}", free >> 20, needed >> 20);
            return Ok(());
        }
        // One that was cut off while it was made is made again.
        let _ = fs::remove_dir_all(&state);
        listener()?.block_on(make(&Ground::new(plugin, parent)?, &settings, runs))?;
        fs::write(&whole, "")?;
    }
    let bytes = fs::metadata(state.join("ledger.db"))?.len();
    println!("{runs} runs of {TASKS} tasks, {} MiB, {} bytes a run\n", bytes >> 20, bytes / runs);
    println!("| question | first | median of {ROUNDS} |\n|---|---|---|");
    ask(&settings, runs)
}

async fn make(ground: &Ground, settings: &Settings, runs: u64) -> anyhow::Result<()> {
    let (ledger, _) = Ledger::open(settings, ground.clock)?;
    let tasks: Vec<Arc<Task>> = (0..TASKS)
        .map(|task| ground.task(&name(task), Schedule::manual(), Overlap::Skip).map(Arc::new))
        .collect::<anyhow::Result<_>>()?;
    let mut ahead = std::collections::VecDeque::new();
    for first in (0..runs).step_by(CALL as usize) {
        let numbers = first..(first + CALL).min(runs);
        let entries: Vec<Entry> = numbers.flat_map(|number| one(number, runs, &tasks)).collect();
        ahead.push_back(ledger.append(entries));
        if ahead.len() == AHEAD
            && let Some(oldest) = ahead.pop_front()
        {
            oldest.await?;
        }
        if first % 100_000 == 0 {
            eprint!("\rbench: {first} of {runs} runs are made");
        }
    }
    for append in ahead {
        append.await?;
    }
    eprintln!();
    Ok(())
}

/// One run. Of a thousand, ten trap and one was started by hand.
fn one(number: u64, runs: u64, tasks: &[Arc<Task>]) -> [Entry; 2] {
    // A multiplier that is odd, and no multiple of anything else here, spreads what is rare over all tasks.
    let dice = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    let task = &tasks[(number % TASKS) as usize];
    let at = timestamp(number, runs);
    let id = RunId::next(at.as_millisecond(), 0, None);
    let manual = dice % 1000 == 7;
    let cause = if manual { Cause::Manual } else { Cause::Schedule };
    let sample = Sample { id, task: task.clone(), cause, slot: (!manual).then(|| Slot::at(at)), at };
    let outcome = match number % TASKS == TASKS - 1 || dice % 100 == 3 {
        true => AttemptOutcome::Trapped(Trap { reason: "unreachable".to_owned(), backtrace: Vec::new() }),
        false => AttemptOutcome::Succeeded { output: None },
    };
    let usage = Usage {
        duration: Duration::from_micros(500 + dice % 3000),
        fuel: Some(1_000_000 + dice),
        peak_memory: 1 << 20,
        ..Usage::default()
    };
    [sample.admitted(), sample.ended(outcome, usage)]
}

fn name(task: u64) -> String {
    format!("task-{task:02}")
}

fn timestamp(number: u64, runs: u64) -> Timestamp {
    let since_first = u128::from(number) * u128::from(SPAN) / u128::from(runs);
    Timestamp::from_millisecond(FIRST + since_first as i64).expect("a year after 2025 is a time")
}

fn ask(settings: &Settings, runs: u64) -> anyhow::Result<()> {
    let clock = Clock::system();
    question(clock, "open the ledger as `serve` does", || {
        Ledger::open(settings, clock)?;
        Ok(())
    })?;
    let task: Option<TaskName> = Some(name(7).parse()?);
    let broken: Option<TaskName> = Some(name(TASKS - 1).parse()?);
    let time = |percent| Some(timestamp(runs / 100 * percent, runs));
    let all = || Filter { limit: 20, ..Filter::default() };
    let of_task = || Filter { task: task.clone(), ..all() };
    let (trapped, manual) = (vec![OutcomeClass::Trapped], Some(CauseKind::Manual));
    let several = vec![OutcomeClass::FailedTransient, OutcomeClass::FailedPermanent, OutcomeClass::Trapped];
    for (what, filter) in [
        ("the newest runs", all()),
        ("the newest runs of a task", of_task()),
        ("of a task, a year ago", Filter { until: time(2), ..of_task() }),
        ("of all, half a year ago", Filter { until: time(50), ..all() }),
        ("that trapped", Filter { outcomes: trapped.clone(), ..all() }),
        ("of a task that trapped, a year ago", Filter { outcomes: trapped.clone(), until: time(2), ..of_task() }),
        ("of a task, three outcomes", Filter { outcomes: several, ..of_task() }),
        ("successes of a task that never had one", {
            Filter { task: broken.clone(), outcomes: vec![OutcomeClass::Succeeded], ..all() }
        }),
        ("started by hand", Filter { cause: manual, ..all() }),
        ("of a task, started by hand, that trapped", Filter { cause: manual, outcomes: trapped, ..of_task() }),
        ("slots of a day, half a year ago", Filter { due_since: time(50), due_until: time(51), ..all() }),
        (
            "slots of a task in a week, half a year ago",
            Filter { due_since: time(50), due_until: time(52), ..of_task() },
        ),
    ] {
        answered(clock, settings, what, |reader| reader.records(&filter).map(drop))?;
    }
    let name = task.clone().context("there is a task")?;
    let broken = broken.context("there is a task")?;
    let day = |percent| timestamp(runs / 100 * percent, runs).to_zoned(TimeZone::UTC).date();
    let (week, year): (Date, Date) = (day(98), day(0));
    answered(clock, settings, "how all tasks do, a week", |reader| reader.tasks(week).map(drop))?;
    answered(clock, settings, "a task's days of a year", |reader| reader.days(&name, year).map(drop))?;
    answered(clock, settings, "failures in a row, all runs of a task", |reader| reader.task(&broken, week).map(drop))?;
    let some = RunId::next(timestamp(runs / 2, runs).as_millisecond(), 0, None);
    let tail = Excerpt { tail: Some(20), ..Excerpt::default() };
    answered(clock, settings, "the end of a log", |reader| reader.excerpt(some, &tail).map(drop))
}

/// A question to a reader that was opened for it, as a command does.
fn answered(
    clock: Clock,
    settings: &Settings,
    what: &str,
    ask: impl Fn(&Reader) -> Result<(), sandclock_host::ledger::LedgerError>,
) -> anyhow::Result<()> {
    question(clock, what, || Ok(ask(&Reader::open(&settings.state)?)?))
}

fn question(clock: Clock, what: &str, ask: impl Fn() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut took = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let started = clock.monotonic();
        ask()?;
        took.push(started.elapsed().as_secs_f64() * 1e3);
    }
    let first = took[0];
    took.sort_by(f64::total_cmp);
    println!("| {what} | {first:.2} ms | {:.2} ms |", took[ROUNDS / 2]);
    Ok(())
}
