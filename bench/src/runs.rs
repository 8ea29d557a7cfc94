//! How many durable runs the whole daemon makes a second, from the trigger to the end, against starting `/bin/true` and
//! waiting for it.

use std::num::NonZeroUsize;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, bail, ensure};
use sandclock_host::daemon::TriggerRequest;
use sandclock_host::model::cause::Cause;
use sandclock_host::model::id::TaskName;
use sandclock_host::model::overlap::Overlap;
use sandclock_host::model::schedule::Schedule;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::bar::Bar;
use crate::host::{Ground, Heard, MAX_CONCURRENT, Served, listener};
use crate::rounds::{Answer, Figure, Question, abba};

/// How many runs the daemon makes in a turn, for each that goes on at once; for 5 of them at least, and for 64 at most.
const RUNS: u32 = 100;
/// How many processes each thread starts in a turn.
const PROCESSES: u32 = 500;

/// More runs at once than by default: they share their commits with more others.
const MANY: NonZeroUsize = NonZeroUsize::new(256).expect("256 is not 0");

/// One at a time, as many at once as there may be by default, and more.
pub(crate) fn measure(ground: &Ground, rounds: usize) -> anyhow::Result<Vec<Answer>> {
    let questions = [
        ("durable runs, one at a time", NonZeroUsize::MIN, NonZeroUsize::MIN, None),
        ("durable runs, 64 at a time", MAX_CONCURRENT, ground.threads, Some(Bar::AtLeast(13.0))),
        ("durable runs, 256 at a time", MANY, ground.threads, Some(Bar::AtLeast(13.0))),
    ];
    let answer = |(what, at_once, threads, bar): (_, NonZeroUsize, NonZeroUsize, _)| {
        let task = ground.task("run", Schedule::manual(), Overlap::Allow)?;
        let name = task.name.clone();
        let runtime = listener()?;
        let max_concurrent = at_once.max(MAX_CONCURRENT);
        let mut served = runtime.block_on(Served::start_for(ground, vec![Arc::new(task)], max_concurrent))?;
        let at_once = u32::try_from(at_once.get())?;
        let count = RUNS * at_once.clamp(5, 64);
        let rounds = abba(
            rounds,
            || per_second(ground, count, || runtime.block_on(runs(&mut served, &name, at_once, count))),
            || per_second(ground, PROCESSES * u32::try_from(threads.get())?, || processes(threads.get())),
        )?;
        let question = Question { what, unit: "/s", a: "runs", bar };
        Ok(Answer::of(question, "/bin/true", &rounds))
    };
    questions.into_iter().map(answer).collect()
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
                handle.request(TriggerRequest::new(task.clone(), Cause::Manual)).await??;
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
