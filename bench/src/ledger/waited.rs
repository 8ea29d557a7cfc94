//! What an entry costs one who waits for it: [`Ledger::append`] against a write to a file and `fdatasync`.

use std::fs::File;
use std::os::unix::fs::FileExt;

use anyhow::Context;
use sandclock_host::ledger::{Entry, Ledger};
use sandclock_host::model::id::TaskName;
use sandclock_host::model::slot::Slot;

use crate::bar::Bar;
use crate::host::{Ground, listener};
use crate::rounds::{Answer, Figure, Question, abba};

/// How many entries are made in a turn.
const ENTRIES: u32 = 500;
/// What SQLite writes for a small commit, in bytes: a page and its header in the write-ahead log.
const FRAME: usize = 4096 + 24;

/// One entry after the other, each waited for.
pub(super) fn measure(ground: &Ground, rounds: usize) -> anyhow::Result<Answer> {
    let (folder, ledger, _) = ground.ledger()?;
    let file = File::create(folder.path().join("bare"))?;
    let runtime = listener()?;
    let mut cursor = ground.clock.now().as_millisecond();
    let rounds = abba(
        rounds,
        || per_entry(ground, || runtime.block_on(entries(&ledger, &mut cursor))),
        || per_entry(ground, || writes(&file)),
    )?;
    let bar = Some(Bar::Times(2.0));
    let question = Question { what: "one durable entry, waited for", unit: "µs", a: "ledger", bar };
    Ok(Answer::of(question, "write and fdatasync", &rounds))
}

/// What an entry of a turn takes, in microseconds.
fn per_entry(ground: &Ground, turn: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Figure> {
    let started = ground.clock.monotonic();
    turn()?;
    Ok(started.elapsed().as_secs_f64() * 1e6 / f64::from(ENTRIES))
}

/// Makes entries that move a task's cursor on: one that changes nothing would not be written.
async fn entries(ledger: &Ledger, cursor: &mut i64) -> anyhow::Result<()> {
    let task: TaskName = "entry".parse()?;
    for _ in 0..ENTRIES {
        *cursor += 1;
        let slot = Slot::from_millis(*cursor).context("the end of time")?;
        ledger.append(vec![Entry::CursorSet { task: task.clone(), slot }]).await?;
    }
    Ok(())
}

fn writes(file: &File) -> anyhow::Result<()> {
    for entry in 0..u64::from(ENTRIES) {
        file.write_all_at(&[0; FRAME], entry * FRAME as u64)?;
        file.sync_data()?;
    }
    Ok(())
}
