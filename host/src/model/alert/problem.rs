//! A trouble that goes on, or went on a moment ago: what is remembered so that nothing is told twice.

use jiff::Timestamp;

use super::{Happening, Kind, News, Notice, Signature, Subject};
use crate::model::id::RunId;

/// How many different errors of one trouble are told apart. Any further one is as good as known.
pub const SIGNATURES: usize = 16;
/// The longest words that are remembered of an error, in bytes.
pub const WORDS: usize = 1000;

/// A trouble of one kind, with one subject, as one channel knows of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// When it began.
    pub since: Timestamp,
    /// How many times it happened since then.
    pub count: u64,
    /// How many times it happened since it last went well.
    pub streak: u32,
    /// How many times it happened and was not told.
    pub unsaid: u64,
    /// When it was last told; none if it never was.
    pub told: Option<Timestamp>,
    /// Whether it goes on.
    pub stage: Stage,
    /// How many times it came back.
    pub relapses: u32,
    /// The errors that were told.
    pub signatures: Vec<Signature>,
    /// When it last happened.
    pub last: Timestamp,
    /// The run that it last happened to.
    pub run: Option<RunId>,
    /// What happened last.
    pub what: String,
}

/// Whether a trouble goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It does.
    Open,
    /// It does not since then, and that was told or need not be.
    Over {
        /// Since when.
        since: Timestamp,
    },
    /// It does not since then, but it has come and gone before, so that is not told until it lasts.
    Settling {
        /// Since when.
        since: Timestamp,
    },
}

impl Problem {
    /// The first time that something happens.
    pub(super) fn new(happening: &Happening) -> Self {
        let mut problem = Self {
            since: happening.at,
            count: 0,
            streak: 0,
            unsaid: 0,
            told: None,
            stage: Stage::Open,
            relapses: 0,
            signatures: Vec::new(),
            last: happening.at,
            run: None,
            what: String::new(),
        };
        problem.happen(happening);
        problem
    }

    /// It happens.
    pub(super) fn happen(&mut self, happening: &Happening) {
        self.count += 1;
        self.streak = self.streak.saturating_add(1);
        self.last = happening.at;
        self.run = happening.run;
        self.what = happening.what[..happening.what.floor_char_boundary(WORDS)].to_owned();
    }

    /// It is told.
    pub(super) fn tell(&mut self, kind: Kind, subject: &Subject, news: News, now: Timestamp) -> Notice {
        self.told = Some(now);
        self.unsaid = 0;
        let signature = self.signature();
        if !self.signatures.contains(&signature) && self.signatures.len() < SIGNATURES {
            self.signatures.push(signature);
        }
        Notice {
            kind,
            subject: subject.clone(),
            news,
            at: self.last,
            run: self.run,
            what: self.what.clone(),
            since: self.since,
            count: self.count,
        }
    }

    /// What there is of it since it last went well, as if nothing had been before.
    pub(super) fn afresh(self) -> Self {
        Self {
            since: self.last,
            count: self.streak.into(),
            told: None,
            stage: Stage::Open,
            relapses: 0,
            signatures: Vec::new(),
            ..self
        }
    }

    /// Whether what happened last is an error that was not told yet.
    pub(super) fn is_another(&self) -> bool {
        self.signatures.len() < SIGNATURES && !self.signatures.contains(&self.signature())
    }

    fn signature(&self) -> Signature {
        Signature::of(&self.what)
    }
}
