//! Answers in JSON, in which no text can act on whoever reads it.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::problem::Problem;
use crate::model::text::{inert_json, is_inert};

/// An answer in JSON, with a status.
pub(super) struct Shown<T>(pub(super) StatusCode, pub(super) T);

/// What a handler comes to.
pub(super) type Answer<T> = Result<Shown<T>, Problem>;

/// An answer that found what it was asked for.
pub(super) fn found<T>(value: T) -> Answer<T> {
    Ok(Shown(StatusCode::OK, value))
}

impl<T: Serialize> IntoResponse for Shown<T> {
    fn into_response(self) -> Response {
        response(self.0, "application/json", &self.1)
    }
}

/// A response in some form of JSON.
pub(super) fn response(status: StatusCode, content_type: &'static str, value: &impl Serialize) -> Response {
    let kind = HeaderValue::from_static(content_type);
    match text(value) {
        Ok(text) => (status, [(header::CONTENT_TYPE, kind)], text).into_response(),
        Err(error) => {
            tracing::error!("an answer cannot be written as JSON: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A value as inert JSON on one line.
pub(super) fn text(value: &impl Serialize) -> serde_json::Result<String> {
    let text = serde_json::to_string(value)?;
    Ok(if is_inert(&text) { text } else { inert_json(&text).to_string() })
}
