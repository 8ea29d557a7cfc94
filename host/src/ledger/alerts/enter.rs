//! Causes and steps of alerts, entered inside the writer's transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use rusqlite::params;

use super::codes::{kind_code, news_code};
use super::{AlertStep, HostMark, MessageTry, NewMessage, ProblemKey, TryResult};
use crate::ledger::apply::{Book, integer};
use crate::ledger::error::LedgerError;
use crate::ledger::ranges::Range;
use crate::ledger::stored;
use crate::ledger::tally::End;
use crate::model::alert::{Notice, Problem, Stage};
use crate::model::id::{AlertName, RunId};
use crate::model::outcome::{OutcomeClass, PassedOver};

/// How many causes may wait before successes are no longer entered: a task that succeeds once more says the same.
const CROWDED: usize = 100_000;
/// How many messages of a channel that are over are kept.
const KEPT: u32 = 1000;

/// Whether causes are entered, and how many wait.
#[derive(Debug, Default)]
pub(in crate::ledger) struct Causes {
    wanted: Arc<AtomicBool>,
    waiting: usize,
}

impl Causes {
    /// Causes are entered while this says so.
    pub(in crate::ledger) fn new(wanted: Arc<AtomicBool>) -> Self {
        Self { wanted, waiting: 0 }
    }

    fn are_wanted(&self) -> bool {
        self.wanted.load(Ordering::Acquire)
    }
}

impl Book<'_> {
    /// A run is over: it is counted, and waits to be judged.
    pub(in crate::ledger) fn ended(&mut self, end: &End) -> Result<(), LedgerError> {
        self.tallies.add(end);
        let dull = match end.class {
            OutcomeClass::Cancelled => true,
            OutcomeClass::Succeeded => self.causes.waiting >= CROWDED,
            _ => false,
        };
        if dull || !self.causes.are_wanted() {
            return Ok(());
        }
        self.causes.waiting += 1;
        self.execute(
            "INSERT INTO alert_causes (task, at, outcome, run) VALUES (?, ?, ?, ?)",
            params![end.task, end.at.as_millisecond(), stored::class_code(end.class), end.run.as_i64()],
        )?;
        Ok(())
    }

    /// Slots were passed over: those that were missed wait to be judged.
    pub(in crate::ledger) fn passed_over(
        &mut self,
        task: i64,
        range: Range,
        why: PassedOver,
        at: Timestamp,
    ) -> Result<(), LedgerError> {
        if matches!(why, PassedOver::Skipped(_)) || !self.causes.are_wanted() {
            return Ok(());
        }
        self.causes.waiting += 1;
        self.execute(
            "INSERT INTO alert_causes (task, at, outcome, why, first_slot, last_slot, count) VALUES (?, ?, ?, ?, ?, ?, ?)",
            params![
                task,
                at.as_millisecond(),
                stored::class_code(OutcomeClass::Missed),
                stored::passed_over_code(why),
                range.first.as_millis(),
                range.last.as_millis(),
                integer(range.count)
            ],
        )?;
        Ok(())
    }

    /// Enters a step of the alerts.
    pub(in crate::ledger) fn alerted(&mut self, step: &AlertStep) -> Result<(), LedgerError> {
        if let Some(judged) = step.judged {
            let gone = self.execute("DELETE FROM alert_causes WHERE seq <= ?", [judged])?;
            self.causes.waiting = self.causes.waiting.saturating_sub(gone);
        }
        step.problems.iter().try_for_each(|(key, problem)| self.set_problem(key, problem.as_ref()))?;
        step.notices.iter().try_for_each(|(channel, notice, at)| self.insert_notice(channel, notice, *at))?;
        step.messages.iter().try_for_each(|message| self.insert_message(message))?;
        step.tries.iter().try_for_each(|attempt| self.tried(attempt))?;
        if let Some((mark, at)) = step.host {
            self.execute(
                "INSERT INTO alert_host (id, up, changed_at) VALUES (1, ?1, ?2)
                 ON CONFLICT (id) DO UPDATE SET up = ?1, changed_at = ?2",
                params![mark == HostMark::Up, at.as_millisecond()],
            )?;
        }
        Ok(())
    }

    fn set_problem(&self, (channel, subject, kind): &ProblemKey, problem: Option<&Problem>) -> Result<(), LedgerError> {
        let subject = subject.to_string();
        let Some(problem) = problem else {
            let sql = "DELETE FROM alert_problems WHERE channel = ? AND subject = ? AND kind = ?";
            self.execute(sql, params![channel.as_str(), subject, kind_code(*kind)])?;
            return Ok(());
        };
        let (stage, stage_at) = match problem.stage {
            Stage::Open => (0, None),
            Stage::Over { since } => (1, Some(since.as_millisecond())),
            Stage::Settling { since } => (2, Some(since.as_millisecond())),
        };
        let signatures: Vec<u8> =
            problem.signatures.iter().flat_map(|signature| signature.code().to_le_bytes()).collect();
        self.execute(
            "INSERT OR REPLACE INTO alert_problems (channel, subject, kind, since, count, streak, unsaid, told_at, stage,
                 stage_at, relapses, signatures, last_at, run, what)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                channel.as_str(),
                subject,
                kind_code(*kind),
                problem.since.as_millisecond(),
                integer(problem.count),
                problem.streak,
                integer(problem.unsaid),
                problem.told.map(Timestamp::as_millisecond),
                stage,
                stage_at,
                problem.relapses,
                signatures,
                problem.last.as_millisecond(),
                problem.run.map(RunId::as_i64),
                problem.what
            ],
        )?;
        Ok(())
    }

    fn insert_notice(&self, channel: &AlertName, notice: &Notice, at: Timestamp) -> Result<(), LedgerError> {
        self.execute(
            "INSERT INTO alert_notices (channel, made_at, kind, subject, news, at, run, what, since, count)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                channel.as_str(),
                at.as_millisecond(),
                kind_code(notice.kind),
                notice.subject.to_string(),
                news_code(notice.news),
                notice.at.as_millisecond(),
                notice.run.map(RunId::as_i64),
                notice.what,
                notice.since.as_millisecond(),
                integer(notice.count)
            ],
        )?;
        Ok(())
    }

    fn insert_message(&self, message: &NewMessage) -> Result<(), LedgerError> {
        self.execute(
            "INSERT INTO alert_messages (channel, key, made_at, tries, next_at) VALUES (?1, ?2, ?3, 0, ?3)",
            params![message.channel.as_str(), message.key, message.at.as_millisecond()],
        )?;
        let id = self.connection.last_insert_rowid();
        for notice in &message.notices {
            let sql = "UPDATE alert_notices SET message = ? WHERE id = ? AND message IS NULL";
            self.execute(sql, params![id, notice])?;
        }
        Ok(())
    }

    fn tried(&self, attempt: &MessageTry) -> Result<(), LedgerError> {
        let (next, delivered, error) = match &attempt.result {
            TryResult::Delivered { at } => (None, Some(at.as_millisecond()), None),
            TryResult::Failed { error, next } => (Some(next.as_millisecond()), None, Some(error)),
            TryResult::GivenUp { error } => (None, None, Some(error)),
        };
        self.execute(
            "UPDATE alert_messages SET tries = tries + 1, next_at = ?2, delivered_at = ?3, error = ?4
             WHERE id = ?1 AND next_at IS NOT NULL",
            params![attempt.message, next, delivered, error],
        )?;
        if next.is_none() {
            self.execute(
                "DELETE FROM alert_messages WHERE next_at IS NULL AND id <
                     (SELECT id FROM alert_messages
                      WHERE channel = (SELECT channel FROM alert_messages WHERE id = ?1)
                      ORDER BY id DESC LIMIT 1 OFFSET ?2)
                     AND channel = (SELECT channel FROM alert_messages WHERE id = ?1)",
                params![attempt.message, KEPT],
            )?;
        }
        Ok(())
    }
}
