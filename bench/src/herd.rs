//! 100,000 tasks that are due at one instant: how long it takes until the last of them is dispatched, against what as
//! many runs take at the rate at which the same daemon makes them otherwise.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use sandclock_host::clock::{Clock, until};
use sandclock_host::model::overlap::Overlap;
use sandclock_host::model::schedule::Schedule;
use sandclock_host::model::task::Task;

use crate::bar::Bar;
use crate::host::{Ground, MAX_CONCURRENT, PATIENCE, Served, listener};
use crate::rounds::{Answer, Figure, Question, bab};
use crate::runs::{per_second, runs};

/// How many are due at once.
const TASKS: u32 = 100_000;
/// How often they are: several times what a herd takes, and the steady runs after it.
const INTERVAL: Duration = Duration::from_secs(30);
/// How many runs tell the steady rate.
const STEADY: u32 = 20_000;

/// A round for each four of others, since one takes as long as an interval.
pub(crate) fn measure(ground: &Ground, rounds: usize) -> anyhow::Result<Vec<Answer>> {
    let alone = Arc::new(ground.task("alone", Schedule::manual(), Overlap::Allow)?);
    let name = alone.name.clone();
    let due = |number| {
        let task = ground.task(&format!("task-{number}"), Schedule::every(INTERVAL)?, Overlap::Skip)?;
        Ok(Arc::new(task))
    };
    let tasks = std::iter::once(Ok(alone)).chain((0..TASKS).map(due));
    let tasks = tasks.collect::<anyhow::Result<Vec<Arc<Task>>>>()?;
    let runtime = listener()?;
    let served = RefCell::new(runtime.block_on(Served::start(ground, tasks))?);
    let herd = || runtime.block_on(herd(ground.clock, &mut served.borrow_mut()));
    let steady = || {
        let (served, at_once) = (&mut *served.borrow_mut(), u32::try_from(MAX_CONCURRENT.get())?);
        let rate = per_second(ground, STEADY, || runtime.block_on(runs(served, &name, at_once, STEADY)))?;
        Ok(f64::from(TASKS) / rate)
    };
    // What comes after a herd has the rest of its interval to itself.
    herd()?;
    let rounds = bab((rounds / 4).max(1), herd, steady)?;
    let question = Question {
        what: "100,000 tasks due at one instant",
        unit: "s",
        a: "last dispatched",
        bar: Some(Bar::Times(1.2)),
    };
    Ok(vec![Answer::of(question, "as many at the steady rate", &rounds)])
}

/// Waits for the next instant. How long after it the last attempt began, in seconds.
///
/// The daemon's status tells: as events, so many runs that are queued at once would come too fast.
async fn herd(clock: Clock, served: &mut Served) -> anyhow::Result<Figure> {
    let due = Schedule::every(INTERVAL)?.next_after(clock.now()).context("no slot is next")?;
    let mut status = served.daemon.handle().status();
    let dispatched = async {
        status.wait_for(|status| status.waiting > 0).await?;
        status.wait_for(|status| status.waiting == 0).await?;
        anyhow::Ok(until(clock.now(), due.time()).as_secs_f64())
    };
    tokio::time::timeout(INTERVAL + PATIENCE, dispatched).await.context("the herd is not dispatched")?
}
