//! Steps that the ledger could not write, oldest first, until it can be written again.
//!
//! Nothing starts meanwhile, so there are no more of them than steps that were on their way, which `firing/load.rs` bounds,
//! attempts that went on, open runs that are cancelled, and plugins that become ready. What they carry is bounded here:
//! logs go before an outcome would, and what people ask for is noted up to a number.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::daemon::firing::Pending;
use crate::daemon::step::{Effect, Step};
use crate::ledger::Entry;
use crate::model::event::Event;
use crate::model::id::RunId;
use crate::model::log::{Level, LogLine, LogSource};
use crate::model::quantity;

/// How many bytes of logs wait. The log of an attempt that ends beyond that is dropped.
const LOGS: u64 = 64 << 20;

/// How many steps wait when nothing is added any more that could be left out.
const STEPS: usize = 10_000;

/// What a line takes besides its texts.
const LINE: u64 = size_of::<LogLine>() as u64;
/// The same for each of its names and values.
const FIELD: u64 = size_of::<(String, String)>() as u64;

/// The steps that wait.
#[derive(Default)]
pub(super) struct Backlog {
    waiting: VecDeque<Pending>,
    logs: u64,
}

impl Backlog {
    /// Puts a step behind the others, without its logs if too many wait.
    pub(super) fn push(&mut self, mut pending: Pending) {
        shed(&mut pending.step, LOGS.saturating_sub(self.logs));
        self.logs += logs(&pending.step);
        self.waiting.push_back(pending);
    }

    /// Takes the oldest step.
    pub(super) fn take(&mut self) -> Option<Pending> {
        let pending = self.waiting.pop_front()?;
        self.logs -= logs(&pending.step);
        Some(pending)
    }

    /// Puts the oldest step back.
    pub(super) fn put_back(&mut self, pending: Pending) {
        self.logs += logs(&pending.step);
        self.waiting.push_front(pending);
    }

    /// Whether a success of this run waits to be decided over: its attempt is over.
    pub(super) fn settles(&self, run: RunId) -> bool {
        self.waiting.iter().any(|pending| pending.settling.as_ref().is_some_and(|settling| settling.run() == run))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether what can be left out should be.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= STEPS
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// The steps, oldest first.
    pub(super) fn steps(&self) -> impl Iterator<Item = &Step> {
        self.waiting.iter().map(|pending| &pending.step)
    }
}

/// Says of each outcome in these steps that it is lost, or may be: which run, and how it ended.
pub(super) fn tell_lost<'s>(steps: impl Iterator<Item = &'s Step>, how: &str) {
    for entry in steps.flat_map(|step| &step.entries) {
        match entry {
            Entry::AttemptEnded { run, attempt, outcome, .. } => {
                tracing::error!(%run, attempt, "{how}: {}", outcome.class());
            }
            Entry::Ended { run, outcome, .. } => tracing::error!(%run, "{how}: {}", outcome.class()),
            _ => {}
        }
    }
}

/// The bytes of the logs that a step carries.
fn logs(step: &Step) -> u64 {
    step.entries.iter().map(|entry| if let Entry::AttemptEnded { log, .. } = entry { bytes(log) } else { 0 }).sum()
}

fn bytes(log: &[LogLine]) -> u64 {
    log.iter().map(|line| LINE + FIELD * line.fields.len() as u64 + line.size() as u64).sum()
}

/// Takes logs out of a step that are more than there is room for. The entry says so.
fn shed(step: &mut Step, mut room: u64) {
    for entry in &mut step.entries {
        let Entry::AttemptEnded { run, log, usage, ended_at, .. } = entry else { continue };
        let size = bytes(log);
        if size <= room {
            room -= size;
            continue;
        }
        tracing::error!(%run, "its log of {} is dropped: too much waits for the ledger", quantity::bytes(size));
        usage.log.dropped = usage.log.dropped.saturating_add(usage.log.bytes);
        let why = LogLine {
            at: *ended_at,
            level: Level::Warn,
            source: LogSource::Host,
            message: format!(
                "the log was dropped: the ledger could not be written, and {} of logs waited for it",
                quantity::bytes(LOGS)
            ),
            fields: Vec::new(),
        };
        *log = Arc::new(vec![why]);
        // Observers would keep it in memory all the same.
        for effect in &mut step.effects {
            if let Effect::Tell(Event::AttemptEnded { run: of, log: told, .. }) = effect
                && of.id == *run
            {
                *told = log.clone();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::ledger::Next;
    use crate::model::limits::{LogUsage, Usage};
    use crate::model::outcome::AttemptOutcome;

    fn ended(run: i64, log: usize) -> Pending {
        let line = LogLine {
            at: Timestamp::UNIX_EPOCH,
            level: Level::Info,
            source: LogSource::Stdout,
            message: "x".repeat(log),
            fields: Vec::new(),
        };
        let log_usage = LogUsage { bytes: log as u64, lines: 1, dropped: 5 };
        let entry = Entry::AttemptEnded {
            run: RunId::from_i64(run).unwrap(),
            task: "a".parse().unwrap(),
            attempt: 1,
            outcome: Arc::new(AttemptOutcome::Succeeded { output: None }),
            usage: Usage { log: log_usage, ..Usage::default() },
            plugin: None,
            log: Arc::new(vec![line]),
            writes: Arc::default(),
            started_at: Timestamp::UNIX_EPOCH,
            ended_at: Timestamp::UNIX_EPOCH,
            next: Next::Final,
        };
        Pending::first(Step { entries: vec![entry], effects: Vec::new() }, None)
    }

    fn log_of(pending: &Pending) -> (&str, u64) {
        let [Entry::AttemptEnded { log, usage, .. }] = &pending.step.entries[..] else { panic!("one entry") };
        (&log[0].message, usage.log.dropped)
    }

    #[test]
    fn no_more_is_noted_of_what_people_ask_for_than_so_many_steps() {
        let mut backlog = Backlog::default();
        for run in 0..10_000 {
            assert!(!backlog.is_full(), "{run} steps wait");
            backlog.push(ended(run, 0));
        }
        assert!(backlog.is_full());
        let oldest = backlog.take().unwrap();
        assert!(!backlog.is_full(), "one has gone");
        backlog.put_back(oldest);
        backlog.push(ended(10_000, 0));
        assert_eq!((backlog.is_full(), backlog.len()), (true, 10_001), "an outcome is kept all the same");
    }

    #[test]
    fn logs_are_dropped_when_too_many_wait_and_outcomes_never() {
        const MIB: usize = 1 << 20;
        let mut backlog = Backlog::default();
        for run in 0..100 {
            backlog.push(ended(run, 10 * MIB));
        }
        assert_eq!(backlog.len(), 100);
        assert!(backlog.logs <= LOGS + 100 * 1024, "{}", backlog.logs);
        let first = backlog.take().unwrap();
        assert_eq!((log_of(&first).0.len(), log_of(&first).1), (10 * MIB, 5));
        backlog.put_back(first);
        let mut kept = 0;
        let mut dropped = 0;
        while let Some(pending) = backlog.take() {
            match log_of(&pending) {
                (message, 5) => kept += usize::from(message.len() == 10 * MIB),
                (message, lost) => {
                    assert_eq!(lost, 5 + 10 * MIB as u64);
                    assert!(message.contains("the log was dropped"), "{message}");
                    dropped += 1;
                }
            }
        }
        assert_eq!((kept, dropped, backlog.logs), (6, 94, 0));
    }
}
