//! Malformed requests count as requests, and have their line in the log, through every door.

use std::sync::Arc;

use crate::model::outcome::AttemptOutcome;
use crate::sandbox::AttemptReport;
use crate::sandbox::testing::{attempt, run};
use crate::sandbox::tests::http::{fetcher, granted, host_lines};

const ODD_02: &str = include_str!("../../../../tests/guests/http-odd-requests.wat");
const ASKER_03: &str = include_str!("../../../../tests/integration/egress/asker-03.wat");

/// What the log says of the requests.
fn refused(report: &AttemptReport) -> Vec<&str> {
    host_lines(report).into_iter().map(|(_, line)| line.strip_prefix("request refused: ").unwrap()).collect()
}

#[tokio::test]
async fn through_the_task_door() {
    for (method, url, headers, expected) in [
        ("GE T", "http://a/", &[][..], "\"GE T\" is not a method"),
        ("GET", "http://a b/", &[], "the URL cannot be read: invalid uri character"),
        ("GET", "http://a/", &[("a b", "")], "\"a b\" is not a header's name"),
        ("GET", "http://a/", &[("host", "b")], "the header host is written by the host"),
    ] {
        let mut task = granted(&["http://a"]);
        let report = attempt(fetcher(method, url, headers, None), run(task.clone())).await;
        assert_eq!(refused(&report), [format!("the request is malformed: {expected}")]);
        let AttemptOutcome::Failed(failure) = &report.outcome else { panic!("{:?}", report.outcome) };
        assert_eq!((failure.message.as_str(), report.usage.http.requests), (expected, 1));

        task.limits.http.requests = 0;
        let report = attempt(fetcher(method, url, headers, None), run(task)).await;
        let AttemptOutcome::Failed(failure) = &report.outcome else { panic!("{:?}", report.outcome) };
        assert_eq!(failure.message, "error 5", "one too many, malformed or not");
    }
}

#[tokio::test]
async fn through_wasi_02() {
    let hosts_own = tempfile::NamedTempFile::new().unwrap();
    let subscriber = tracing_subscriber::fmt().with_writer(Arc::new(hosts_own.reopen().unwrap())).finish();
    let _listening = tracing::subscriber::set_default(subscriber);
    let mut task = granted(&["http://127.0.0.1:1"]);
    let report = attempt(ODD_02, run(task.clone())).await;
    assert_eq!(report.outcome, AttemptOutcome::Succeeded { output: None });
    let no_target = "the request is malformed: it needs a scheme, a host and a path, and one of them is not there or \
                     cannot be read";
    let no_body = "the request is malformed: it has a content-length and no body";
    assert_eq!(refused(&report), [no_body, no_target, no_target]);
    assert_eq!(report.usage.http.requests, 3);

    task.limits.http.requests = 1;
    let report = attempt(ODD_02, run(task)).await;
    assert_eq!((refused(&report).len(), report.usage.http.requests), (2, 3), "what is too much is told once");
    assert_eq!(std::fs::read_to_string(hosts_own).unwrap(), "", "a guest writes nothing to the host's own log");
}

#[tokio::test]
async fn through_wasi_03() {
    let no_host = "(call $ask (i32.const 0) (i32.const 0) (i32.const 2049) (i32.const 1))";
    let no_path = "(call $ask (i32.const 2048) (i32.const 1) (i32.const 0) (i32.const 0))";
    let whole = "(call $ask (i32.const 2048) (i32.const 1) (i32.const 2049) (i32.const 1))";
    let asker = ASKER_03.replace("\"TEXT\"", "\"a/\"");
    let malformed = "the request is malformed: it needs a scheme, a host and a path";
    for (scheme, calls, requests, expected) in [
        ("0", no_host.to_owned(), 1, malformed),
        ("0", no_path.to_owned(), 1, malformed),
        ("2", whole.to_owned(), 1, "a request needs a URL that begins with http:// or https://"),
        ("0", no_host.repeat(1000), 1000, malformed),
    ] {
        let mut task = granted(&["http://a"]);
        task.limits.http.requests = 2;
        let report = attempt(asker.replace("SCHEME", scheme).replace("CALLS", &calls), run(task)).await;
        assert_eq!(report.outcome, AttemptOutcome::Succeeded { output: None });
        let refused = refused(&report);
        assert!(refused[0].starts_with(expected), "{refused:?}");
        assert_eq!(refused.len(), requests.min(3), "what is too much is told once");
        assert_eq!(report.usage.http.requests as usize, requests);
    }
}
