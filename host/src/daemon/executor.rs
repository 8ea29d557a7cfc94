//! Where guests run: a runtime of their own, with a fixed set of workers that take jobs from one queue.
//!
//! Workers persist: starting a task for each run costs 1.35 times a bare call, a worker's loop 1.02 times. Knows
//! nothing of schedules, retries or the ledger.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tracing::Instrument as _;

use crate::clock::Clock;
use crate::model::id::Digest;
use crate::model::outcome::Stop;
use crate::model::run::Run;
use crate::sandbox::{AttemptReport, AttemptRequest, Prepared, Sandbox};

/// Turns of guests on a thread after which it looks at timers and sockets. Else 61: where each guest takes the millisecond
/// of a turn, its deadline would be seen as much later.
const TURNS_BETWEEN_TIMERS: u32 = 16;

/// An attempt to execute.
pub(super) struct Job {
    /// The run.
    pub run: Arc<Run>,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// What to execute.
    pub prepared: Prepared,
    /// The bytes it was made from.
    pub digest: Digest,
    /// Ends the attempt before its time.
    pub stop: watch::Receiver<Option<Stop>>,
}

/// An attempt that was executed.
pub(super) struct Executed {
    /// The run.
    pub run: Arc<Run>,
    /// The bytes that were executed.
    pub digest: Digest,
    /// How it went.
    pub report: AttemptReport,
    /// When it ended.
    pub ended_at: Timestamp,
}

/// The workers. They stop when this is dropped, whatever they are doing.
pub(super) struct Executor {
    jobs: async_channel::Sender<Job>,
    executed: async_channel::Receiver<Executed>,
    runtime: Option<Runtime>,
}

impl Executor {
    /// Starts `workers` workers on `threads` threads, and beside them what looks after the sandbox.
    ///
    /// # Errors
    ///
    /// If the threads cannot be started.
    pub(super) fn start(workers: usize, threads: usize, clock: Clock, sandbox: &Sandbox) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("sandclock-guests")
            .event_interval(TURNS_BETWEEN_TIMERS)
            .enable_all()
            .build()?;
        // As many jobs as workers: the queue of runs is elsewhere, and no job waits here for long.
        let (jobs, queue) = async_channel::bounded::<Job>(workers);
        let (results, executed) = async_channel::bounded(workers);
        runtime.spawn(sandbox.tend());
        for _ in 0..workers {
            runtime.spawn(work(queue.clone(), results.clone(), clock));
        }
        Ok(Self { jobs, executed, runtime: Some(runtime) })
    }

    /// Hands a job to the next free worker. The queue of runs admits no more than there are workers.
    pub(super) fn submit(&self, job: Job) {
        if let Err(error) = self.jobs.try_send(job) {
            tracing::error!("more attempts started than there are workers: {error}");
        }
    }

    /// What the workers are done with.
    pub(super) fn executed(&self) -> async_channel::Receiver<Executed> {
        self.executed.clone()
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A guest in a blocking file operation cannot be interrupted; the process ends soon in any case.
            runtime.shutdown_background();
        }
    }
}

async fn work(jobs: async_channel::Receiver<Job>, results: async_channel::Sender<Executed>, clock: Clock) {
    while let Ok(Job { run, attempt, prepared, digest, stop }) = jobs.recv().await {
        // Whatever logs within it, a library too, says in which attempt.
        let span = tracing::debug_span!(
            "attempt",
            faas.name = %run.task.name,
            faas.invocation_id = %run.id,
            sandclock.attempt = attempt,
            sandclock.plugin = %run.task.plugin,
            sandclock.cause = run.cause.name(),
        );
        let report = prepared.attempt(AttemptRequest { run: run.clone(), attempt, stop }).instrument(span).await;
        let executed = Executed { run, digest, report, ended_at: clock.now() };
        if results.send(executed).await.is_err() {
            return;
        }
    }
}
