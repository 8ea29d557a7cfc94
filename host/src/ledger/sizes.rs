//! How large the ledger is, and what takes the room.

use std::fs;

use jiff::Timestamp;

use super::error::LedgerError;
use super::reader::Reader;
use super::{rows, stored};
use crate::model::id::TaskName;

/// How large the ledger is. Counting takes a look at every page.
#[derive(Debug, Clone, PartialEq)]
pub struct Sizes {
    /// The schema.
    pub schema: i64,
    /// Bytes of the database's file.
    pub file: u64,
    /// Bytes of its write-ahead log.
    pub wal: u64,
    /// Bytes of pages that are free to be used again.
    pub free: u64,
    /// The tables, largest first.
    pub tables: Vec<TableSize>,
    /// The tasks, by name.
    pub tasks: Vec<TaskSize>,
}

/// How large a table is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSize {
    /// Its name.
    pub table: String,
    /// Its rows.
    pub rows: u64,
    /// Bytes of its pages and those of its indexes.
    pub bytes: u64,
}

/// What the ledger has of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskSize {
    /// The task.
    pub task: TaskName,
    /// Its runs.
    pub runs: u64,
    /// Its ranges of missed slots.
    pub ranges: u64,
    /// Bytes of its logs.
    pub logs: u64,
    /// When its oldest run was admitted.
    pub oldest: Option<Timestamp>,
    /// When its newest run was admitted.
    pub newest: Option<Timestamp>,
}

impl Reader {
    /// How large the ledger is, and what takes the room.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn sizes(&self) -> Result<Sizes, LedgerError> {
        let page = self.pragma("page_size")?;
        Ok(Sizes {
            schema: self.pragma("user_version")? as i64,
            file: page * self.pragma("page_count")?,
            wal: self.wal(),
            free: page * self.pragma("freelist_count")?,
            tables: self.tables()?,
            tasks: self.task_sizes()?,
        })
    }

    /// Bytes of pages that hold something.
    pub(super) fn used(&self) -> Result<u64, LedgerError> {
        let pages = self.pragma("page_count")?.saturating_sub(self.pragma("freelist_count")?);
        Ok(pages * self.pragma("page_size")?)
    }

    fn pragma(&self, name: &str) -> Result<u64, LedgerError> {
        let value = self.connection().pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        value.map(i64::unsigned_abs).map_err(LedgerError::database("read the ledger's header"))
    }

    /// None is there if nobody has the ledger open.
    fn wal(&self) -> u64 {
        let path = self.connection().path().unwrap_or_default();
        fs::metadata(format!("{path}-wal")).map_or(0, |file| file.len())
    }

    fn tables(&self) -> Result<Vec<TableSize>, LedgerError> {
        let sql = "SELECT tbl_name, sum(pgsize) FROM dbstat JOIN sqlite_schema USING (name)
                   WHERE aggregate = TRUE GROUP BY tbl_name ORDER BY 2 DESC, 1";
        let mut tables = rows::collect(self.connection(), "the tables", sql, [], |row| {
            Ok(TableSize { table: row.get(0)?, rows: 0, bytes: rows::count(row, 1)? })
        })?;
        for table in &mut tables {
            let sql = format!("SELECT count(*) FROM {}", table.table);
            let counted = rows::collect(self.connection(), "a table", &sql, [], |row| rows::count(row, 0))?;
            table.rows = counted.into_iter().sum();
        }
        Ok(tables)
    }

    fn task_sizes(&self) -> Result<Vec<TaskSize>, LedgerError> {
        let sql = "SELECT name,
                (SELECT count(*) FROM runs WHERE task = tasks.id),
                (SELECT count(*) FROM missed WHERE task = tasks.id),
                (SELECT coalesce(sum(length(lines)), 0) FROM runs CROSS JOIN logs ON run = runs.id WHERE task = tasks.id),
                (SELECT admitted_at FROM runs WHERE task = tasks.id ORDER BY id LIMIT 1),
                (SELECT admitted_at FROM runs WHERE task = tasks.id ORDER BY id DESC LIMIT 1)
            FROM tasks ORDER BY name";
        rows::collect(self.connection(), "the tasks", sql, [], |row| {
            let time = |column| -> Result<_, rows::RowError> {
                Ok(row.get::<_, Option<i64>>(column)?.map(rows::timestamp).transpose()?)
            };
            Ok(TaskSize {
                task: stored::task_name(row.get_ref(0)?.as_str()?)?,
                runs: rows::count(row, 1)?,
                ranges: rows::count(row, 2)?,
                logs: rows::count(row, 3)?,
                oldest: time(4)?,
                newest: time(5)?,
            })
        })
    }
}
