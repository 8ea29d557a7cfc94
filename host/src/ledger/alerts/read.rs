//! Questions about alerts.

use jiff::Timestamp;
use rusqlite::{Row, params};

use super::codes::{channel, kind, news};
use super::{AlertCause, Caused, HostMark, PendingMessage, ProblemKey};
use crate::ledger::error::LedgerError;
use crate::ledger::reader::Reader;
use crate::ledger::rows::{self, Names, RowError};
use crate::ledger::stored::{self, Unreadable};
use crate::ledger::tally::{self, DAY};
use crate::model::alert::gate::Waiting;
use crate::model::alert::{Notice, Problem, Signature, Stage, Subject, SubjectError};
use crate::model::id::{AlertName, RunId, TaskName};
use crate::model::outcome::OutcomeClass;
use crate::model::run::RunState;
use crate::model::tally::Durations;

/// A notice that is not part of a message yet.
pub type WaitingNotice = (AlertName, Waiting);

/// A run that is not over.
#[derive(Debug, Clone, PartialEq)]
pub struct UnfinishedRun {
    /// The run.
    pub run: RunId,
    /// Its task.
    pub task: TaskName,
    /// Where it stands.
    pub state: RunState,
    /// Since when it stands there.
    pub since: Timestamp,
}

/// How many notices that wait are read at the most; the others wait for the next look.
const LOOK: u32 = 10_000;

/// How a channel does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertChannelSummary {
    /// The channel.
    pub channel: AlertName,
    /// Notices that wait to become a message.
    pub waiting: u64,
    /// Messages on their way.
    pub pending: u64,
    /// When the next of them is tried.
    pub next_at: Option<Timestamp>,
    /// When a message was last delivered.
    pub delivered_at: Option<Timestamp>,
    /// Messages that were given up, among those that are kept.
    pub given_up: u64,
    /// What went wrong with the newest message that something went wrong with.
    pub error: Option<String>,
}

impl Reader {
    /// Causes that wait to be judged, in order.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn alert_causes(&self, limit: u32) -> Result<Vec<AlertCause>, LedgerError> {
        let sql = "SELECT seq, name, at, outcome, run, why, first_slot, last_slot, count
                   FROM alert_causes JOIN tasks ON tasks.id = task ORDER BY seq LIMIT ?";
        let mut names = Names::default();
        rows::collect(&self.0, "causes of alerts", sql, [limit], |row| {
            let what = match row.get::<_, Option<i64>>(4)? {
                Some(run) => Caused::Ended { run: rows::run_id(run)?, class: stored::class(row.get(3)?)? },
                None => Caused::Missed {
                    why: stored::passed_over(row.get(5)?)?,
                    first: rows::slot(row.get(6)?)?,
                    last: rows::slot(row.get(7)?)?,
                    count: rows::count(row, 8)?,
                },
            };
            let task = names.get(row.get_ref(1)?.as_str()?)?;
            Ok(AlertCause { seq: row.get(0)?, task, at: rows::timestamp(row.get(2)?)?, what })
        })
    }

    /// What is known of each trouble.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn alert_problems(&self) -> Result<Vec<(ProblemKey, Problem)>, LedgerError> {
        let sql = "SELECT channel, subject, kind, since, count, streak, unsaid, told_at, stage, stage_at, relapses,
                       signatures, last_at, run, what FROM alert_problems";
        rows::collect(&self.0, "what alerts know", sql, [], |row| {
            let key = (channel(row.get_ref(0)?.as_str()?)?, subject(row, 1)?, kind(row.get(2)?)?);
            let stage = match (row.get::<_, i64>(8)?, time(row, 9)?) {
                (0, None) => Stage::Open,
                (1, Some(since)) => Stage::Over { since },
                (2, Some(since)) => Stage::Settling { since },
                (code, _) => return Err(Unreadable::new(format!("a trouble has the stage {code}")).into()),
            };
            let (signatures, _) = row.get_ref(11)?.as_blob()?.as_chunks::<8>();
            let problem = Problem {
                since: rows::timestamp(row.get(3)?)?,
                count: rows::count(row, 4)?,
                streak: row.get(5)?,
                unsaid: rows::count(row, 6)?,
                told: time(row, 7)?,
                stage,
                relapses: row.get(10)?,
                signatures: signatures.iter().map(|code| Signature::from_code(i64::from_le_bytes(*code))).collect(),
                last: rows::timestamp(row.get(12)?)?,
                run: row.get::<_, Option<i64>>(13)?.map(rows::run_id).transpose()?,
                what: row.get(14)?,
            };
            Ok((key, problem))
        })
    }

    /// Notices that are not part of a message yet, in order.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn alert_notices_waiting(&self) -> Result<Vec<WaitingNotice>, LedgerError> {
        let sql = "SELECT id, channel, kind, made_at FROM alert_notices WHERE message IS NULL ORDER BY id LIMIT ?";
        rows::collect(&self.0, "notices", sql, [LOOK], |row| {
            let waiting = Waiting { id: row.get(0)?, kind: kind(row.get(2)?)?, since: rows::timestamp(row.get(3)?)? };
            Ok((channel(row.get_ref(1)?.as_str()?)?, waiting))
        })
    }

    /// What a message tells.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn alert_notices(&self, message: i64) -> Result<Vec<Notice>, LedgerError> {
        let sql = "SELECT kind, subject, news, at, run, what, since, count FROM alert_notices
                   WHERE message = ? ORDER BY id";
        rows::collect(&self.0, "notices", sql, [message], |row| {
            Ok(Notice {
                kind: kind(row.get(0)?)?,
                subject: subject(row, 1)?,
                news: news(row.get(2)?)?,
                at: rows::timestamp(row.get(3)?)?,
                run: row.get::<_, Option<i64>>(4)?.map(rows::run_id).transpose()?,
                what: row.get(5)?,
                since: rows::timestamp(row.get(6)?)?,
                count: rows::count(row, 7)?,
            })
        })
    }

    /// Messages on their way, oldest first.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn alert_messages_pending(&self) -> Result<Vec<PendingMessage>, LedgerError> {
        let sql = "SELECT id, channel, key, made_at, tries, next_at FROM alert_messages
                   WHERE next_at IS NOT NULL ORDER BY id LIMIT ?";
        rows::collect(&self.0, "messages", sql, [LOOK], |row| {
            Ok(PendingMessage {
                id: row.get(0)?,
                channel: channel(row.get_ref(1)?.as_str()?)?,
                key: row.get(2)?,
                made_at: rows::timestamp(row.get(3)?)?,
                tries: row.get(4)?,
                next_at: rows::timestamp(row.get(5)?)?,
            })
        })
    }

    /// How many messages were made for a channel since then.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn alert_messages_since(&self, channel: &AlertName, since: Timestamp) -> Result<u32, LedgerError> {
        let sql = "SELECT count(*) FROM alert_messages WHERE channel = ? AND made_at >= ?";
        let counted =
            rows::collect(&self.0, "messages", sql, params![channel.as_str(), since.as_millisecond()], |row| {
                Ok(row.get::<_, u32>(0)?)
            })?;
        Ok(counted.into_iter().sum())
    }

    /// How each channel does that the ledger knows of, by name.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn alert_channels(&self) -> Result<Vec<AlertChannelSummary>, LedgerError> {
        let sql = "SELECT channel,
                       (SELECT count(*) FROM alert_notices WHERE message IS NULL AND channel = names.channel),
                       (SELECT count(*) FROM alert_messages WHERE next_at IS NOT NULL AND channel = names.channel),
                       (SELECT min(next_at) FROM alert_messages WHERE next_at IS NOT NULL AND channel = names.channel),
                       (SELECT max(delivered_at) FROM alert_messages WHERE channel = names.channel),
                       (SELECT count(*) FROM alert_messages
                        WHERE next_at IS NULL AND delivered_at IS NULL AND channel = names.channel),
                       (SELECT error FROM alert_messages WHERE error IS NOT NULL AND channel = names.channel
                        ORDER BY id DESC LIMIT 1)
                   FROM (SELECT channel FROM alert_notices UNION SELECT channel FROM alert_messages) AS names
                   ORDER BY channel";
        rows::collect(&self.0, "channels", sql, [], |row| {
            Ok(AlertChannelSummary {
                channel: channel(row.get_ref(0)?.as_str()?)?,
                waiting: rows::count(row, 1)?,
                pending: rows::count(row, 2)?,
                next_at: time(row, 3)?,
                delivered_at: time(row, 4)?,
                given_up: rows::count(row, 5)?,
                error: row.get(6)?,
            })
        })
    }

    /// Whether the last host with alerts said that it ended; none if there was none.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn alert_host(&self) -> Result<Option<(HostMark, Timestamp)>, LedgerError> {
        let sql = "SELECT up, changed_at FROM alert_host";
        let found = rows::collect(&self.0, "the host", sql, [], |row| {
            let mark = if row.get(0)? { HostMark::Up } else { HostMark::Down };
            Ok((mark, rows::timestamp(row.get(1)?)?))
        })?;
        Ok(found.into_iter().next())
    }

    /// How long the runs of a task took that succeeded since that many days ago, counted in days of UTC.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn durations(&self, task: &TaskName, days: i64, now: Timestamp) -> Result<Durations, LedgerError> {
        let sql = "SELECT took, runs FROM tallies
                   WHERE task = (SELECT id FROM tasks WHERE name = ?) AND day >= ? AND outcome = ?";
        let since = now.as_millisecond().div_euclid(DAY) - days;
        let succeeded = stored::class_code(OutcomeClass::Succeeded);
        let mut durations = Durations::default();
        rows::collect(&self.0, "how long runs took", sql, params![task.as_str(), since, succeeded], |row| {
            if let Some(bucket) = tally::bucket(row.get(0)?)? {
                durations.add(bucket, rows::count(row, 1)?);
            }
            Ok(())
        })?;
        Ok(durations)
    }

    /// The runs that are not over, oldest first.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn unfinished_runs(&self) -> Result<Vec<UnfinishedRun>, LedgerError> {
        let sql = "SELECT runs.id, name, state, since, attempts, retry_at FROM runs JOIN tasks ON tasks.id = task
                   WHERE outcome IS NULL ORDER BY runs.id";
        let mut names = Names::default();
        rows::collect(&self.0, "the runs that are not over", sql, [], |row| {
            Ok(UnfinishedRun {
                run: rows::run_id(row.get(0)?)?,
                task: names.get(row.get_ref(1)?.as_str()?)?,
                state: rows::unfinished_state(row.get(2)?, row.get(4)?, row.get(5)?)?,
                since: rows::timestamp(row.get(3)?)?,
            })
        })
    }
}

fn time(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>, RowError> {
    Ok(row.get::<_, Option<i64>>(column)?.map(rows::timestamp).transpose()?)
}

fn subject(row: &Row<'_>, column: usize) -> Result<Subject, RowError> {
    let text = row.get_ref(column)?.as_str()?;
    text.parse().map_err(|error: SubjectError| Unreadable::new(error.to_string()).into())
}
