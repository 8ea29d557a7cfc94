//! The one thread that writes: what waits in the queue becomes one transaction, and one `fsync` answers for all of it.
//!
//! A call is entered whole or not at all, and calls do not share each other's fate: if one is refused, the group is
//! rolled back and entered again with a savepoint around each call. Savepoints cost copies of pages, so they are used
//! only then.

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
    /// Where to say that they are durable, or why not.
    pub(super) done: oneshot::Sender<Result<(), LedgerError>>,
}

/// Writes what comes until nobody is left who could send more.
pub(super) fn write(mut book: Book, clock: Clock, mut calls: mpsc::Receiver<Call>) {
    let mut group = Vec::with_capacity(GROUP);
    while calls.blocking_recv_many(&mut group, GROUP) > 0 {
        let results = book.commit(&group, clock.now());
        for (call, result) in group.drain(..).zip(results) {
            // Whoever asked may have stopped waiting.
            let _ = call.done.send(result);
        }
    }
}

impl Book {
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
        self.plugins.clear();
    }

    /// Writes what entries moved or counted in memory.
    fn write_sums(&mut self) -> Result<(), LedgerError> {
        self.tasks.write(&self.connection).map_err(LedgerError::database("move a cursor"))?;
        self.tallies.write(&self.connection).map_err(LedgerError::database("count the ends of runs"))
    }

    fn control(&self, statement: &str) -> Result<(), LedgerError> {
        let run = || self.connection.prepare_cached(statement)?.execute([]);
        run().map(drop).map_err(LedgerError::database("commit to the ledger"))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::ledger::tally::Tallies;
    use crate::ledger::tasks::Tasks;

    /// The writer's side without its thread.
    pub(in crate::ledger) fn book(connection: rusqlite::Connection) -> Book {
        Book {
            connection,
            tasks: Tasks::default(),
            tallies: Tallies::default(),
            plugins: HashMap::new(),
            last_range: None,
            taken_out: Vec::new(),
        }
    }

    /// Commits calls as one group.
    pub(in crate::ledger) fn commit(book: &mut Book, calls: Vec<Vec<Entry>>) -> Vec<Result<(), LedgerError>> {
        let group: Vec<Call> = calls.into_iter().map(|entries| Call { entries, done: oneshot::channel().0 }).collect();
        book.commit(&group, Timestamp::UNIX_EPOCH)
    }
}
