//! Why there is no response, or none that is of use.

use std::fmt;
use std::time::Duration;

use crate::FailureKind;

/// A request that failed. As a [`Failure`](crate::Failure) it is transient if it could pass by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    method: String,
    /// Without its query and credentials: they may hold secrets, and messages are stored.
    url: String,
    kind: ErrorKind,
}

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No grant allows the request. The log of the run names the TOML that would.
    Denied(String),
    /// The request is malformed: a bad URL, method or header, or a body that could not be made.
    InvalidRequest(String),
    /// The name could not be resolved, the connection failed or broke, or TLS was refused.
    ConnectionFailed(String),
    /// The time ran out.
    TimedOut,
    /// A body is larger than the task's limit.
    BodyTooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The attempt has made as many requests as its `limits.http-requests` allows.
    TooManyRequests,
    /// The status is not that of a success.
    Status {
        /// The status.
        status: u16,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
        /// Where the server says it is instead.
        location: Option<String>,
    },
    /// The body is not what was expected.
    Body(String),
}

impl Error {
    pub(super) fn new(method: String, url: &str, kind: ErrorKind) -> Self {
        Self { method, url: without_secrets(url), kind }
    }

    /// Why it failed.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// The status of the response, if that is why it failed.
    pub fn status(&self) -> Option<u16> {
        match self.kind {
            ErrorKind::Status { status, .. } => Some(status),
            _ => None,
        }
    }

    /// Whether another attempt could help.
    pub fn failure_kind(&self) -> FailureKind {
        match &self.kind {
            ErrorKind::ConnectionFailed(_) | ErrorKind::TimedOut => FailureKind::Transient { retry_after: None },
            ErrorKind::Status { status: 408 | 425 | 429 | 500 | 502..=504 | 506..=599, retry_after, .. } => {
                FailureKind::Transient { retry_after: *retry_after }
            }
            ErrorKind::Denied(_)
            | ErrorKind::InvalidRequest(_)
            | ErrorKind::BodyTooLarge { .. }
            | ErrorKind::TooManyRequests
            | ErrorKind::Status { .. }
            | ErrorKind::Body(_) => FailureKind::Permanent,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.method, self.url, self.kind)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ErrorKind::Denied(why) => write!(f, "denied: {why}"),
            ErrorKind::InvalidRequest(why) => write!(f, "invalid request: {why}"),
            ErrorKind::ConnectionFailed(why) => write!(f, "connection failed: {why}"),
            ErrorKind::TimedOut => f.write_str("timed out"),
            ErrorKind::BodyTooLarge { limit } => write!(f, "a body is larger than {limit} bytes"),
            ErrorKind::TooManyRequests => {
                f.write_str("the attempt has made as many requests as `limits.http-requests` allows")
            }
            ErrorKind::Status { status, location: None, .. } => write!(f, "status {status}"),
            ErrorKind::Status { status, location: Some(location), .. } => {
                write!(f, "status {status}, which points to {}", without_secrets(location))
            }
            ErrorKind::Body(why) => write!(f, "the body is not what was expected: {why}"),
        }
    }
}

impl std::error::Error for Error {}

/// The URL up to its query or fragment, without `user:password@`.
fn without_secrets(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Failure, http, testing};

    #[test]
    fn urls_are_shown_without_secrets() {
        for (url, shown) in [
            ("https://a.example/x?token=1#top", "https://a.example/x"),
            ("https://user:pass@a.example:8443/x@y", "https://a.example:8443/x@y"),
            ("https://a.example", "https://a.example"),
            ("a.example?x", "a.example"),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }

    #[test]
    fn a_request_without_a_response_fails_in_the_right_kind() {
        fn check(kind: ErrorKind, expected: Failure) {
            let _http = testing::http(move |_| kind.clone());
            assert_eq!(Failure::from(http::get("http://a/?k=1").send().unwrap_err()), expected);
        }
        check(ErrorKind::TimedOut, Failure::transient("GET http://a/: timed out"));
        check(
            ErrorKind::ConnectionFailed("refused".into()),
            Failure::transient("GET http://a/: connection failed: refused"),
        );
        check(ErrorKind::Denied("add a grant".into()), Failure::permanent("GET http://a/: denied: add a grant"));
        check(ErrorKind::BodyTooLarge { limit: 9 }, Failure::permanent("GET http://a/: a body is larger than 9 bytes"));
    }

    #[test]
    fn without_a_double_there_is_no_network() {
        let error = http::get("http://a/").send().unwrap_err();
        assert!(error.to_string().contains("sandclock::testing::http"), "{error}");
    }
}
