//! One attempt: a fresh store, the guest's call under its deadline, and the report of it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;

use futures_util::FutureExt as _;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::unconstrained;
use tokio::time::Instant;
use wasmtime::Store;
use wasmtime_wasi_http::FieldMapError;

use crate::model::keyvalue::Batch;
use crate::model::limits::{Limit, Limits, Usage};
use crate::model::log::{Level, LogLine};
use crate::model::outcome::{AttemptOutcome, Exceeded, OutcomeClass, Stop};
use crate::model::run::Run;
use crate::sandbox::Prepared;
use crate::sandbox::bounds;
use crate::sandbox::carried::Carried;
use crate::sandbox::facts::Facts;
use crate::sandbox::guest::Guest;
use crate::sandbox::http::Egress;
use crate::sandbox::journal::Journal;
use crate::sandbox::keyvalue::Stores;
use crate::sandbox::lesson;
use crate::sandbox::meter::Hit;
use crate::sandbox::redaction::Redaction;
use crate::sandbox::verdict::{Ending, Evidence, verdict};

/// What an attempt needs to know.
#[derive(Debug, Clone)]
pub struct AttemptRequest {
    /// The run.
    pub run: Arc<Run>,
    /// Which attempt of it, from 1.
    pub attempt: u32,
    /// Ends the attempt as soon as it holds a value. A sender that is gone means that nobody will.
    pub stop: watch::Receiver<Option<Stop>>,
}

/// What came of an attempt.
#[derive(Debug, Clone)]
pub struct AttemptReport {
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// What it used.
    pub usage: Usage,
    /// What it logged, and what the host noted about it.
    pub log: Vec<LogLine>,
    /// When the guest started.
    pub started_at: Timestamp,
    /// What it wrote to key-value stores that is to be written with its success. Nothing, unless it succeeded.
    pub writes: Vec<Batch>,
}

impl Prepared {
    /// Runs the plugin once, in a store of its own, until it ends, reaches a limit or is stopped.
    ///
    /// Whatever the guest does is an outcome, and so is whatever the host does wrong for its sake, a panic included.
    /// Dropping the future ends the guest at once.
    pub async fn attempt(&self, request: AttemptRequest) -> AttemptReport {
        let AttemptRequest { run, attempt, mut stop } = request;
        let task = &run.task;
        let clock = self.clock();
        let redaction = Redaction::of(&task.grants);
        let journal = Journal::new(clock, &task.limits, redaction.clone());
        let going = self.live().begin(&run, attempt, &journal);
        let egress = Egress::new(Arc::clone(task), journal.clone(), clock, self.network()).of_attempt(&run, attempt);
        let egress = Arc::new(egress);

        let (started_at, started) = (clock.now(), clock.monotonic());
        let facts = Facts {
            run: &run,
            attempt,
            deadline: started_at.saturating_add(task.limits.timeout).unwrap_or(Timestamp::MAX),
        };
        let ticking = self.ticking();
        let mut store = None;
        let ended = async {
            let guest = pin!(self.guest(&mut store, facts, &journal, &egress));
            let _requests = egress.ends();
            first_of(guest, &mut stop, started + task.limits.timeout).await
        };
        // A guest that is cut off is dropped within, with its call of the host.
        let ended = AssertUnwindSafe(ended).catch_unwind().await;
        let ending = ended.unwrap_or_else(|panic| Ending::HostFailed(panicked(panic.as_ref())));
        let duration = clock.monotonic().duration_since(started);
        drop(ticking);

        let (writes, kv_writes) = store.as_mut().map(|store| store.data_mut().stores().finish()).unwrap_or_default();
        let Consumption { fuel, peak_memory, peak_table_elements, hit } = consumption(store.as_ref(), &task.limits);
        let Carried { call: hostcall, .. } = Carried::of(task, self.contract());
        let evidence = Evidence { limits: &task.limits, exit_codes: &task.exit_codes, hostcall, hit, duration, fuel };
        let outcome = redacted(verdict(ending, evidence), &redaction);
        drop_store(store);
        let http = egress.usage();
        if let AttemptOutcome::Exceeded(exceeded) = &outcome {
            journal.last(Level::Error, lesson::limit(task, exceeded));
        }
        if headers_were_full(&outcome) {
            journal.last(Level::Error, lesson::http_fields(task));
        }
        let (log, host_dropped) = journal.end();
        let output = output(&outcome);
        let usage = Usage { duration, fuel, peak_memory, peak_table_elements, output, log, http, kv_writes };
        if log.dropped > 0 {
            journal.last(Level::Warn, lesson::log(&task.name, &task.limits, &usage));
        }
        if host_dropped > 0 {
            journal.last(Level::Warn, lesson::host_lines(host_dropped));
        }
        let writes = if outcome.class() == OutcomeClass::Succeeded { writes } else { Vec::new() };
        drop(going);
        AttemptReport { outcome, usage, log: journal.take(), started_at, writes }
    }

    /// Sets the guest up, in a store that outlives the call so that it can be asked what was used, and calls it.
    async fn guest(
        &self,
        slot: &mut Option<Store<Guest>>,
        facts: Facts<'_>,
        journal: &Journal,
        egress: &Arc<Egress>,
    ) -> Ending {
        let engine = self.instance_pre().engine();
        let stores = Stores::new(Arc::clone(&facts.run.task), self.keeper(), journal.clone());
        match Guest::store(engine, self.contract(), facts, self.clock(), journal.clone(), Arc::clone(egress), stores) {
            Ok(store) => self.call(slot.insert(store), facts).await.unwrap_or_else(Ending::from),
            Err(error) => Ending::HostFailed(chain(&error)),
        }
    }
}

/// Whether a guest of WASI 0.2 was stopped for it set more headers than a request may have: the library says no otherwise
/// than by a trap.
fn headers_were_full(outcome: &AttemptOutcome) -> bool {
    let full = [FieldMapError::TotalSizeTooBig, FieldMapError::TooManyFields];
    matches!(outcome, AttemptOutcome::Trapped(trap) if full.iter().any(|error| error.to_string() == trap.reason))
}

/// What a guest has consumed.
#[derive(Debug, Default)]
struct Consumption {
    fuel: Option<u64>,
    peak_memory: u64,
    peak_table_elements: u64,
    hit: Option<Hit>,
}

/// What the guest of a store has consumed; nothing, if it did not come to that.
fn consumption(store: Option<&Store<Guest>>, limits: &Limits) -> Consumption {
    store.map_or_else(Consumption::default, |store| {
        let meter = store.data().meter();
        Consumption {
            // An engine that does not meter fuel has an error instead of some.
            fuel: limits.allowed(Limit::Fuel).zip(store.get_fuel().ok()).map(|(all, left)| all.saturating_sub(left)),
            peak_memory: meter.peak_memory(),
            peak_table_elements: meter.peak_table_elements(),
            hit: meter.hit(),
        }
    })
}

/// Bytes of output, kept or refused.
fn output(outcome: &AttemptOutcome) -> u64 {
    match outcome {
        AttemptOutcome::Succeeded { output: Some(output) } => output.size(),
        AttemptOutcome::Exceeded(Exceeded { limit: Limit::Output, used, .. }) => *used,
        _ => 0,
    }
}

/// Resolves when the attempt is to be stopped.
async fn stopped(stop: &mut watch::Receiver<Option<Stop>>) -> Stop {
    // The guard of the value must not live across the wait below.
    let stop = stop.wait_for(Option::is_some).await.map_or(None, |stop| *stop);
    match stop {
        Some(stop) => stop,
        None => std::future::pending().await,
    }
}

/// Lets the guest go on until it ends, is stopped, or its deadline passes.
///
/// The guest comes first: most end before they wait for anything, and then no timer has to be made or set, which costs more
/// than all else around the call. One that uses up the runtime's budget for its turn must not keep the others from being
/// looked at, so those have none.
async fn first_of(
    guest: impl Future<Output = Ending>,
    stop: &mut watch::Receiver<Option<Stop>>,
    deadline: Instant,
) -> Ending {
    if let Some(stop) = *stop.borrow() {
        return Ending::Stopped(stop);
    }
    tokio::select! {
        biased;
        ending = guest => ending,
        stop = unconstrained(stopped(stop)) => Ending::Stopped(stop),
        () = unconstrained(async { tokio::time::sleep_until(deadline).await }) => Ending::DeadlinePassed,
    }
}

/// Drops what the guest held. A panic of some host resource's destructor must not reach the worker.
fn drop_store(store: Option<Store<Guest>>) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(store))) {
        tracing::error!(message = panicked(panic.as_ref()), "the host failed to clean up after a guest");
    }
}

/// What a panic said.
fn panicked(panic: &(dyn Any + Send)) -> String {
    let message = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the host panicked: {}", message.unwrap_or("without a message"))
}

/// An error's message with all its causes.
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |cause| cause.source())
        .fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// The outcome without secrets, and with messages of a bounded size.
fn redacted(outcome: AttemptOutcome, redaction: &Redaction) -> AttemptOutcome {
    let clean = |text: String| {
        let mut text = redaction.apply(text);
        text.truncate(text.floor_char_boundary(bounds::MESSAGE));
        // It is kept until the ledger has it: the rest must not be.
        text.shrink_to_fit();
        text
    };
    match outcome {
        AttemptOutcome::Failed(mut failure) => {
            failure.message = clean(failure.message);
            AttemptOutcome::Failed(failure)
        }
        AttemptOutcome::Trapped(mut trap) => {
            trap.reason = clean(trap.reason);
            AttemptOutcome::Trapped(trap)
        }
        AttemptOutcome::Broken { message } => AttemptOutcome::Broken { message: clean(message) },
        outcome => outcome,
    }
}
