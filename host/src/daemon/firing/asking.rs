//! Runs that are asked for: that one request with one key makes one run, and who waits for its end.
//!
//! From before a key is looked up in the ledger until it is durable there, it is held here. So whoever comes with it
//! meanwhile waits, and whoever comes later finds it in the ledger: no moment is left in which two could be first.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::oneshot;

use super::noting::Noting;
use super::{Answer, Loop};
use crate::daemon::asked::{Asked, End, TriggerRequest, Triggered};
use crate::daemon::dispatcher::Refusal;
use crate::ledger::{Entry, KeyRecord, LedgerError};
use crate::model::id::{RunId, TaskName};
use crate::model::key::{Key, Keyed};
use crate::model::outcome::Outcome;

/// Whoever asks, and what for.
pub(super) struct Asking {
    pub(super) request: TriggerRequest,
    pub(super) answer: oneshot::Sender<Result<Triggered, Refusal>>,
    /// Who waits for the end.
    pub(super) end: Option<oneshot::Sender<End>>,
    /// On whose behalf, for the audit log.
    pub(super) noting: Option<Noting>,
}

/// The keys that are being looked up or entered.
#[derive(Default)]
pub(super) struct Keys {
    pub(super) looking: FuturesUnordered<BoxFuture<'static, Looked>>,
    /// Those who wait for what becomes of a key.
    held: HashMap<(TaskName, Key), Vec<Asking>>,
}

/// What the ledger knows of a key.
pub(super) struct Looked {
    task: TaskName,
    key: Key,
    found: Result<Option<KeyRecord>, LedgerError>,
}

/// Those who wait for the ends of runs.
///
/// An end is told when the turn of the loop is over, with all others of that turn: whoever waits for them is on another
/// thread, which would be woken for each and go to sleep again before the next.
#[derive(Default)]
pub(super) struct Ends {
    waiting: HashMap<RunId, Vec<oneshot::Sender<End>>>,
    /// What is to be told.
    ended: Vec<(oneshot::Sender<End>, End)>,
}

impl Ends {
    /// The end of a run that is not over.
    pub(super) fn of(&mut self, run: RunId) -> oneshot::Receiver<End> {
        let (sender, end) = oneshot::channel();
        self.add(run, sender);
        end
    }

    /// Somebody waits for the end of a run that is not over.
    fn add(&mut self, run: RunId, sender: oneshot::Sender<End>) {
        let waiting = self.waiting.entry(run).or_default();
        // Whoever waits with a limit and asks again must not pile up.
        waiting.retain(|sender| !sender.is_closed());
        waiting.push(sender);
    }

    /// Takes note of the end of a run.
    pub(super) fn over(&mut self, run: RunId, outcome: &Arc<Outcome>, attempts: u32) {
        let waiting = self.waiting.remove(&run).into_iter().flatten();
        self.ended.extend(waiting.map(|sender| (sender, End { outcome: outcome.clone(), attempts })));
    }

    /// Tells the ends that were taken note of.
    pub(super) fn tell(&mut self) {
        for (sender, end) in self.ended.drain(..) {
            // Whoever waited may have gone.
            let _ = sender.send(end);
        }
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Nobody will hear of this run: it is not in the ledger.
    pub(super) fn forget(&mut self, run: RunId) {
        self.waiting.remove(&run);
    }
}

impl Loop {
    pub(super) fn asked_for(&mut self, asking: Asking) {
        let Some(Keyed { key, .. }) = &asking.request.keyed else { return self.begin_run(asking) };
        let held = (asking.request.task.clone(), key.clone());
        if let Some(waiting) = self.keys.held.get_mut(&held) {
            return waiting.push(asking);
        }
        let (task, key) = held.clone();
        self.keys.held.insert(held, vec![asking]);
        let found = self.firing.ledger.key(task.clone(), key.clone());
        self.keys.looking.push(found.map(|found| Looked { task, key, found }).boxed());
    }

    pub(super) fn looked(&mut self, Looked { task, key, found }: Looked) {
        match found {
            Ok(None) => self.first_of_key((task, key)),
            Ok(Some(known)) => self.answer_all(&(task, key), known),
            Err(error) => {
                tracing::warn!(%task, "an idempotency key cannot be looked up: {error}");
                for asking in self.keys.held.remove(&(task, key)).into_iter().flatten() {
                    let _ = asking.answer.send(Err(Refusal::LedgerFailing));
                }
            }
        }
    }

    /// Lets the first of those who wait with a key that nobody has used have its run.
    fn first_of_key(&mut self, held: (TaskName, Key)) {
        let Some(waiting) = self.keys.held.get_mut(&held) else { return };
        if waiting.is_empty() {
            self.keys.held.remove(&held);
            return;
        }
        let first = waiting.remove(0);
        self.begin_run(first);
    }

    /// Decides over a run that is asked for, whose key nobody has used.
    fn begin_run(&mut self, Asking { request, answer, end, noting }: Asking) {
        let TriggerRequest { task, cause, payload, trace, keyed } = request;
        let now = self.firing.clock.now();
        let decided = self.writable().and_then(|()| self.firing.dispatcher.trigger(&task, cause, payload, trace, now));
        let held = keyed.as_ref().map(|keyed| (task.clone(), keyed.key.clone()));
        let (run, mut step) = match decided {
            Ok(decided) => decided,
            Err(refusal) => {
                self.noting = noting;
                self.note_refused(refusal.code());
                // Whoever asked may have gone; that holds for every answer.
                let _ = answer.send(Err(refusal));
                // The next one is refused as well, unless something has changed.
                return held.into_iter().for_each(|held| self.first_of_key(held));
            }
        };
        if let Some(end) = end {
            self.ends.add(run, end);
        }
        let request = keyed.as_ref().map(|keyed| keyed.request);
        step.entries.extend(keyed.map(|keyed| Entry::Keyed { task, keyed, run, at: now }));
        let entered: Answer = Box::new(move |state, refused| {
            if refused.contains(&run) {
                state.ends.forget(run);
                let _ = answer.send(Err(Refusal::Contradicted));
                return held.into_iter().for_each(|held| state.first_of_key(held));
            }
            let _ = answer.send(Ok(Triggered { run, asked: Asked::First }));
            if let (Some(held), Some(request)) = (held, request) {
                state.answer_all(&held, KeyRecord { run, request });
            }
        });
        self.noting = noting;
        self.note_run(run);
        self.record_noted(step, entered);
    }

    /// Tells all who wait with a key which run it has led to.
    fn answer_all(&mut self, held: &(TaskName, Key), known: KeyRecord) {
        for Asking { request, answer, end, .. } in self.keys.held.remove(held).into_iter().flatten() {
            let is_same = request.keyed.is_some_and(|keyed| keyed.request == known.request);
            let _ = answer.send(match is_same {
                true => Ok(Triggered { run: known.run, asked: Asked::Again }),
                false => Err(Refusal::KeyReused),
            });
            if let Some(end) = end.filter(|_| is_same && self.firing.dispatcher.is_open(known.run)) {
                self.ends.add(known.run, end);
            }
        }
    }
}
