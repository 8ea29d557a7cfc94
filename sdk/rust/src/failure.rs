//! Why the work could not be done, and how other errors become that.
//!
//! Which outcome of the run follows, and when the next attempt starts, is the host's to decide.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;

use crate::{http, kv};

/// Why the work could not be done, and whether another attempt could help.
///
/// `?` turns every standard error into one. What could pass by itself is transient: a connection that failed, a time-out,
/// a status of 429 or 503, an [`io::Error`] of that kind; also when it is only the cause of the error at hand. Everything
/// else is permanent. To be able to take every error, it is not one itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    kind: FailureKind,
    message: String,
}

/// Whether another attempt could help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// It could: a service was down, say. The task's `retry` settings decide whether there is one, and when.
    Transient {
        /// How long to wait first, where the task knows. The settings bound it.
        retry_after: Option<Duration>,
    },
    /// It could not, until somebody changes something.
    Permanent,
}

impl Failure {
    /// A failure that may pass.
    pub fn transient(message: impl fmt::Display) -> Self {
        Self::new(FailureKind::Transient { retry_after: None }, message)
    }

    /// A failure that may pass, and not before the given time has.
    pub fn retry_after(message: impl fmt::Display, wait: Duration) -> Self {
        Self::new(FailureKind::Transient { retry_after: Some(wait) }, message)
    }

    /// A failure that will not pass by itself.
    pub fn permanent(message: impl fmt::Display) -> Self {
        Self::new(FailureKind::Permanent, message)
    }

    /// A failure of the given kind.
    pub fn new(kind: FailureKind, message: impl fmt::Display) -> Self {
        Self { kind, message: message.to_string() }
    }

    /// Whether another attempt could help.
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// What went wrong.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        for cause in causes(&error).skip(1) {
            message.push_str(": ");
            message.push_str(&cause.to_string());
        }
        Self { kind: classify(&error), message }
    }
}

/// Says what was being done when it failed, as in `.context("reading the index")?`. The kind of the failure stays.
pub trait Context<T> {
    /// Puts the text and a colon in front of the message; for a `None`, the text is the message, and permanent.
    ///
    /// # Errors
    ///
    /// The failure, if there was one.
    fn context(self, doing: impl fmt::Display) -> Result<T, Failure>;
}

impl<T, E: Into<Failure>> Context<T> for Result<T, E> {
    fn context(self, doing: impl fmt::Display) -> Result<T, Failure> {
        self.map_err(|error| {
            let Failure { kind, message } = error.into();
            Failure { kind, message: format!("{doing}: {message}") }
        })
    }
}

impl<T> Context<T> for Option<T> {
    fn context(self, doing: impl fmt::Display) -> Result<T, Failure> {
        self.ok_or_else(|| Failure::permanent(doing))
    }
}

/// The error and what caused it, outermost first.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}

/// The kind that the first cause with a known kind has; permanent if there is none.
fn classify(error: &(dyn Error + 'static)) -> FailureKind {
    causes(error)
        .find_map(|cause| {
            let of_http = cause.downcast_ref().map(http::Error::failure_kind);
            let of_store = cause.downcast_ref().map(kv::Error::failure_kind);
            of_http.or(of_store).or_else(|| cause.downcast_ref().map(kind_of_io))
        })
        .unwrap_or(FailureKind::Permanent)
}

fn kind_of_io(error: &io::Error) -> FailureKind {
    match error.kind() {
        ErrorKind::AddrInUse
        | ErrorKind::BrokenPipe
        | ErrorKind::ConnectionAborted
        | ErrorKind::ConnectionRefused
        | ErrorKind::ConnectionReset
        | ErrorKind::HostUnreachable
        | ErrorKind::Interrupted
        | ErrorKind::NetworkDown
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NotConnected
        | ErrorKind::ResourceBusy
        | ErrorKind::TimedOut
        | ErrorKind::WouldBlock => FailureKind::Transient { retry_after: None },
        _ => FailureKind::Permanent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An error of a plugin's own, with a cause.
    #[derive(Debug)]
    struct Wrapped(Box<dyn Error>);

    impl fmt::Display for Wrapped {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("cannot sync")
        }
    }

    impl Error for Wrapped {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&*self.0)
        }
    }

    #[test]
    fn any_error_becomes_a_failure_of_the_right_kind() {
        fn check(error: impl Error + 'static, expected: Failure) {
            assert_eq!(Failure::from(error), expected);
        }
        let refused = || io::Error::new(ErrorKind::ConnectionRefused, "refused");
        check(refused(), Failure::transient("refused"));
        check(io::Error::new(ErrorKind::NotFound, "no such file"), Failure::permanent("no such file"));
        check("x".parse::<i32>().unwrap_err(), Failure::permanent("invalid digit found in string"));
        check(Wrapped(refused().into()), Failure::transient("cannot sync: refused"));
        check(Wrapped(Box::new(Wrapped(refused().into()))), Failure::transient("cannot sync: cannot sync: refused"));
        check(Wrapped("odd".into()), Failure::permanent("cannot sync: odd"));
    }

    #[test]
    fn context_keeps_the_kind() {
        let wait = Duration::from_secs(9);
        let failed: Result<(), _> = Err(Failure::retry_after("busy", wait));
        assert_eq!(failed.context("saving"), Err(Failure::retry_after("saving: busy", wait)));
        assert_eq!(None::<()>.context("no rows"), Err(Failure::permanent("no rows")));
        assert_eq!("7".parse::<u8>().context("reading"), Ok(7));
    }
}
