//! Asking a running host for something, over the socket in its state folder.

use std::io;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;

use super::exit::{ConfigRefused, NotFound, NotRunning};
use crate::api::Problem;
use crate::api::control::connect;

/// How long a host has to answer unless it is said: a backfill of ten thousand slots takes it a second or two.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a host is asked with.
pub(super) struct Asked {
    /// The path, from the root.
    pub(super) path: String,
    /// The media type of the body; none if there is no body, which is another thing than an empty one.
    pub(super) content_type: Option<String>,
    pub(super) body: Vec<u8>,
    /// How long the host has to answer.
    pub(super) patience: Duration,
}

impl Asked {
    /// A request that is all in its path.
    pub(super) fn at(path: String) -> Self {
        Self { path, content_type: None, body: Vec::new(), patience: PATIENCE }
    }
}

/// Asks the host of a state folder, and returns its answer; none if no host runs.
pub(super) fn ask_if_running(state: &Path, asked: Asked) -> anyhow::Result<Option<Value>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match tokio::time::timeout(asked.patience, send(state, asked)).await {
            Ok(answer) => answer,
            Err(_) => bail!("the host does not answer"),
        }
    })
}

/// Asks the host of a state folder, which has to run.
pub(super) fn ask(state: &Path, asked: Asked) -> anyhow::Result<Value> {
    match ask_if_running(state, asked)? {
        Some(answer) => Ok(answer),
        None => bail!(NotRunning(state.to_owned())),
    }
}

async fn send(state: &Path, asked: Asked) -> anyhow::Result<Option<Value>> {
    let Some(stream) = connect(state).await.context("cannot reach the host over its control socket")? else {
        return Ok(None);
    };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let mut request = Request::builder().method(Method::POST).uri(asked.path).header(header::HOST, "sandclock");
    if let Some(content_type) = asked.content_type {
        request = request.header(header::CONTENT_TYPE, content_type);
    }
    let request = request.body(Full::new(Bytes::from(asked.body)))?;
    let exchange = async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        anyhow::Ok((status, body))
    };
    tokio::pin!(connection);
    let (status, body) = tokio::select! {
        biased;
        answered = exchange => answered?,
        ended = &mut connection => {
            ended?;
            bail!(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
    };
    if status.is_success() {
        return Ok(Some(serde_json::from_slice(&body).context("the host's answer cannot be understood")?));
    }
    let problem: Problem = serde_json::from_slice(&body).with_context(|| format!("the host answers {status}"))?;
    match problem.code.as_str() {
        "no-such-task" | "no-such-run" | "no-such-token" | "run-over" => bail!(NotFound(problem.detail)),
        "configuration-refused" => {
            bail!(ConfigRefused { report: problem.report.map_or(problem.detail, String::from) })
        }
        _ => bail!(problem.detail),
    }
}
