//! Asking a running host for something: over the socket in its state folder, or over the network.
//!
//! The one way in which every command asks; what it comes to is the same whichever way the host is reached.

mod connection;
mod events;
mod reach;
mod tls;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use hyper::{Method, StatusCode};
use serde_json::Value;

use super::exit::{ConfigRefused, NotFound, NotRunning};
use crate::api::Problem;
use crate::model::payload::Blob;

pub(super) use connection::Connection;
pub(super) use events::{Event, Events};
pub(super) use reach::{Distant, Elsewhere, Reach};

/// How long a host has to answer unless it is said: a backfill of ten thousand slots takes it a second or two.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the host is.
#[derive(Debug)]
pub(super) enum Host {
    /// On this state folder.
    Here(PathBuf),
    /// Somewhere on the network.
    There(Distant),
}

/// What a host is asked with.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: Method,
    /// The path, from the root.
    pub(super) path: String,
    /// The body and its media type; none if there is no body, which is another thing than an empty one.
    pub(super) body: Option<Blob>,
    /// Further headers.
    pub(super) headers: Vec<(&'static str, String)>,
    /// How long the host has to answer.
    pub(super) patience: Duration,
}

impl Asked {
    /// A request for a change that is all in its path.
    pub(super) fn at(path: String) -> Self {
        Self { method: Method::POST, path, body: None, headers: Vec::new(), patience: PATIENCE }
    }

    /// A request to see something.
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, ..Self::at(path.into()) }
    }
}

impl Host {
    /// The state folder, if the host is on this machine's.
    pub(super) fn state(&self) -> Option<&Path> {
        match self {
            Host::Here(state) => Some(state),
            Host::There(_) => None,
        }
    }

    /// The error that there is no host.
    pub(super) fn not_running(&self) -> anyhow::Error {
        match self {
            Host::Here(state) => NotRunning::On(state.clone()).into(),
            Host::There(distant) => NotRunning::At(distant.to_string()).into(),
        }
    }

    /// Connects; none if no host runs here. One that is elsewhere has to answer.
    pub(super) async fn connect(&self) -> anyhow::Result<Option<Connection>> {
        match self {
            Host::Here(state) => Connection::here(state).await,
            Host::There(distant) => match Connection::there(distant).await {
                Ok(connection) => Ok(Some(connection)),
                Err(error) => Err(error.context(NotRunning::At(distant.to_string()))),
            },
        }
    }

    /// Connects to a host, which has to run.
    pub(super) async fn reach(&self) -> anyhow::Result<Connection> {
        self.connect().await?.ok_or_else(|| self.not_running())
    }
}

/// Asks a host, and returns its answer; none if it is here and does not run.
pub(super) fn ask_if_running(host: &Host, asked: Asked) -> anyhow::Result<Option<Value>> {
    waiting(async {
        match host.connect().await? {
            Some(mut connection) => connection.ask(asked).await.map(Some),
            None => Ok(None),
        }
    })
}

/// Asks a host, which has to run.
pub(super) fn ask(host: &Host, asked: Asked) -> anyhow::Result<Value> {
    ask_if_running(host, asked)?.ok_or_else(|| host.not_running())
}

/// Waits for what takes a conversation.
pub(super) fn waiting<T>(conversation: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(conversation)
}

/// What an answer that is no success says.
fn refusal(status: StatusCode, body: &[u8]) -> anyhow::Error {
    let problem: Problem = match serde_json::from_slice(body) {
        Ok(problem) => problem,
        Err(_) => return anyhow!("the host answers {status}; is it one of sandclock?"),
    };
    match (problem.code.as_str(), status) {
        ("no-such-task" | "no-such-run" | "no-such-token" | "run-over", _) => NotFound(problem.detail).into(),
        ("configuration-refused", _) => {
            ConfigRefused { report: problem.report.map_or(problem.detail, String::from) }.into()
        }
        (_, StatusCode::UNAUTHORIZED) => {
            anyhow!("the host wants another token, from --token-file or SANDCLOCK_TOKEN: {}", problem.detail)
        }
        (_, StatusCode::FORBIDDEN) => anyhow!("the host does not allow this: {}", problem.detail),
        _ => anyhow!(problem.detail),
    }
}

/// Reads an answer in JSON.
fn understood(body: &[u8]) -> anyhow::Result<Value> {
    serde_json::from_slice(body).context("the host's answer cannot be understood")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Exit;
    use crate::cli::exit::of_error;

    #[test]
    fn problems_are_told_with_what_to_do_and_an_exit_code() {
        let check = |status: u16, code: &str, expected: &str, exit| {
            let body = serde_json::json!({
                "type": "urn:x", "title": "t", "status": status, "detail": "so it is", "code": code,
            });
            let error = refusal(StatusCode::from_u16(status).unwrap(), body.to_string().as_bytes());
            assert!(error.to_string().starts_with(expected), "{error}");
            assert_eq!(of_error(&error), exit, "{code}");
        };
        check(404, "no-such-task", "so it is", Exit::NotFound);
        check(409, "run-over", "so it is", Exit::NotFound);
        check(409, "task-disabled", "so it is", Exit::HostFailed);
        check(
            401,
            "no-token",
            "the host wants another token, from --token-file or SANDCLOCK_TOKEN: so it is",
            Exit::HostFailed,
        );
        check(403, "forbidden", "the host does not allow this: so it is", Exit::HostFailed);
        let error = refusal(StatusCode::BAD_GATEWAY, b"<html>");
        assert_eq!(error.to_string(), "the host answers 502 Bad Gateway; is it one of sandclock?");
    }
}
