//! What went wrong with a request, as a problem document (RFC 9457). A code, once released, keeps its meaning.

use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::shown;
use crate::daemon::reload::ReloadError;
use crate::daemon::{BackfillError, Refusal, RetryError, Stopped};
use crate::ledger::LedgerError;

/// What went wrong.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The kind of problem, as a URI.
    #[serde(rename = "type")]
    #[schema(example = "urn:sandclock:problem:no-such-task")]
    pub kind: Box<str>,
    /// The kind in words, the same each time.
    #[schema(example = "no such task")]
    pub title: Box<str>,
    /// The status code.
    #[schema(example = 404)]
    pub status: u16,
    /// What it was this time.
    #[schema(example = "no task of that name is configured")]
    pub detail: String,
    /// The kind, for programs.
    #[schema(example = "no-such-task")]
    pub code: String,
    /// After how many seconds to ask again, as the header `Retry-After` says.
    #[serde(skip)]
    pub retry_after: Option<u64>,
    /// All that is wrong with a configuration, for people, on several lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Box<str>>,
}

/// A kind of problem.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) title: &'static str,
}

/// Declares the kinds of problems, and a list of them all.
macro_rules! kinds {
    ($($name:ident = $status:ident, $code:literal, $title:literal;)*) => {
        impl Kind {
            $(pub(super) const $name: Kind = Kind { status: StatusCode::$status, code: $code, title: $title };)*

            /// Every kind. `docs/api.md` says of each what to do.
            #[cfg(test)]
            pub(super) const ALL: &[Kind] = &[$(Kind::$name),*];
        }
    };
}

kinds! {
    MALFORMED = BAD_REQUEST, "malformed-request", "the request cannot be understood";
    NO_TOKEN = UNAUTHORIZED, "no-token", "a token is needed";
    WRONG_TOKEN = UNAUTHORIZED, "wrong-token", "the token is worth nothing";
    WEBHOOK_REFUSED = UNAUTHORIZED, "webhook-refused", "the request is not believed";
    FORBIDDEN = FORBIDDEN, "forbidden", "the token does not allow this";
    FOREIGN_PAGE = FORBIDDEN, "foreign-page", "a page of another origin asks";
    NO_SUCH_TOKEN = NOT_FOUND, "no-such-token", "no such token";
    FOREIGN_NAME = MISDIRECTED_REQUEST, "foreign-name", "asked by another name";
    TOKEN_EXISTS = CONFLICT, "token-exists", "the name is taken";
    TOO_MANY_TOKENS = CONFLICT, "too-many-tokens", "too many tokens";
    TOO_MANY_REQUESTS = TOO_MANY_REQUESTS, "too-many-requests", "too many requests";
    UNGUARDED = INTERNAL_SERVER_ERROR, "unguarded", "the host is at fault";
    NO_SUCH_ROUTE = NOT_FOUND, "no-such-route", "no such address";
    NO_SUCH_TASK = NOT_FOUND, "no-such-task", "no such task";
    NO_SUCH_RUN = NOT_FOUND, "no-such-run", "no such run";
    METHOD_NOT_ALLOWED = METHOD_NOT_ALLOWED, "method-not-allowed", "no such method at this address";
    TOO_SLOW = REQUEST_TIMEOUT, "too-slow", "the request came too slowly";
    TASK_DISABLED = CONFLICT, "task-disabled", "the task is disabled";
    PLUGIN_UNUSABLE = CONFLICT, "plugin-unusable", "the plugin cannot be used";
    RUN_OVER = CONFLICT, "run-over", "the run is over";
    RUN_NOT_OVER = CONFLICT, "run-not-over", "the run is not over";
    RUN_SUCCEEDED = CONFLICT, "run-succeeded", "the run succeeded";
    NOTHING_KEPT = CONFLICT, "nothing-kept", "nothing was kept to run again";
    CONTRADICTED = CONFLICT, "contradicted", "something else was entered meanwhile";
    NO_CONFIGURATION = CONFLICT, "no-configuration", "there is nothing to reload";
    FILTERS_CLASH = UNPROCESSABLE_ENTITY, "filters-clash", "filters that do not go together";
    CONFIGURATION_REFUSED = UNPROCESSABLE_ENTITY, "configuration-refused", "the configuration was refused";
    TOO_LARGE = PAYLOAD_TOO_LARGE, "too-large", "the request is too large";
    TOO_MANY_SLOTS = UNPROCESSABLE_ENTITY, "too-many-slots", "too many slots at once";
    KEY_REUSED = UNPROCESSABLE_ENTITY, "key-reused", "the idempotency key was used before";
    BACKFILLS_FULL = TOO_MANY_REQUESTS, "backfills-full", "too many backfills";
    BUSY = SERVICE_UNAVAILABLE, "busy", "too many requests at once";
    TOO_MANY_FOLLOWERS = SERVICE_UNAVAILABLE, "too-many-followers", "too many follow already";
    SHUTTING_DOWN = SERVICE_UNAVAILABLE, "shutting-down", "the host is shutting down";
    LEDGER_FAILING = SERVICE_UNAVAILABLE, "ledger-failing", "the ledger fails";
    LEDGER_UNREADABLE = SERVICE_UNAVAILABLE, "ledger-unreadable", "the ledger cannot be read";
    STOPPED = SERVICE_UNAVAILABLE, "stopped", "the host has stopped";
}

impl Kind {
    /// A problem of this kind.
    pub(super) fn with(self, detail: impl ToString) -> Problem {
        Problem {
            kind: format!("urn:sandclock:problem:{}", self.code).into(),
            title: self.title.into(),
            status: self.status.as_u16(),
            detail: detail.to_string(),
            code: self.code.to_owned(),
            retry_after: matches!(self.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS)
                .then_some(1),
            report: None,
        }
    }
}

impl Problem {
    /// The request cannot be understood.
    pub(super) fn malformed(detail: impl ToString) -> Self {
        Kind::MALFORMED.with(detail)
    }

    /// There is nothing at this address.
    pub(super) fn no_such_route() -> Self {
        Kind::NO_SUCH_ROUTE.with("there is nothing at this address")
    }

    /// There is something at this address, but not by this method.
    pub(super) fn method_not_allowed() -> Self {
        Kind::METHOD_NOT_ALLOWED.with("there is something at this address, but not by this method")
    }

    /// There is no such run.
    pub(super) fn no_such_run(run: impl ToString) -> Self {
        Kind::NO_SUCH_RUN.with(format!("there is no run {}", run.to_string()))
    }

    /// Too many ask at once.
    pub(super) fn busy() -> Self {
        Kind::BUSY.with("too many requests wait already; ask again in a moment")
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::malformed(rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::malformed(rejection.body_text())
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Kind::TOO_LARGE.with(rejection.body_text()),
            _ => Self::malformed(rejection.body_text()),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal {
            Refusal::NoSuchTask => Kind::NO_SUCH_TASK,
            Refusal::Disabled => Kind::TASK_DISABLED,
            Refusal::PluginUnusable => Kind::PLUGIN_UNUSABLE,
            Refusal::BackfillsFull => Kind::BACKFILLS_FULL,
            Refusal::ShuttingDown => Kind::SHUTTING_DOWN,
            Refusal::LedgerFailing => Kind::LEDGER_FAILING,
            Refusal::NotOver => Kind::RUN_NOT_OVER,
            Refusal::KeyReused => Kind::KEY_REUSED,
            Refusal::Contradicted => Kind::CONTRADICTED,
        };
        kind.with(refusal)
    }
}

impl From<ReloadError> for Problem {
    fn from(error: ReloadError) -> Self {
        let detail = error.to_string();
        match error {
            ReloadError::Refused { report } => {
                Self { report: Some(report.as_ref().into()), ..Kind::CONFIGURATION_REFUSED.with(detail) }
            }
            ReloadError::NotNow(refusal) => refusal.into(),
            ReloadError::NoSource => Kind::NO_CONFIGURATION.with(detail),
        }
    }
}

impl From<Stopped> for Problem {
    fn from(stopped: Stopped) -> Self {
        Kind::STOPPED.with(stopped)
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        Kind::LEDGER_UNREADABLE.with(error)
    }
}

impl From<BackfillError> for Problem {
    fn from(error: BackfillError) -> Self {
        match error {
            BackfillError::Refused(refusal) => refusal.into(),
            BackfillError::Stopped(stopped) => stopped.into(),
            BackfillError::TooManySlots { .. } => Kind::TOO_MANY_SLOTS.with(error),
            BackfillError::Ledger(error) => error.into(),
        }
    }
}

impl From<RetryError> for Problem {
    fn from(error: RetryError) -> Self {
        match error {
            RetryError::Refused(refusal) => refusal.into(),
            RetryError::Stopped(stopped) => stopped.into(),
            RetryError::Ledger(error) => error.into(),
            RetryError::NoSuchRun(_) => Kind::NO_SUCH_RUN.with(error),
            RetryError::Succeeded(_) => Kind::RUN_SUCCEEDED.with(error),
            RetryError::NothingKept(_) => Kind::NOTHING_KEPT.with(error),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = shown::response(status, "application/problem+json", &self);
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED && self.code != Kind::WEBHOOK_REFUSED.code {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_says_what_to_do_about_every_code() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/api.md");
        let guide = std::fs::read_to_string(path).unwrap();
        let mut codes: Vec<&str> = Kind::ALL.iter().map(|kind| kind.code).collect();
        codes.sort_unstable();
        assert!(codes.is_sorted_by(|a, b| a < b), "two kinds have one code");
        for Kind { status, code, .. } in Kind::ALL {
            assert!(guide.contains(&format!("| `{code}` | {} |", status.as_u16())), "{code}");
        }
    }
}
