//! A run that somebody asks for, from the outside: what is asked, and what is answered when it is in the ledger.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::dispatcher::{PastRun, Refusal};
use super::handle::{Command, Handle, Stopped};
use crate::ledger::{LedgerError, Reader};
use crate::model::cause::Cause;
use crate::model::id::{RunId, TaskName};
use crate::model::key::Keyed;
use crate::model::outcome::{Outcome, OutcomeClass};
use crate::model::payload::Blob;
use crate::model::run::RunState;
use crate::model::trace::TraceContext;

/// A run that somebody asks for.
#[derive(Debug, Clone)]
pub struct TriggerRequest {
    /// The task.
    pub task: TaskName,
    /// Why the run exists.
    pub cause: Cause,
    /// What it works on, if not what the task says.
    pub payload: Option<Arc<Blob>>,
    /// The trace that it is a part of, if whoever asks keeps one.
    pub trace: Option<TraceContext>,
    /// What makes asking twice asking once.
    pub keyed: Option<Keyed>,
}

impl TriggerRequest {
    /// A request for a run of a task: with the payload of its configuration, in no trace, and without a key.
    pub fn new(task: TaskName, cause: Cause) -> Self {
        Self { task, cause, payload: None, trace: None, keyed: None }
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Triggered {
    /// The run.
    pub run: RunId,
    /// Whether it was there before.
    pub asked: Asked,
}

/// Whether a key was met before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// It was not.
    First,
    /// It was: this is the run that it led to then.
    Again,
}

/// The end of a run.
#[derive(Debug, Clone)]
pub struct End {
    /// How it ended; an output of it is in there.
    pub outcome: Arc<Outcome>,
    /// How many attempts it had.
    pub attempts: u32,
}

/// What is known when somebody has waited for the end of a run.
#[derive(Debug, Clone)]
pub enum Awaited {
    /// It is over.
    Ended(End),
    /// It was there before, and is over or about to be: the ledger has its end, or will in a moment.
    InLedger,
    /// The time is up, and it is not over.
    GoesOn,
}

/// A run cannot be run again.
#[derive(Debug, thiserror::Error)]
pub enum RetryError {
    /// The dispatcher refuses it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no such run.
    #[error("there is no run {0}")]
    NoSuchRun(RunId),
    /// It did its work.
    #[error("the run {0} succeeded; trigger its task for another one")]
    Succeeded(RunId),
    /// It was skipped as it was asked for, and what it was to work on was not kept.
    #[error("the run {0} was skipped as it was asked for, and its payload was not kept; trigger its task instead")]
    NothingKept(RunId),
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The daemon is gone.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl Handle {
    /// Asks for a run of a task; answers when it is in the ledger.
    ///
    /// # Errors
    ///
    /// If the daemon refuses, or is gone.
    pub async fn request(&self, request: TriggerRequest) -> Result<Result<Triggered, Refusal>, Stopped> {
        self.ask(|answer| Command::Trigger { request, answer, end: None }).await
    }

    /// Asks for a run of a task and waits for its end, but no longer than `until` once it is in the ledger.
    ///
    /// # Errors
    ///
    /// If the daemon refuses, or is gone.
    pub async fn request_and_wait(
        &self,
        request: TriggerRequest,
        until: Instant,
    ) -> Result<Result<(Triggered, Awaited), Refusal>, Stopped> {
        let (answer, entered) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        self.send(Command::Trigger { request, answer, end: Some(end) }).await?;
        // Nobody listens for the entry before the end: to be woken for it as well costs more than all else that the
        // asking thread does for a run.
        let ended = tokio::time::timeout_at(until, ended).await;
        let triggered = match entered.await.map_err(|_| Stopped)? {
            Ok(triggered) => triggered,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let awaited = match (ended, triggered.asked) {
            (Ok(Ok(end)), _) => Awaited::Ended(end),
            (Ok(Err(_)), Asked::Again) => Awaited::InLedger,
            (Ok(Err(_)), Asked::First) => return Err(Stopped),
            (Err(_), _) => Awaited::GoesOn,
        };
        Ok(Ok((triggered, awaited)))
    }

    /// Resolves with the end of a run. None if it is over or about to be: the ledger has it then.
    ///
    /// # Errors
    ///
    /// If the daemon is gone.
    pub async fn end_of(&self, run: RunId) -> Result<Option<oneshot::Receiver<End>>, Stopped> {
        self.ask(|answer| Command::Watch { run, answer }).await
    }

    /// Runs a run again that is over and did not succeed: it is opened again, with the payload and the cause that it had,
    /// and may have as many attempts as a new one. Answers when that is in the ledger.
    ///
    /// # Errors
    ///
    /// If there is nothing to run again, the daemon refuses or is gone, or the ledger cannot be read.
    pub async fn retry(&self, run: RunId) -> Result<(), RetryError> {
        let state = self.links.state.clone();
        let look_up = tokio::task::spawn_blocking(move || past_run(&Reader::open(&state)?, run));
        let past = look_up.await.unwrap_or(Err(RetryError::Ledger(LedgerError::Stopped)))?;
        Ok(self.ask(|answer| Command::Retry { past, answer }).await??)
    }
}

/// What the ledger has of a run that is to be run again.
fn past_run(reader: &Reader, id: RunId) -> Result<PastRun, RetryError> {
    let run = reader.run(id)?.ok_or(RetryError::NoSuchRun(id))?;
    let RunState::Final(outcome) = &run.state else { return Err(Refusal::NotOver.into()) };
    if outcome.class() == OutcomeClass::Succeeded {
        return Err(RetryError::Succeeded(id));
    }
    let payload = reader.payload(id)?;
    let was_refused = matches!(outcome, Outcome::Skipped(_)) && run.attempts == 0 && run.slot.is_none();
    if was_refused && payload.is_none() {
        return Err(RetryError::NothingKept(id));
    }
    Ok(PastRun {
        id,
        task: run.task,
        cause: run.cause,
        slot: run.slot,
        attempts: run.attempts,
        payload: payload.map(Arc::new),
    })
}
