//! How the program exits: every code in one place.

use std::path::PathBuf;

use crate::ledger::LedgerError;
use crate::model::outcome::OutcomeClass;
use crate::model::task::Task;
use crate::observe::FilterError;
use crate::plugins::{DescribeError, FileError};

/// How the program exits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The command did what it was asked to do; a run succeeded.
    Done,
    /// The host failed: the error on stderr says at what.
    HostFailed,
    /// The arguments were wrong.
    Usage,
    /// The configuration was refused: the diagnostics say why.
    ConfigRefused,
    /// There is no such task, run, file or ledger.
    NotFound,
    /// The ledger holds what cannot be; what was found is on stdout.
    LedgerUnsound,
    /// Another host uses the same state folder.
    AlreadyRunning,
    /// No host runs on the state folder, and the command needs one.
    NotRunning,
    /// A run in the foreground ended otherwise than well.
    RunEnded(OutcomeClass),
    /// A run is not over, and the time to wait for it is.
    WaitOver,
    /// A second signal cut the host off before its runs were over.
    Cut,
}

impl Exit {
    /// The code that the operating system sees.
    pub fn code(self) -> i32 {
        match self {
            Exit::Done | Exit::RunEnded(OutcomeClass::Succeeded) => 0,
            Exit::HostFailed | Exit::LedgerUnsound | Exit::RunEnded(OutcomeClass::Broken) => 1,
            Exit::Usage => 2,
            Exit::ConfigRefused => 3,
            Exit::NotFound => 4,
            Exit::AlreadyRunning => 5,
            Exit::NotRunning => 6,
            Exit::RunEnded(OutcomeClass::FailedPermanent) => 10,
            Exit::RunEnded(OutcomeClass::Trapped) => 11,
            Exit::RunEnded(OutcomeClass::Exceeded) => 12,
            Exit::RunEnded(OutcomeClass::Cancelled) => 13,
            Exit::RunEnded(OutcomeClass::Skipped | OutcomeClass::Missed) => 14,
            Exit::RunEnded(OutcomeClass::Interrupted) => 15,
            // EX_TEMPFAIL of BSD's sysexits.h, as plain programs use it themselves.
            Exit::RunEnded(OutcomeClass::FailedTransient) => 75,
            // As timeout(1) of the GNU core utilities has it.
            Exit::WaitOver => 124,
            // What a shell reports for a program that SIGINT ended.
            Exit::Cut => 130,
        }
    }
}

/// Prints what clap has to say, and tells help from wrong usage.
pub(super) fn of_parse(error: &clap::Error) -> Exit {
    let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
    // Nobody is left to tell if the terminal is gone.
    let _ = error.print();
    exit
}

/// What a command was asked about is not there.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NotFound(pub String);

impl NotFound {
    /// The configuration has no such task, but these.
    pub(super) fn task<'a>(name: &str, tasks: impl IntoIterator<Item = &'a Task>) -> Self {
        let known: Vec<&str> = tasks.into_iter().map(|task| task.name.as_str()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Self(format!("no task is called {name}; known tasks: {known}"))
    }
}

/// There is no host to ask.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotRunning {
    /// None runs on this state folder.
    #[error("no host is running on {}; `sandclock serve` starts one", .0.display())]
    On(PathBuf),
    /// None answers at this address.
    #[error("no host answers at {0}")]
    At(String),
}

/// The running host does not take the configuration.
#[derive(Debug, thiserror::Error)]
#[error("the host refuses the configuration; the last good one stays in force")]
pub(super) struct ConfigRefused {
    /// All that is wrong with it.
    pub report: String,
}

/// How the program exits when an error ended a command.
pub(super) fn of_error(error: &anyhow::Error) -> Exit {
    let missing = |error: &DescribeError| matches!(error, DescribeError::File(FileError::Missing(_)));
    if error.is::<NotFound>() || error.downcast_ref().is_some_and(missing) {
        return Exit::NotFound;
    }
    if error.is::<NotRunning>() {
        return Exit::NotRunning;
    }
    if error.is::<ConfigRefused>() {
        return Exit::ConfigRefused;
    }
    if error.is::<FilterError>() {
        return Exit::Usage;
    }
    match error.downcast_ref() {
        Some(LedgerError::Absent { .. }) => Exit::NotFound,
        Some(LedgerError::InUse { .. }) => Exit::AlreadyRunning,
        _ => Exit::HostFailed,
    }
}
