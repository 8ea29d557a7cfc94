//! Who is told of what: the rules by which a thing that happened becomes a notice, and notices become messages.
//!
//! Pure: what is open and what was told is an argument. How a message looks and how it is sent is `observe::alerts`.

pub mod channel;
pub mod gate;
pub mod problem;
pub mod rules;
pub mod signature;
pub mod template;
pub mod usual;

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::model::id::{PluginName, RunId, TaskName};

pub use gate::{Gate, QuietHours};
pub use problem::{Problem, Stage};
pub use rules::{Recoveries, Rules};
pub use signature::Signature;

/// What an alert can be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A run failed after all of its attempts.
    Failed,
    /// Slots were missed, or found the queue full.
    Missed,
    /// A run goes on far longer than the task's runs do, or waits for its turn.
    Stuck,
    /// A run succeeded, and took longer than the task's runs do.
    Slow,
    /// A run succeeded, and was over sooner than the task's runs are.
    Short,
    /// A plugin cannot be used.
    Plugin,
    /// A changed configuration was refused.
    Reload,
    /// The ledger cannot be written.
    Ledger,
    /// The host started, and the one before it did not end as it should have.
    Crash,
}

/// How long what an alert is about goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasting {
    /// It is over as it happens.
    Moment,
    /// It may happen again and again, until something succeeds.
    Streak,
    /// It is so until it is otherwise.
    State,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 9] = [
        Kind::Failed,
        Kind::Missed,
        Kind::Stuck,
        Kind::Slow,
        Kind::Short,
        Kind::Plugin,
        Kind::Reload,
        Kind::Ledger,
        Kind::Crash,
    ];

    /// The word for it in the configuration, the ledger and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Failed => "failed",
            Kind::Missed => "missed",
            Kind::Stuck => "stuck",
            Kind::Slow => "slow",
            Kind::Short => "short",
            Kind::Plugin => "plugin",
            Kind::Reload => "reload",
            Kind::Ledger => "ledger",
            Kind::Crash => "crash",
        }
    }

    /// How long it goes on.
    pub fn lasting(self) -> Lasting {
        match self {
            Kind::Missed | Kind::Slow | Kind::Short | Kind::Crash => Lasting::Moment,
            Kind::Failed => Lasting::Streak,
            Kind::Stuck | Kind::Plugin | Kind::Reload | Kind::Ledger => Lasting::State,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Whom or what an alert is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A task.
    Task(TaskName),
    /// A plugin.
    Plugin(PluginName),
    /// The host itself.
    Host,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Task(task) => write!(f, "task:{task}"),
            Subject::Plugin(plugin) => write!(f, "plugin:{plugin}"),
            Subject::Host => f.write_str("host"),
        }
    }
}

/// A text stands for no subject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nothing is called {0:?}")]
pub struct SubjectError(String);

impl FromStr for Subject {
    type Err = SubjectError;

    fn from_str(text: &str) -> Result<Self, SubjectError> {
        let subject = match text.split_once(':') {
            None if text == "host" => Some(Subject::Host),
            Some(("task", name)) => name.parse().ok().map(Subject::Task),
            Some(("plugin", name)) => name.parse().ok().map(Subject::Plugin),
            _ => None,
        };
        subject.ok_or_else(|| SubjectError(text.to_owned()))
    }
}

/// Something that rules judge.
#[derive(Debug, Clone, PartialEq)]
pub struct Happening {
    /// What it is about.
    pub kind: Kind,
    /// Whom or what it is about.
    pub subject: Subject,
    /// Whether it went wrong or well.
    pub turn: Turn,
    /// When it happened.
    pub at: Timestamp,
    /// The run that it happened to.
    pub run: Option<RunId>,
    /// What happened, in words that may come from a guest.
    pub what: String,
}

/// Whether something went wrong or well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It went wrong.
    Bad,
    /// It went well: what was wrong before is over.
    Good,
}

/// Something that somebody is to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// What it is about.
    pub kind: Kind,
    /// Whom or what it is about.
    pub subject: Subject,
    /// What is new about it.
    pub news: News,
    /// When the last thing happened that it tells of.
    pub at: Timestamp,
    /// The run that it happened to.
    pub run: Option<RunId>,
    /// What happened, in words that may come from a guest.
    pub what: String,
    /// Since when it goes on.
    pub since: Timestamp,
    /// How many times it has happened since then.
    pub count: u64,
}

/// What is new about what somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum News {
    /// It is the first of its kind.
    First,
    /// It goes on, with another error.
    Changed,
    /// It still goes on.
    Reminder,
    /// It was said to be over, and is not.
    Relapse,
    /// It is over.
    Recovered,
}

impl News {
    /// Every sort of news.
    pub const ALL: [News; 5] = [News::First, News::Changed, News::Reminder, News::Relapse, News::Recovered];

    /// The word for it in JSON.
    pub fn name(self) -> &'static str {
        match self {
            News::First => "first",
            News::Changed => "changed",
            News::Reminder => "reminder",
            News::Relapse => "relapse",
            News::Recovered => "recovered",
        }
    }
}
