//! Why a store could not do what it was asked to.

use std::fmt;

use crate::FailureKind;

/// A call to a store that failed. As a [`Failure`](crate::Failure) it is transient if it could pass by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    doing: String,
    kind: ErrorKind,
}

/// Why a call to a store failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There can be no store of this name.
    NoSuchStore,
    /// No grant has the store. The attempt's log has the TOML that would.
    Denied,
    /// Others changed the key each time that it was to be changed.
    Contended,
    /// The value is not what was expected.
    Value(String),
    /// Anything else, such as a quota that is reached, or a host that cannot write to its disk.
    Other(String),
}

impl Error {
    pub(super) fn new(doing: impl fmt::Display, kind: ErrorKind) -> Self {
        Self { doing: doing.to_string(), kind }
    }

    /// Why it failed.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// Whether another attempt could help.
    pub fn failure_kind(&self) -> FailureKind {
        match &self.kind {
            ErrorKind::Contended => FailureKind::Transient { retry_after: None },
            // The host says so of a ledger that it cannot use for now.
            ErrorKind::Other(why) if why.starts_with("the key-value store cannot be used now") => {
                FailureKind::Transient { retry_after: None }
            }
            ErrorKind::NoSuchStore | ErrorKind::Denied | ErrorKind::Value(_) | ErrorKind::Other(_) => {
                FailureKind::Permanent
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.doing, self.kind)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ErrorKind::NoSuchStore => f.write_str("there can be no store of this name"),
            ErrorKind::Denied => f.write_str("no grant has it; the log says which would"),
            ErrorKind::Contended => f.write_str("others changed it each time"),
            ErrorKind::Value(why) => write!(f, "the value is not what was expected: {why}"),
            ErrorKind::Other(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Error {}
