//! How many durable runs the whole daemon makes a second, from the trigger to the end, against starting `/bin/true` and
//! waiting for it.

use std::process::Command;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, bail, ensure};
use sandclock_host::model::cause::Cause;
use sandclock_host::model::id::TaskName;
use sandclock_host::model::overlap::Overlap;
use sandclock_host::model::schedule::Schedule;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::bar::Bar;
use crate::host::{Ground, Heard, MAX_CONCURRENT, Served, listener};
use crate::rounds::{Answer, Figure, Question, abba};

/// How many runs the daemon makes in a turn, for each that goes on at once.
const RUNS: u32 = 100;
/// How many processes each thread starts in a turn.
const PROCESSES: u32 = 500;

/// With as many runs at once as there may be by default, and with one.
pub(crate) fn measure(ground: &Ground, rounds: usize) -> anyhow::Result<Vec<Answer>> {
    let task = ground.task("run", Schedule::manual(), Overlap::Allow)?;
    let name = task.name.clone();
    let runtime = listener()?;
    let mut served = runtime.block_on(Served::start(ground, vec![Arc::new(task)]))?;
    let many = u32::try_from(MAX_CONCURRENT.get())?;
    let questions = [
        ("durable runs, one at a time", 1, RUNS * 5, 1, None),
        ("durable runs, 64 at a time", many, RUNS * many, ground.threads.get(), Some(Bar::AtLeast(30.0))),
    ];
    let mut answers = Vec::new();
    for (what, at_once, count, threads, bar) in questions {
        let rounds = abba(
            rounds,
            || per_second(ground, count, || runtime.block_on(runs(&mut served, &name, at_once, count))),
            || per_second(ground, PROCESSES * u32::try_from(threads)?, || processes(threads)),
        )?;
        let question = Question { what, unit: "/s", a: "runs", bar };
        answers.push(Answer::of(question, "/bin/true", &rounds));
    }
    Ok(answers)
}

pub(crate) fn per_second(
    ground: &Ground,
    count: u32,
    turn: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<Figure> {
    let started = ground.clock.monotonic();
    turn()?;
    Ok(f64::from(count) / started.elapsed().as_secs_f64())
}

/// Triggers runs, never more than `at_once` before one of them has ended, until `count` have succeeded.
pub(crate) async fn runs(served: &mut Served, task: &TaskName, at_once: u32, count: u32) -> anyhow::Result<()> {
    served.listen();
    let places = Arc::new(Semaphore::new(at_once as usize));
    let mut askers = JoinSet::new();
    for asker in 0..at_once {
        let (places, handle, task) = (Arc::clone(&places), served.daemon.handle(), task.clone());
        let share = count / at_once + u32::from(asker < count % at_once);
        askers.spawn(async move {
            for _ in 0..share {
                places.acquire().await?.forget();
                handle.trigger(task.clone(), Cause::Manual, None).await??;
            }
            anyhow::Ok(())
        });
    }
    let mut ended = 0;
    while ended < count {
        match served.next().await? {
            Heard::Succeeded => {
                ended += 1;
                places.add_permits(1);
            }
            Heard::Queued(_) | Heard::Began(_) => {}
        }
    }
    while let Some(asked) = askers.join_next().await {
        asked??;
    }
    Ok(())
}

/// Starts processes and waits for each, on some threads at once.
fn processes(threads: usize) -> anyhow::Result<()> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(one_after_the_other)).collect();
        for thread in threads {
            let Ok(done) = thread.join() else { bail!("a thread panicked") };
            done?;
        }
        Ok(())
    })
}

fn one_after_the_other() -> anyhow::Result<()> {
    for _ in 0..PROCESSES {
        let status = Command::new("/bin/true").status().context("start /bin/true")?;
        ensure!(status.success(), "/bin/true ended with {status}");
    }
    Ok(())
}
