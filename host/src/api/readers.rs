//! Looks into the ledger for requests: some threads, each with a connection that stays open.
//!
//! To open SQLite takes longer than most questions, and a question must not hold up the thread that answers `/healthz`.
//! How many wait is bounded: whoever comes then is told so.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::problem::Problem;
use crate::ledger::{LedgerError, Reader};

/// How many questions are answered at once.
const THREADS: usize = 2;
/// How many may wait.
const QUEUE: usize = 1024;
/// How long one may wait.
const PATIENCE: Duration = Duration::from_secs(10);

type Question = Box<dyn FnOnce(Result<&Reader, LedgerError>) -> Verdict + Send>;

/// Whether the connection is as good as before.
#[derive(PartialEq)]
enum Verdict {
    Keep,
    OpenAnew,
}

/// A way to ask. The threads end when the last clone is gone and all is answered.
#[derive(Clone)]
pub(super) struct Readers(async_channel::Sender<Question>);

impl Readers {
    /// Starts the threads. They open the ledger of the state folder when first asked.
    ///
    /// # Errors
    ///
    /// If a thread cannot be started.
    pub(super) fn start(state: &Path) -> std::io::Result<Self> {
        let (ask, questions) = async_channel::bounded::<Question>(QUEUE);
        let state: Arc<Path> = state.into();
        for _ in 0..THREADS {
            let (state, questions) = (state.clone(), questions.clone());
            std::thread::Builder::new()
                .name("sandclock-api-reader".into())
                .spawn(move || answer(&state, &questions))?;
        }
        Ok(Self(ask))
    }

    /// Asks the ledger something.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or if too many ask.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Reader) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, Problem> {
        let (done, answered) = oneshot::channel();
        let question: Question = Box::new(move |reader| {
            if done.is_closed() {
                return Verdict::Keep;
            }
            let answer = reader.and_then(question);
            let verdict = if answer.is_ok() { Verdict::Keep } else { Verdict::OpenAnew };
            // Whoever asked may have gone.
            let _ = done.send(answer);
            verdict
        });
        self.0.try_send(question).map_err(|_| Problem::busy())?;
        match tokio::time::timeout(PATIENCE, answered).await {
            Ok(Ok(answer)) => Ok(answer?),
            Ok(Err(_)) => Err(LedgerError::Stopped.into()),
            Err(_) => Err(Problem::busy()),
        }
    }
}

fn answer(state: &Path, questions: &async_channel::Receiver<Question>) {
    let mut open = None;
    while let Ok(question) = questions.recv_blocking() {
        let reader = match open.take() {
            Some(reader) => Ok(reader),
            None => Reader::open(state),
        };
        let verdict = question(reader.as_ref().map_err(Clone::clone));
        open = reader.ok().filter(|_| verdict == Verdict::Keep);
    }
}
