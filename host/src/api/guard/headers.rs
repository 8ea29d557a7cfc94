//! What every answer tells a browser: to run nothing of it, to keep nothing of it, and to take it for what it says it is.
//!
//! Not that its host is to be asked over TLS alone (`Strict-Transport-Security`): that would hold for every other port of
//! the same name, with `localhost` among them.

use axum::http::header::{self, HeaderName, HeaderValue};
use axum::response::Response;

/// The headers, and what they say unless an answer says otherwise itself.
const HEADERS: [(HeaderName, HeaderValue); 6] = [
    // The API is read by programs. A page that needs more, such as the documentation's, says what.
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// The number of a request, in its answer and in the audit log.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Adds them to an answer.
pub(super) fn dress(mut response: Response, request: &str) -> Response {
    let headers = response.headers_mut();
    headers.reserve(HEADERS.len() + 1);
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(value);
    }
    if let Ok(request) = HeaderValue::from_str(request) {
        headers.insert(REQUEST_ID, request);
    }
    response
}
