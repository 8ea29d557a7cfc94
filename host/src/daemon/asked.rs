//! A run that somebody asks for, from the outside: what is asked, and what is answered when it is in the ledger.

use std::sync::Arc;

use tokio::sync::oneshot;

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
    /// What is to be told.
    pub wants: Wants,
}

/// What whoever asks for a run wants to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// That it is in the ledger.
    Entry,
    /// Also its end.
    End,
}

/// What came of it.
#[derive(Debug)]
pub struct Triggered {
    /// The run.
    pub run: RunId,
    /// Whether it was there before.
    pub asked: Asked,
    /// Resolves with the end of the run. None if that was not asked for, or if the run is over or about to be: the
    /// ledger has it then.
    pub end: Option<oneshot::Receiver<End>>,
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
        self.ask(|answer| Command::Trigger { request, answer }).await
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
        let state = self.state.clone();
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
