//! What an attempt costs beyond the guest: [`Prepared::attempt`] against instantiating the same component in a new store
//! of the same engine and calling it.

use std::num::NonZeroUsize;
use std::sync::Arc;

use anyhow::ensure;
use sandclock_host::model::cause::Cause;
use sandclock_host::model::id::RunId;
use sandclock_host::model::outcome::AttemptOutcome;
use sandclock_host::model::overlap::Overlap;
use sandclock_host::model::run::Run;
use sandclock_host::model::schedule::Schedule;
use sandclock_host::model::task::Task;
use sandclock_host::sandbox::{AttemptRequest, Prepared};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::bar::Bar;
use crate::host::Ground;
use crate::process::page_faults;
use crate::rounds::{Answer, Figure, Question, abba};

/// How many calls each worker makes in a turn.
const CALLS: u32 = 10_000;

/// On one worker, and on one for each processor; and how many pages the kernel has to find for an attempt meanwhile.
pub(crate) fn measure(ground: &Ground, rounds: usize) -> anyhow::Result<Vec<Answer>> {
    let run = run(ground, ground.task("attempt", Schedule::manual(), Overlap::Allow)?);
    let questions = [
        (NonZeroUsize::MIN, "one attempt, 1 worker", Bar::Times(1.1)),
        (ground.threads, "one attempt, a worker for each processor", Bar::Times(1.15)),
    ];
    let answer = |(workers, what, bar): (NonZeroUsize, _, _)| {
        let question = Question { what, unit: "µs", a: "attempt", bar: Some(bar) };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers.get()).enable_all().build()?;
        let prepared = runtime.block_on(ground.prepared(&run.task))?;
        let turn = |arm| turn(ground, &runtime, workers, &prepared, &run, arm);
        let rounds = abba(rounds, || turn(Arm::Attempt), || turn(Arm::Bare))?;
        Ok(Answer::of(question, "bare instance and call", &rounds))
    };
    let mut answers: Vec<Answer> = questions.into_iter().map(answer).collect::<anyhow::Result<_>>()?;
    answers.push(faults(ground, &run, rounds)?);
    Ok(answers)
}

/// Page faults of this process for each attempt, once as many attempts were made before.
fn faults(ground: &Ground, run: &Arc<Run>, rounds: usize) -> anyhow::Result<Answer> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let prepared = runtime.block_on(ground.prepared(&run.task))?;
    let turn = || turn(ground, &runtime, NonZeroUsize::MIN, &prepared, run, Arm::Attempt);
    turn()?;
    let mut figures = Vec::new();
    for _ in 0..rounds {
        let before = page_faults()?;
        turn()?;
        figures.push((page_faults()? - before) as f64 / f64::from(CALLS));
    }
    let bar = Some(Bar::AtMost(0.01));
    Ok(Answer::alone(Question { what: "page faults of an attempt", unit: "", a: "attempt", bar }, figures))
}

/// A run of a task that somebody asked for.
pub(crate) fn run(ground: &Ground, task: Task) -> Arc<Run> {
    let now = ground.clock.now();
    let id = RunId::next(now.as_millisecond(), 0, None);
    Arc::new(Run {
        id,
        task: Arc::new(task),
        cause: Cause::Manual,
        slot: None,
        payload: None,
        trace: None,
        admitted_at: now,
    })
}

#[derive(Clone, Copy)]
enum Arm {
    Attempt,
    Bare,
}

/// One turn: every worker makes its calls, one after the other. The figure is what a call takes, in microseconds.
fn turn(
    ground: &Ground,
    runtime: &Runtime,
    workers: NonZeroUsize,
    prepared: &Prepared,
    run: &Arc<Run>,
    arm: Arm,
) -> anyhow::Result<Figure> {
    let started = ground.clock.monotonic();
    runtime.block_on(async {
        let mut working = JoinSet::new();
        for _ in 0..workers.get() {
            working.spawn(calls(prepared.clone(), Arc::clone(run), arm));
        }
        while let Some(done) = working.join_next().await {
            done??;
        }
        anyhow::Ok(())
    })?;
    Ok(started.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS))
}

async fn calls(prepared: Prepared, run: Arc<Run>, arm: Arm) -> anyhow::Result<()> {
    match arm {
        Arm::Attempt => {
            attempts(&prepared, &run, CALLS, |outcome| matches!(outcome, AttemptOutcome::Succeeded { .. })).await?
        }
        Arm::Bare => {
            let bare = prepared.bare(run);
            for _ in 0..CALLS {
                ensure!(bare.call().await, "a bare call failed");
            }
        }
    }
    Ok(())
}

/// Attempts, one after the other, of which each has to end as it should.
pub(crate) async fn attempts(
    prepared: &Prepared,
    run: &Arc<Run>,
    count: u32,
    is_expected: fn(&AttemptOutcome) -> bool,
) -> anyhow::Result<()> {
    let (_stop, stop) = watch::channel(None);
    for _ in 0..count {
        let request = AttemptRequest { run: Arc::clone(run), attempt: 1, stop: stop.clone() };
        let outcome = prepared.attempt(request).await.outcome;
        ensure!(is_expected(&outcome), "an attempt ended with {outcome:?}");
    }
    Ok(())
}
