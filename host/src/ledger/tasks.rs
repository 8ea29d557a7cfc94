//! The tasks that were written of lately and their cursors, kept in memory by the writer.
//!
//! A group of entries moves the same cursor many times over and the database hears of it once, in the same transaction.
//! What a transaction changed here is undone when it fails. A host may have a hundred thousand tasks that wait for a day
//! to come: those are looked up when it has come.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Result, params};

use crate::model::id::TaskName;
use crate::model::slot::Slot;

/// How many are remembered beyond a transaction. With more they are all forgotten, and looked up when they are needed
/// again, which takes a microsecond.
const REMEMBERED: usize = 16_384;

/// Tasks by name.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    known: HashMap<TaskName, Known>,
    /// What the open transaction changed, in order, as it was before; none for a task that it added.
    changed: Vec<(TaskName, Option<Known>)>,
    /// How much of `changed` the database has heard of.
    written: usize,
}

/// What is known of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    /// Its key in the database.
    pub(super) key: i64,
    /// Its cursor; none if no slot of it was ever decided.
    pub(super) cursor: Option<Slot>,
}

/// A point in the changes of a transaction to come back to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark(usize);

impl Tasks {
    /// What is known of a task, which the database is told of if it is new.
    pub(super) fn known(&mut self, connection: &Connection, name: &TaskName) -> Result<Known> {
        if let Some(known) = self.known.get(name) {
            return Ok(*known);
        }
        let found = find(connection, name)?;
        if found.is_none() {
            connection.prepare_cached("INSERT INTO tasks (name) VALUES (?)")?.execute([name.as_str()])?;
            self.changed.push((name.clone(), None));
        }
        let known = found.unwrap_or_else(|| Known { key: connection.last_insert_rowid(), cursor: None });
        self.known.insert(name.clone(), known);
        Ok(known)
    }

    /// Moves the cursor of a known task forward to a slot; it never moves back.
    pub(super) fn advance(&mut self, name: &TaskName, slot: Slot) {
        if let Some(known) = self.known.get_mut(name)
            && known.cursor < Some(slot)
        {
            self.changed.push((name.clone(), Some(*known)));
            known.cursor = Some(slot);
        }
    }

    /// Tells the database of the cursors that moved since the last time, each once.
    pub(super) fn write(&mut self, connection: &Connection) -> Result<()> {
        let mut moved: Vec<&Known> = self.changed[self.written..]
            .iter()
            .filter(|(_, before)| before.is_some())
            .filter_map(|(name, _)| self.known.get(name))
            .collect();
        moved.sort_unstable_by_key(|known| known.key);
        moved.dedup_by_key(|known| known.key);
        let mut update = connection.prepare_cached("UPDATE tasks SET cursor = ?2 WHERE id = ?1")?;
        for known in moved {
            update.execute(params![known.key, known.cursor.map(Slot::as_millis)])?;
        }
        self.written = self.changed.len();
        Ok(())
    }

    /// Where the transaction's changes stand.
    pub(super) fn mark(&self) -> Mark {
        Mark(self.changed.len())
    }

    /// Undoes what was changed after a point, as the database does with a savepoint.
    pub(super) fn undo(&mut self, Mark(mark): Mark) {
        for (name, before) in self.changed.drain(mark..).rev() {
            match before {
                Some(before) => self.known.insert(name, before),
                None => self.known.remove(&name),
            };
        }
        self.written = self.written.min(mark);
    }

    /// The transaction is committed: its changes stay.
    pub(super) fn keep(&mut self) {
        self.changed.clear();
        self.written = 0;
        if self.known.len() > REMEMBERED {
            // The room goes too: the first transaction of a large ledger has all of its tasks.
            (self.known, self.changed) = Default::default();
        }
    }
}

/// What the database knows of a task.
fn find(connection: &Connection, name: &TaskName) -> Result<Option<Known>> {
    let mut query = connection.prepare_cached("SELECT id, cursor FROM tasks WHERE name = ?")?;
    let found = query.query_row([name.as_str()], |row| Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?))).optional()?;
    Ok(found.map(|(key, cursor)| Known { key, cursor: cursor.and_then(Slot::from_millis) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_failed_transaction_changed_is_undone() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch("CREATE TABLE tasks (id INTEGER PRIMARY KEY, name TEXT UNIQUE, cursor INTEGER)")
            .unwrap();
        let cursors = || -> Vec<(String, Option<i64>)> {
            let mut query = connection.prepare("SELECT name, cursor FROM tasks ORDER BY id").unwrap();
            query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
        };
        let [a, b]: [TaskName; 2] = ["a", "b"].map(|name| name.parse().unwrap());
        let slot = |millis| Slot::from_millis(millis).unwrap();

        let mut tasks = Tasks::default();
        tasks.known(&connection, &a).unwrap();
        tasks.advance(&a, slot(5));
        tasks.advance(&a, slot(7));
        tasks.advance(&a, slot(6));
        tasks.write(&connection).unwrap();
        tasks.keep();
        assert_eq!(cursors(), [("a".into(), Some(7))]);

        let start = tasks.mark();
        tasks.advance(&a, slot(8));
        tasks.write(&connection).unwrap();
        let mark = tasks.mark();
        tasks.advance(&a, slot(9));
        tasks.known(&connection, &b).unwrap();
        tasks.undo(mark);
        assert_eq!(tasks.known[&a].cursor, Some(slot(8)));
        assert!(!tasks.known.contains_key(&b));
        tasks.advance(&a, slot(10));
        tasks.write(&connection).unwrap();
        assert_eq!(cursors()[0], ("a".into(), Some(10)));
        tasks.undo(start);
        assert_eq!(tasks.known[&a].cursor, Some(slot(7)));
    }

    #[test]
    fn what_is_forgotten_is_found_again() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch("CREATE TABLE tasks (id INTEGER PRIMARY KEY, name TEXT UNIQUE, cursor INTEGER)")
            .unwrap();
        let names: Vec<TaskName> = (0..=REMEMBERED).map(|number| format!("task-{number}").parse().unwrap()).collect();
        let mut tasks = Tasks::default();
        let slot = |millis| Slot::from_millis(millis).unwrap();
        for name in &names {
            tasks.known(&connection, name).unwrap();
            tasks.advance(name, slot(5));
        }
        tasks.write(&connection).unwrap();
        tasks.keep();
        assert_eq!((tasks.known.len(), tasks.known.capacity(), tasks.changed.capacity()), (0, 0, 0));
        let known = tasks.known(&connection, &names[6]).unwrap();
        assert_eq!(known, Known { key: 7, cursor: Some(slot(5)) });
        // A transaction that fails leaves the cursor where it was found.
        let mark = tasks.mark();
        tasks.advance(&names[6], slot(9));
        tasks.undo(mark);
        assert_eq!(tasks.known[&names[6]].cursor, Some(slot(5)));
        tasks.keep();
        assert_eq!(tasks.known.len(), 1, "few are remembered");
    }
}
