//! The one thread that writes: what waits in the queue becomes one transaction, and one `fsync` answers for all of it.
//!
//! A call is entered whole or not at all, and calls do not share each other's fate: if one is refused, the group is
//! rolled back and entered again with a savepoint around each call. Savepoints cost copies of pages, so they are used
//! only then.
//!
//! What follows upon a call that could not be made is not made either: a task's cursor must not pass a slot that waits in
//! memory to be tried again. A damaged database is not written to at all.

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::apply::Book;
use super::entry::Entry;
use super::error::LedgerError;
use crate::clock::Clock;

/// How many calls may wait to be written. Whoever comes when it is full waits for room.
pub(super) const QUEUE: usize = 4096;

/// How many calls one transaction takes. More would not be faster, only make the first one wait longer.
const GROUP: usize = 1024;

/// What was handed to [`super::Ledger::append`] in one call.
#[derive(Debug)]
pub(super) struct Call {
    /// The entries. None at all asks whether the ledger can be written.
    pub(super) entries: Vec<Entry>,
    /// How it stands to others.
    pub(super) order: Order,
    /// Where to say that they are durable, or why not.
    pub(super) done: oneshot::Sender<Result<(), LedgerError>>,
}

/// How a call stands to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// It has nothing to do with them.
    Alone,
    /// It follows upon those of its kind.
    Next,
    /// It is the first of those that could not be made, tried again.
    Again,
}

/// Why calls are not made.
#[derive(Debug, Default)]
struct Trouble {
    /// What became of the call that the next ones follow upon.
    broken: Option<LedgerError>,
    damage: Option<LedgerError>,
}

/// Writes what comes until nobody is left who could send more.
pub(super) fn write(mut book: Book<'_>, clock: Clock, mut calls: mpsc::Receiver<Call>) {
    let mut group = Vec::with_capacity(GROUP);
    let mut trouble = Trouble::default();
    while calls.blocking_recv_many(&mut group, GROUP) > 0 {
        for call in group.extract_if(.., |call| trouble.hinders(call.order).is_some()) {
            answer(call.done, trouble.hinders(call.order).cloned().map_or(Ok(()), Err));
        }
        if group.is_empty() {
            continue;
        }
        let results = book.commit(&group, clock.now());
        for (call, result) in group.drain(..).zip(results) {
            trouble.note(call.order, &result);
            answer(call.done, result);
        }
    }
}

fn answer(done: oneshot::Sender<Result<(), LedgerError>>, result: Result<(), LedgerError>) {
    // Whoever asked may have stopped waiting.
    let _ = done.send(result);
}

impl Trouble {
    fn hinders(&self, order: Order) -> Option<&LedgerError> {
        let broken = self.broken.as_ref().filter(|_| order == Order::Next);
        self.damage.as_ref().or(broken)
    }

    fn note(&mut self, order: Order, result: &Result<(), LedgerError>) {
        match (order, result) {
            (_, Err(error)) if error.is_damage() => self.damage = Some(error.clone()),
            (Order::Next | Order::Again, Err(error)) if !error.is_refusal() => self.broken = Some(error.clone()),
            // A refusal too shows that the database can be written.
            (Order::Again, _) => self.broken = None,
            _ => {}
        }
    }
}

impl Book<'_> {
    /// Enters a group of calls in one transaction. Returns a result for each.
    fn commit(&mut self, group: &[Call], now: Timestamp) -> Vec<Result<(), LedgerError>> {
        let result = match self.transaction(|book| book.together(group, now)) {
            Err(error) if error.is_refusal() => self.transaction(|book| book.one_by_one(group, now)),
            result => result.map(|()| vec![Ok(()); group.len()]),
        };
        // An error here is one of the database, and nothing of the group was entered.
        result.unwrap_or_else(|error| vec![Err(error); group.len()])
    }

    fn together(&mut self, group: &[Call], now: Timestamp) -> Result<(), LedgerError> {
        group.iter().try_for_each(|call| self.enter(call, now))
    }

    fn one_by_one(&mut self, group: &[Call], now: Timestamp) -> Result<Vec<Result<(), LedgerError>>, LedgerError> {
        let mut results = Vec::with_capacity(group.len());
        for call in group {
            self.control("SAVEPOINT call")?;
            let mark = self.tasks.mark();
            // What adds up is written within the savepoint, so that undoing it undoes it here and there alike.
            let result = self.enter(call, now).and_then(|()| self.write_sums());
            match &result {
                Ok(()) => {}
                Err(error) if error.is_refusal() => {
                    self.control("ROLLBACK TO call")?;
                    self.forget(mark);
                }
                Err(error) => return Err(error.clone()),
            }
            self.control("RELEASE call")?;
            results.push(result);
        }
        Ok(results)
    }

    fn enter(&mut self, call: &Call, now: Timestamp) -> Result<(), LedgerError> {
        self.taken_out.clear();
        if call.entries.is_empty() {
            return self.probe(now);
        }
        call.entries.iter().try_for_each(|entry| self.apply(entry))
    }

    /// Does something inside a transaction, which is committed if all went well and rolled back if not.
    fn transaction<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        let mark = self.tasks.mark();
        let result = self.control("BEGIN IMMEDIATE").and_then(|()| {
            let value = work(self)?;
            self.write_sums()?;
            self.control("COMMIT")?;
            Ok(value)
        });
        match result {
            Ok(_) => self.tasks.keep(),
            Err(_) => {
                self.forget(mark);
                // SQLite has rolled back by itself after some errors, and could not begin after others.
                if !self.connection.is_autocommit() {
                    let _ = self.control("ROLLBACK");
                }
            }
        }
        result
    }

    fn forget(&mut self, mark: super::tasks::Mark) {
        self.tasks.undo(mark);
        self.tallies.forget();
        self.plugins.forget();
    }

    /// Writes what entries moved or counted in memory.
    fn write_sums(&mut self) -> Result<(), LedgerError> {
        self.tasks.write(self.connection).map_err(LedgerError::database("move a cursor"))?;
        self.plugins.write(self.connection).map_err(LedgerError::database("count the attempts of plugins"))?;
        self.tallies.write(self.connection).map_err(LedgerError::database("count the ends of runs"))
    }

    fn control(&self, statement: &str) -> Result<(), LedgerError> {
        let run = || self.connection.prepare_cached(statement)?.execute([]);
        run().map(drop).map_err(LedgerError::database("commit to the ledger"))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use Order::{Again, Alone, Next};

    use super::*;
    use crate::ledger::alerts::Causes;
    use crate::model::id::RunId;

    /// The writer's side without its thread. The connection is left open, as that thread would have it for good.
    pub(in crate::ledger) fn book(connection: rusqlite::Connection) -> Book<'static> {
        Book::new(Box::leak(Box::new(connection)), Causes::default(), None)
    }

    #[test]
    fn what_follows_upon_a_failure_waits_until_it_is_made_up_for() {
        let failed = LedgerError::Stopped;
        let refused = LedgerError::OutOfOrder { entry: "start", run: RunId::from_i64(7).unwrap() };
        let damaged = LedgerError::Damaged { path: "ledger.db".into(), source: rusqlite::Error::InvalidQuery.into() };
        let check = |noted: &[(Order, Result<(), LedgerError>)], hindered: [bool; 3]| {
            let mut trouble = Trouble::default();
            noted.iter().for_each(|(order, result)| trouble.note(*order, result));
            let found = [Alone, Next, Again].map(|order| trouble.hinders(order).is_some());
            assert_eq!(found, hindered, "{noted:?}");
        };
        let fails = || Err(failed.clone());
        check(&[(Alone, fails()), (Next, Ok(()))], [false; 3]);
        check(&[(Next, fails())], [false, true, false]);
        check(&[(Next, fails()), (Alone, Ok(()))], [false, true, false]);
        check(&[(Next, fails()), (Again, fails())], [false, true, false]);
        check(&[(Next, fails()), (Again, Ok(()))], [false; 3]);
        check(&[(Next, fails()), (Again, Err(refused.clone()))], [false; 3]);
        check(&[(Next, Err(refused))], [false; 3]);
        check(&[(Alone, Err(damaged)), (Again, Ok(()))], [true; 3]);
    }

    /// Commits calls as one group.
    pub(in crate::ledger) fn commit(book: &mut Book<'_>, calls: Vec<Vec<Entry>>) -> Vec<Result<(), LedgerError>> {
        let group: Vec<Call> = calls
            .into_iter()
            .map(|entries| Call { entries, order: Order::Alone, done: oneshot::channel().0 })
            .collect();
        book.commit(&group, Timestamp::UNIX_EPOCH)
    }
}
