//! The statements of every run's life, held rather than looked up: to find one by its text, and to put it back, takes
//! 0.15 us, which is as long as some of them take.

use rusqlite::{Connection, Params, PrepFlags, Result, Statement};

/// One of them.
#[derive(Debug, Clone, Copy)]
pub(super) enum Often {
    /// A run comes to exist.
    Enter,
    /// An attempt begins that did not begin with its run.
    Start,
    /// A run leaves an attempt.
    Leave,
    /// An attempt is over.
    Attempt,
    /// What it logged.
    Log,
}

impl Often {
    const COUNT: usize = Self::Log as usize + 1;

    fn sql(self) -> &'static str {
        match self {
            Self::Enter => {
                "INSERT INTO runs (id, task, slot, cause, cause_detail, state, since, attempts, admitted_at, started_at,
                     outcome, detail)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?7, ?9, ?10, ?11)
                 ON CONFLICT (slot, task) WHERE slot IS NOT NULL DO NOTHING"
            }
            Self::Start => {
                "UPDATE OR FAIL runs SET state = 1, since = ?3, attempts = ?2, retry_at = NULL,
                     started_at = CASE attempts WHEN attempts_before THEN ?3 ELSE started_at END
                 WHERE id = ?1 AND state IN (0, 2) AND attempts = ?2 - 1"
            }
            // Without RETURNING, which would cost as much as the rest of it: whose run it is, the entry says.
            Self::Leave => {
                "UPDATE OR FAIL runs SET state = ?3, since = ?4, retry_at = ?5, outcome = ?6,
                     started_at = CASE attempts - attempts_before WHEN 1 THEN ?7 ELSE started_at END
                 WHERE id = ?1 AND state = 1 AND attempts = ?2 AND task = ?8"
            }
            Self::Attempt => {
                "INSERT INTO attempts (run, attempt, outcome, detail, plugin, started_at, ended_at, duration_us, fuel,
                     peak_memory, peak_table_elements, output_bytes, log_bytes, log_lines, log_dropped, http_requests,
                     http_concurrent, http_largest_body, kv_writes)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            }
            Self::Log => "INSERT INTO logs (run, attempt, lines) VALUES (?, ?, ?)",
        }
    }
}

/// Those that were needed so far.
#[derive(Debug, Default)]
pub(super) struct Held<'c>([Option<Statement<'c>>; Often::COUNT]);

impl<'c> Held<'c> {
    /// Executes one. Returns how many rows it changed.
    pub(super) fn execute(&mut self, connection: &'c Connection, which: Often, values: impl Params) -> Result<usize> {
        let place = &mut self.0[which as usize];
        let statement = match place {
            Some(held) => held,
            None => {
                let prepared = connection.prepare_with_flags(which.sql(), PrepFlags::SQLITE_PREPARE_PERSISTENT)?;
                place.insert(prepared)
            }
        };
        statement.execute(values)
    }
}
