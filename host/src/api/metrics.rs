//! `/metrics`: what happened since the host's start, for Prometheus.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};

use super::problem::Problem;
use super::service::Service;
use crate::observe::Form;

/// What happened since the host's start, in OpenMetrics
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "host",
    responses(
        (status = 200, description = "The series; `docs/metrics.md` has their meaning", body = String, content_type = "application/openmetrics-text"),
    )
)]
pub(super) async fn scrape(State(service): State<Service>, headers: HeaderMap) -> Response {
    let form = wanted(&headers);
    match service.scraper.scrape(form).await {
        Some(body) => ([(CONTENT_TYPE, form.content_type())], body).into_response(),
        None => Problem::busy().into_response(),
    }
}

/// OpenMetrics, unless only the older format will do.
fn wanted(headers: &HeaderMap) -> Form {
    let names = |media: &str| {
        let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        accepted.flat_map(|value| value.split(',')).any(|range| range.trim().starts_with(media))
    };
    match names("text/plain") && !names("application/openmetrics-text") {
        true => Form::Prometheus,
        false => Form::OpenMetrics,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_format_is_for_those_who_know_no_other() {
        let check = |accept: Option<&str>, expected: Form| {
            let headers = accept.map(|accept| (ACCEPT, accept.parse().unwrap()));
            assert_eq!(wanted(&headers.into_iter().collect()), expected, "{accept:?}");
        };
        check(None, Form::OpenMetrics);
        check(Some("*/*"), Form::OpenMetrics);
        check(Some("text/plain"), Form::Prometheus);
        let prometheus = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        check(Some(prometheus), Form::OpenMetrics);
    }
}
