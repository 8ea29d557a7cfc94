//! What went wrong with a request, as a problem document (RFC 9457). A code, once released, keeps its meaning.

use axum::Json;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::daemon::reload::ReloadError;
use crate::daemon::{BackfillError, Refusal, Stopped};

/// What went wrong.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Problem {
    /// The kind of problem, as a URI.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words, the same each time.
    pub title: String,
    /// The status code.
    pub status: u16,
    /// What it was this time.
    pub detail: String,
    /// The kind, for programs.
    pub code: String,
    /// All that is wrong with a configuration, for people, on several lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Box<str>>,
}

impl Problem {
    fn new(status: StatusCode, code: &str, title: &str, detail: impl ToString) -> Self {
        Self {
            kind: format!("urn:sandclock:problem:{code}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.to_string(),
            code: code.to_owned(),
            report: None,
        }
    }

    /// The request cannot be understood.
    pub(super) fn malformed(detail: impl ToString) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed-request", "the request cannot be understood", detail)
    }

    /// There is nothing at this address, or not by this method.
    pub(super) fn no_such_route() -> Self {
        let detail = "there is nothing at this address, or not by this method";
        Self::new(StatusCode::NOT_FOUND, "no-such-route", "no such address", detail)
    }

    /// There is no such run, or it is over.
    pub(super) fn no_such_run(run: impl ToString) -> Self {
        let detail = format!("there is no run {}, or it is over", run.to_string());
        Self::new(StatusCode::NOT_FOUND, "no-such-run", "no such run", detail)
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::malformed(rejection.body_text())
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        match rejection.status() {
            status @ StatusCode::PAYLOAD_TOO_LARGE => {
                Self::new(status, "too-large", "the request is too large", rejection.body_text())
            }
            _ => Self::malformed(rejection.body_text()),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (status, code, title) = match refusal {
            Refusal::NoSuchTask => (StatusCode::NOT_FOUND, "no-such-task", "no such task"),
            Refusal::Disabled => (StatusCode::CONFLICT, "task-disabled", "the task is disabled"),
            Refusal::PluginUnusable => (StatusCode::CONFLICT, "plugin-unusable", "the plugin cannot be used"),
            Refusal::BackfillsFull => (StatusCode::TOO_MANY_REQUESTS, "backfills-full", "too many backfills"),
            Refusal::ShuttingDown => (StatusCode::SERVICE_UNAVAILABLE, "shutting-down", "the host is shutting down"),
            Refusal::LedgerFailing => (StatusCode::SERVICE_UNAVAILABLE, "ledger-failing", "the ledger fails"),
        };
        Self::new(status, code, title, refusal)
    }
}

impl From<ReloadError> for Problem {
    fn from(error: ReloadError) -> Self {
        let detail = error.to_string();
        match error {
            ReloadError::Refused { report } => {
                let (code, title) = ("configuration-refused", "the configuration was refused");
                let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, title, detail);
                Self { report: Some(report.as_ref().into()), ..problem }
            }
            ReloadError::NotNow(refusal) => refusal.into(),
            ReloadError::NoSource => {
                Self::new(StatusCode::CONFLICT, "no-configuration", "there is nothing to reload", detail)
            }
        }
    }
}

impl From<Stopped> for Problem {
    fn from(stopped: Stopped) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopped", "the host has stopped", stopped)
    }
}

impl From<BackfillError> for Problem {
    fn from(error: BackfillError) -> Self {
        match error {
            BackfillError::Refused(refusal) => refusal.into(),
            BackfillError::Stopped(stopped) => stopped.into(),
            BackfillError::TooManySlots { .. } => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "too-many-slots", "too many slots at once", error)
            }
            BackfillError::Ledger(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "ledger-unreadable", "the ledger cannot be read", error)
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let kind = HeaderValue::from_static("application/problem+json");
        (status, [(header::CONTENT_TYPE, kind)], Json(self)).into_response()
    }
}
