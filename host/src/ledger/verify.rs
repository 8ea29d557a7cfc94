//! Whether the ledger is whole, and says nothing that cannot be: SQLite's own checks, then ours.
//!
//! All is looked at as it was at one moment, so a host may go on writing meanwhile.

use rusqlite::types::ValueRef;

use super::error::LedgerError;
use super::reader::Reader;
use super::record::{Filter, Record};
use super::rows::{self, RUNNING};
use crate::model::id::RunId;

/// Something in the ledger that cannot be, in words.
pub type Finding = String;

/// How many findings of a kind are told; what is wrong a thousand times has one cause.
const TOLD: u32 = 20;

/// How many records are read at a time.
const PAGE: u32 = 1000;

/// What must not be found. Each query returns of what it is found and an id, which may be none; `RUNNING` in it stands for
/// the state of that name.
const RULES: [(&str, &str); 9] = [
    (
        "a run's slot lies beyond its task's cursor",
        "SELECT name, runs.id FROM runs JOIN tasks ON tasks.id = task WHERE slot > coalesce(cursor, slot - 1)",
    ),
    (
        "slots of a range lie beyond their task's cursor",
        "SELECT name, missed.id FROM missed JOIN tasks ON tasks.id = task
         WHERE last_slot > coalesce(cursor, last_slot - 1)",
    ),
    (
        "slots that were removed lie beyond their task's cursor",
        "SELECT 'task ' || name, NULL FROM tasks WHERE horizon > coalesce(cursor, horizon - 1)",
    ),
    (
        "a range of slots overlaps the one before it",
        "SELECT name, ranges.id FROM
             (SELECT id, task, first_slot, lag(last_slot) OVER (PARTITION BY task ORDER BY last_slot) AS before
              FROM missed) AS ranges JOIN tasks ON tasks.id = task
         WHERE first_slot <= before",
    ),
    (
        "a slot was entered in a range, and as a run as well",
        "SELECT name, runs.id FROM runs JOIN tasks ON tasks.id = task
         WHERE slot >= (SELECT first_slot FROM missed WHERE missed.task = runs.task AND last_slot >= runs.slot
                        ORDER BY last_slot LIMIT 1)",
    ),
    // The last attempt of a run that is running is not over.
    (
        "a run's attempts have a gap, or another number than it says",
        "SELECT name, runs.id FROM runs JOIN tasks ON tasks.id = task
         WHERE attempts - (state = RUNNING) <> (SELECT count(*) FROM attempts WHERE run = runs.id)
            OR attempts - (state = RUNNING) <> (SELECT coalesce(max(attempt), 0) FROM attempts WHERE run = runs.id)",
    ),
    // An end that is not that of an attempt has a detail of its own.
    (
        "a run's outcome is not that of its last attempt",
        "SELECT name, runs.id FROM runs JOIN tasks ON tasks.id = task
         WHERE outcome <> (SELECT outcome FROM attempts WHERE run = runs.id AND attempt = runs.attempts)
           AND detail IS NULL",
    ),
    (
        "a plugin has another number of attempts than it says",
        "SELECT 'plugin ' || iif(sha256 IS NULL, 'that is not there', lower(hex(sha256))), NULL
         FROM (SELECT plugin, count(*) AS found FROM attempts WHERE plugin IS NOT NULL GROUP BY plugin)
             FULL JOIN plugins ON plugins.id = plugin
         WHERE attempts IS NOT found",
    ),
    (
        "a store holds something else than it says",
        "SELECT iif(kind = 0, 'the own store of ', 'the shared store ') || name, NULL FROM stores
         WHERE keys <> (SELECT count(*) FROM store_values WHERE store = stores.id)
            OR bytes <> (SELECT coalesce(sum(octet_length(key) + length(value)), 0) FROM store_values
                         WHERE store = stores.id)
            OR revision < (SELECT coalesce(max(revision), 0) FROM store_values WHERE store = stores.id)",
    ),
];

impl Reader {
    /// Looks for what cannot be. Returns all that was found, which is nothing in a sound ledger.
    ///
    /// # Errors
    /// If the ledger cannot be read for another reason than that it is damaged.
    pub fn verify(&self) -> Result<Vec<Finding>, LedgerError> {
        let failed = LedgerError::database("read the ledger");
        // Never committed: it only holds the moment.
        let _moment = self.connection().unchecked_transaction().map_err(failed)?;
        let mut findings = Vec::new();
        for look in [Self::structure, Self::rules, Self::records_are_readable] {
            match look(self, &mut findings) {
                Ok(()) => {}
                Err(error) if error.is_damage() => {
                    findings.push(format!("the file is damaged: {}", cause(&error)));
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(findings)
    }

    /// Pages, indexes, constraints and references.
    fn structure(&self, findings: &mut Vec<Finding>) -> Result<(), LedgerError> {
        let integrity = format!("PRAGMA integrity_check({TOLD})");
        let found = rows::collect(self.connection(), "the file", &integrity, [], |row| Ok(row.get::<_, String>(0)?))?;
        findings.extend(found.into_iter().filter(|line| line != "ok"));
        let dangling = rows::collect(self.connection(), "references", "PRAGMA foreign_key_check", [], |row| {
            let (table, parent) = (row.get::<_, String>(0)?, row.get::<_, String>(2)?);
            Ok(format!("a row of {table} belongs to none of {parent}"))
        })?;
        findings.extend(dangling.into_iter().take(TOLD as usize));
        Ok(())
    }

    fn rules(&self, findings: &mut Vec<Finding>) -> Result<(), LedgerError> {
        for (what, query) in RULES {
            let query = format!("{query} LIMIT {TOLD}").replace("RUNNING", &RUNNING.to_string());
            let found = rows::collect(self.connection(), what, &query, [], |row| {
                let of = row.get::<_, String>(0)?;
                Ok(match row.get_ref(1)? {
                    ValueRef::Null => format!("{what}: {of}"),
                    _ => format!("{what}: task {of}, {}", rows::run_id(row.get(1)?)?),
                })
            })?;
            findings.extend(found);
        }
        Ok(())
    }

    /// Codes, details and logs: whether all that is stored can be understood.
    fn records_are_readable(&self, findings: &mut Vec<Finding>) -> Result<(), LedgerError> {
        let mut filter = Filter { limit: PAGE, ..Filter::default() };
        let mut told = 0;
        loop {
            let records = match self.records(&filter) {
                Err(LedgerError::Unreadable { what, reason }) => {
                    let place = filter.before.map_or("the newest".to_owned(), |run| format!("those before {run}"));
                    findings.push(format!("{what} cannot be understood, one of {place}: {reason}"));
                    return Ok(());
                }
                records => records?,
            };
            let Some(last) = records.last() else { return Ok(()) };
            filter.before = Some(last.id());
            for run in records.iter().filter_map(attempted) {
                let read = self.attempts(run).and_then(|_| self.log(run, None));
                match read {
                    Err(LedgerError::Unreadable { what, reason }) if told < TOLD => {
                        told += 1;
                        findings.push(format!("{what} cannot be understood: {run}: {reason}"));
                    }
                    Err(LedgerError::Unreadable { .. }) | Ok(_) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
}

fn attempted(record: &Record) -> Option<RunId> {
    match record {
        Record::Run(run) if run.attempts > 0 => Some(run.id),
        _ => None,
    }
}

fn cause(error: &LedgerError) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests;
