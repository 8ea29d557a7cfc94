//! Headers that are bound to a grant: they reach the server, and neither the guest nor the log.

use super::http::{HELLO, Then, failure, fetch, fetcher, granted, host_lines, server};
use crate::model::grants::{BoundHeader, HttpGrant, Secret};
use crate::model::outcome::AttemptOutcome;
use crate::model::task::Task;
use crate::sandbox::testing::{attempt, run};

/// A task that may reach an address, with a header for a part of it.
fn bound(address: &str, name: &str, template: &str) -> Task {
    let token = Secret::new("t0p-s3cret".to_owned());
    let header = BoundHeader::new(name.parse().unwrap(), template, |_| Some(&token)).unwrap();
    let grant: HttpGrant = format!("http://{address}/v1").parse().unwrap();
    let mut task = granted(&[&format!("http://{address}/open")]);
    task.grants.http.push(grant.with_headers(vec![header]));
    task
}

#[tokio::test]
async fn a_bound_header_goes_where_its_grant_leads_and_takes_the_place_of_the_guests() {
    let server = server(HELLO, Then::Close).await;
    let task = bound(&server.address, "Authorization", "Bearer ${secret:TOKEN}");
    for (path, method, expected) in [
        ("/v1/items", "GET", Some("Bearer t0p-s3cret")),
        ("/open", "GET", Some("mine")),
        ("/v1/items", "TRACE", Some("mine")),
    ] {
        let url = format!("http://{}{path}", server.address);
        let report = attempt(fetcher(method, &url, &[("authorization", "mine")], None), run(task.clone())).await;
        assert!(matches!(report.outcome, AttemptOutcome::Succeeded { .. }), "{:?}", report.outcome);
        let request = server.requests.lock().unwrap().pop().unwrap();
        let values = request.lines().filter_map(|line| line.strip_prefix("authorization: "));
        assert_eq!(values.collect::<Vec<_>>(), Vec::from_iter(expected), "{method} {path}");
        assert!(!format!("{:?}", report.log).contains("s3cret"), "{:?}", report.log);
    }
}

#[tokio::test]
async fn a_refused_request_teaches_without_forgetting_the_header() {
    let server = server(HELLO, Then::Close).await;
    let task = bound(&server.address, "X-Key", "${secret:TOKEN}");
    let report = fetch(task, &format!("http://{}/v2", server.address)).await;
    assert!(failure(&report).contains("no grant allows"), "{}", failure(&report));
    let lesson = host_lines(&report)[0].1.to_owned();
    assert!(lesson.contains(r#"/v1", header = { "x-key" = "${secret:TOKEN}" } }, "GET http://"#), "{lesson}");
}
