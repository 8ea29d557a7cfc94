//! HTTP: what is granted goes out and comes back, what is not stays here, and all of it is in the log.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use wasmtime_wasi_http::WasiHttpHooks as _;

use crate::clock::Clock;
use crate::model::grants::Secret;
use crate::model::limits::HttpLimits;
use crate::model::limits::Limit;
use crate::model::log::{Level, LogSource};
use crate::model::outcome::{AttemptOutcome, Exceeded};
use crate::model::payload::Blob;
use crate::model::run::Run;
use crate::model::task::Task;
use crate::sandbox::http::{Egress, Network, WasiDoor};
use crate::sandbox::journal::Journal;
use crate::sandbox::redaction::Redaction;
use crate::sandbox::testing::{attempt, run, task, typed};
use crate::sandbox::tests::tasks::ALLOCATOR;
use crate::sandbox::{AttemptReport, TlsRoots};

/// A server that answers every request with the same bytes, and remembers what it got.
pub(super) struct Server {
    pub(super) address: String,
    pub(super) requests: Arc<Mutex<Vec<String>>>,
}

pub(super) async fn server(answer: impl Into<Vec<u8>>, then: Then) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let requests = Arc::new(Mutex::new(Vec::new()));
    let (seen, answer) = (Arc::clone(&requests), answer.into());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            let is_tls = |request: &[u8]| request.first() == Some(&0x16);
            while !is_tls(&request) && !request.windows(4).any(|end| end == b"\r\n\r\n") {
                if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                    break;
                }
            }
            seen.lock().unwrap().push(String::from_utf8_lossy(&request).into_owned());
            let _ = stream.write_all(&answer).await;
            if then == Then::StaySilent {
                std::future::pending::<()>().await;
            }
        }
    });
    Server { address, requests }
}

/// What a server does after its answer.
#[derive(PartialEq)]
pub(super) enum Then {
    Close,
    StaySilent,
}

/// A task that sends one request, and returns the response's body; or fails with the error's words, or with its number.
pub(super) fn fetcher(method: &str, url: &str, headers: &[(&str, &str)], timeout: Option<u64>) -> Vec<u8> {
    let mut data = format!(r#"(data (i32.const 100) "{method}") (data (i32.const 200) "{url}")"#);
    for (at, (name, value)) in headers.iter().enumerate() {
        let (record, text) = (2000 + 16 * at, 3000 + 200 * at);
        let words: String = [text, name.len(), text + 100, value.len()]
            .iter()
            .flat_map(|word| (*word as u32).to_le_bytes())
            .map(|byte| format!("\\{byte:02x}"))
            .collect();
        data += &format!(
            r#"(data (i32.const {record}) "{words}") (data (i32.const {text}) "{name}") (data (i32.const {}) "{value}")"#,
            text + 100
        );
    }
    let (asked, milliseconds) = (u8::from(timeout.is_some()), timeout.unwrap_or(0));
    typed(&format!(
        r#"(import "sandclock:task/http@0.1.0" "send"
            (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i64 i32)))
        {ALLOCATOR} {data} (data (i32.const 1100) "text/plain") (data (i32.const 1200) "error ?")
        (func (export "run") (param i32) (result i32)
            (call $send (i32.const 100) (i32.const {}) (i32.const 200) (i32.const {})
                (i32.const 2000) (i32.const {}) (i32.const 0) (i32.const 0)
                (i32.const {asked}) (i64.const {milliseconds}) (i32.const 1000))
            (if (i32.load8_u (i32.const 1000))
                (then
                    (i32.store (i32.const 1600) (i32.const 1))
                    (i32.store (i32.const 1608) (i32.const 1))
                    (if (i32.ge_u (i32.load8_u (i32.const 1008)) (i32.const 3))
                        (then
                            (i32.store8 (i32.const 1206) (i32.add (i32.const 48) (i32.load8_u (i32.const 1008))))
                            (i32.store (i32.const 1016) (i32.const 1200)) (i32.store (i32.const 1020) (i32.const 7))))
                    (memory.copy (i32.const 1616) (i32.const 1016) (i32.const 8)))
                (else
                    (i32.store (i32.const 1600) (i32.const 0))
                    (i32.store (i32.const 1608) (i32.const 1))
                    (i32.store (i32.const 1612) (i32.const 1100)) (i32.store (i32.const 1616) (i32.const 10))
                    (memory.copy (i32.const 1620) (i32.const 1020) (i32.const 8))))
            (i32.const 1600))"#,
        method.len(),
        url.len(),
        headers.len(),
    ))
}

pub(super) fn granted(grants: &[&str]) -> Task {
    let mut task = task("fetch");
    task.grants.http = grants.iter().map(|grant| grant.parse().unwrap()).collect();
    task
}

pub(super) async fn fetch(task: Task, url: &str) -> AttemptReport {
    attempt(fetcher("GET", url, &[("x-mark", "yes")], None), run(task)).await
}

pub(super) fn host_lines(report: &AttemptReport) -> Vec<(Level, &str)> {
    let lines = report.log.iter().filter(|line| line.source == LogSource::Host);
    lines.map(|line| (line.level, line.message.as_str())).collect()
}

pub(super) fn failure(report: &AttemptReport) -> &str {
    match &report.outcome {
        AttemptOutcome::Failed(failure) => &failure.message,
        other => panic!("expected a failure, found {other:?}"),
    }
}

/// A field of the first line of the log.
fn field<'a>(report: &'a AttemptReport, name: &str) -> Option<&'a str> {
    let fields = &report.log[0].fields;
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

pub(super) const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

#[tokio::test]
async fn a_granted_request_goes_out_and_is_audited() {
    let server = server(HELLO, Then::Close).await;
    let url = format!("http://{}/a/./b?key=value", server.address);
    let report = fetch(granted(&[&format!("GET http://{}", server.address)]), &url).await;
    let body = Blob { content_type: "text/plain".to_owned(), bytes: b"hello".to_vec() };
    assert_eq!(report.outcome, AttemptOutcome::Succeeded { output: Some(body) });
    assert_eq!(report.usage.http.requests, 1);
    let request = server.requests.lock().unwrap().remove(0);
    let mut lines: Vec<&str> = request.trim_end().lines().collect();
    lines[1..].sort_unstable();
    let host = format!("host: {}", server.address);
    assert_eq!(lines, ["GET /a/b?key=value HTTP/1.1", &host, "x-mark: yes"], "the body is empty, the host is right");
    assert_eq!(host_lines(&report), [(Level::Info, format!("GET http://{}/a/b: 200", server.address).as_str())]);
    let field = |name| field(&report, name);
    assert_eq!((field("peer"), report.log.len()), (Some("127.0.0.1"), 1));
    assert_eq!((field("method"), field("host")), (Some("GET"), Some(server.address.as_str())));
    assert_eq!((field("status"), field("received"), field("sent")), (Some("200"), Some("5"), Some("0")));
    assert!(field("ms").is_some());
}

#[tokio::test]
async fn what_is_not_granted_stays_here_and_is_explained() {
    let server = server(HELLO, Then::Close).await;
    let url = format!("http://{}/", server.address);
    for (grants, reason, lesson) in [
        (vec![], "no grant allows GET", format!("http = [\"GET http://{}\"]", server.address)),
        (
            vec!["https://example.com"],
            "no grant allows",
            format!("[\"https://example.com\", \"GET http://{}\"]", server.address),
        ),
        (vec!["http://127.0.0.1"], "no grant allows", format!("\"GET http://{}\"]", server.address)),
    ] {
        let report = fetch(granted(&grants), &url).await;
        assert!(failure(&report).contains(reason), "{}", failure(&report));
        let lines = host_lines(&report);
        assert!(lines[0].1.ends_with(&lesson) && lines[0].0 == Level::Warn && lines.len() == 1, "{lines:?}");
        assert_eq!((field(&report, "method"), field(&report, "host")), (Some("GET"), Some(server.address.as_str())));
    }
    let port = server.address.rsplit(':').next().unwrap();
    let report = fetch(granted(&[&format!("http://*:{port}")]), &url).await;
    assert!(failure(&report).contains("leads to 127.0.0.1, a loopback address"), "{}", failure(&report));
    assert_eq!((host_lines(&report).len(), field(&report, "sent"), field(&report, "peer")), (1, Some("0"), None));
    assert!(server.requests.lock().unwrap().is_empty(), "nothing has gone out");
}

#[tokio::test]
async fn a_secret_that_leads_into_the_query_is_not_in_the_log() {
    let server = server(HELLO, Then::Close).await;
    let grant = format!("http://{}", server.address);
    for (secret, grants) in [("ab{c?d{e", vec![grant.as_str()]), ("ab{c?d{e", vec![]), ("?d{e", vec![])] {
        let mut task = granted(&grants);
        task.grants.secrets = vec![("KEY".to_owned(), Secret::new(secret.to_owned()))];
        let report = fetch(task, &format!("http://{}/x{secret}&more=1", server.address)).await;
        let lines = host_lines(&report);
        assert!(lines.len() == 1 && lines[0].1.contains("/x***"), "{lines:?}");
        assert!(!lines[0].1.contains("ab") && !lines[0].1.contains("more"), "{lines:?}");
    }
}

#[tokio::test]
async fn localhost_reaches_this_machine_if_it_is_granted_by_name() {
    let server = server(HELLO, Then::Close).await;
    let port = server.address.rsplit(':').next().unwrap();
    let report = fetch(granted(&[&format!("http://localhost:{port}")]), &format!("http://localhost:{port}/")).await;
    assert!(matches!(report.outcome, AttemptOutcome::Succeeded { .. }), "{:?}", report.outcome);
}

#[tokio::test]
async fn redirects_come_back_as_they_are() {
    let answer = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 4\r\n\r\nmove";
    let server = server(answer, Then::Close).await;
    let report = fetch(granted(&[&format!("http://{}", server.address)]), &format!("http://{}/", server.address)).await;
    assert!(matches!(report.outcome, AttemptOutcome::Succeeded { .. }));
    assert_eq!(report.usage.http.requests, 1);
}

#[tokio::test]
async fn bodies_and_requests_are_limited() {
    let server = server(HELLO, Then::Close).await;
    let url = format!("http://{}/", server.address);
    let mut small = granted(&[&format!("http://{}", server.address)]);
    small.limits.http.body = 4;
    let report = fetch(small.clone(), &url).await;
    assert_eq!(failure(&report), "error 4");
    assert!(host_lines(&report)[0].1.contains("larger than limits.http-body allows (4 bytes)"));
    small.limits.http.requests = 0;
    let report = fetch(small, &url).await;
    assert_eq!(failure(&report), "error 5");
    assert!(host_lines(&report)[0].1.ends_with("[tasks.fetch.limits] http-requests = 1"), "{:?}", host_lines(&report));
    assert_eq!(report.usage.http.requests, 1);
}

#[tokio::test]
async fn each_time_limit_ends_the_request_that_reaches_it() {
    let begun = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel";
    let soon = Duration::from_millis(100);
    let default = HttpLimits::default();
    for (scheme, answer, limits, words) in [
        ("https", "", HttpLimits { tls: soon, ..default }, "no TLS handshake in time"),
        ("http", "", HttpLimits { first_byte: soon, ..default }, "no response in time"),
        ("http", "", HttpLimits { total: soon, ..default }, "the request was not over in time; past limits.http-total"),
        ("http", begun, HttpLimits { between_bytes: soon, ..default }, "the server went silent"),
        (
            "http",
            begun,
            HttpLimits { total: soon, ..default },
            "the request was not over in time; past limits.http-total",
        ),
    ] {
        let server = server(answer, Then::StaySilent).await;
        let mut task = granted(&[&format!("{scheme}://{}", server.address)]);
        task.limits.http = limits;
        let report = fetch(task, &format!("{scheme}://{}/", server.address)).await;
        assert_eq!(failure(&report), "error 3", "{answer:?}");
        assert!(host_lines(&report)[0].1.contains(words), "{:?}", host_lines(&report));
    }
}

#[tokio::test]
async fn a_server_that_never_answers_holds_nobody_beyond_the_deadline() {
    for (answer, status) in [("", ""), ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel", ": 200")] {
        let server = server(answer, Then::StaySilent).await;
        let mut task = granted(&[&format!("http://{}", server.address)]);
        task.limits.timeout = Duration::from_millis(500);
        let url = format!("http://{}/slow", server.address);
        let report = fetch(task, &url).await;
        assert!(matches!(report.outcome, AttemptOutcome::Exceeded(Exceeded { limit: Limit::Timeout, .. })));
        let lines = host_lines(&report);
        assert_eq!(
            lines[0],
            (Level::Warn, format!("GET {url}{status}: the attempt ended first").as_str()),
            "{lines:?}"
        );

        let server = self::server(answer, Then::StaySilent).await;
        let url = format!("http://{}/slow", server.address);
        let task = granted(&[&format!("http://{}", server.address)]);
        let report = attempt(fetcher("GET", &url, &[], Some(250)), run(task)).await;
        assert_eq!(failure(&report), "error 3", "the guest's own timeout");
        let why = "the request was not over in time; the guest itself asked for no more than 250ms";
        assert_eq!(host_lines(&report), [(Level::Warn, format!("GET {url}{status}: {why}").as_str())]);
    }
}

#[tokio::test]
async fn malformed_requests_are_refused_before_anything_goes_out() {
    for (method, url, header, expected) in [
        ("GET", "/path", ("a", "b"), "begins with http:// or https://"),
        ("GET", "http://user:pw@127.0.0.1/", ("a", "b"), "user name or password"),
        ("GET", "http://127.0.0.1:99999/", ("a", "b"), "port"),
        ("G ET", "http://127.0.0.1/", ("a", "b"), "is not a method"),
        ("CONNECT", "http://127.0.0.1/", ("a", "b"), "CONNECT is never allowed"),
        ("GET", "http://127.0.0.1/", ("host", "evil.test"), "the header host is written by the host"),
        ("GET", "http://127.0.0.1/", ("Content-Length", "7"), "the header content-length is written by the host"),
        ("GET", "http://127.0.0.1/", ("a b", "c"), "is not a header's name"),
        ("GET", "http://127.0.0.1/", ("a", "b\\00"), "has a value that HTTP forbids"),
    ] {
        let task = granted(&["http://127.0.0.1"]);
        let report = attempt(fetcher(method, url, &[header], None), run(task)).await;
        assert!(failure(&report).contains(expected), "{method} {url} {header:?}: {}", failure(&report));
    }
}

#[tokio::test]
async fn a_refused_connection_is_an_error_and_audited() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let report = fetch(granted(&[&format!("http://{address}")]), &format!("http://{address}/")).await;
    assert!(failure(&report).starts_with("cannot connect: "), "{}", failure(&report));
    let lines = host_lines(&report);
    assert!(lines[0].0 == Level::Warn && lines[0].1.contains("cannot connect"), "{lines:?}");
}

#[tokio::test]
async fn tls_is_refused_where_the_certificate_is_not_known() {
    let server = server("not TLS at all", Then::Close).await;
    let report =
        fetch(granted(&[&format!("https://{}", server.address)]), &format!("https://{}/", server.address)).await;
    assert!(failure(&report).starts_with("TLS failed: "), "{}", failure(&report));
    assert_eq!((field(&report, "peer"), field(&report, "reused")), (Some("127.0.0.1"), Some("false")));
}

#[tokio::test]
async fn the_doors_of_wasi_lead_to_the_same_policy() {
    let server = server(HELLO, Then::Close).await;
    let task = Arc::new(granted(&[&format!("http://{}", server.address)]));
    let journal = Journal::new(Clock::system(), &task.limits, Redaction::default());
    let egress = Arc::new(Egress::new(
        task,
        journal.clone(),
        Clock::system(),
        Arc::new(Network::new(TlsRoots::default(), Clock::system())),
    ));
    let mut door = WasiDoor(Arc::clone(&egress));
    let mut send = |url: String| {
        let body = Empty::<Bytes>::new().map_err(|never| match never {}).boxed_unsync();
        let request = http::Request::get(url).header("host", "evil.test").body(body).unwrap();
        Box::into_pin(door.send_request(request, None, Box::new(async { Ok(()) })))
    };
    let (response, connection) = send(format!("http://{}/", server.address)).await.ok().unwrap();
    let (body, _) = tokio::join!(response.into_body().collect(), Box::into_pin(connection));
    assert_eq!(body.unwrap().to_bytes(), "hello");
    let request = server.requests.lock().unwrap().remove(0);
    assert_eq!(request, format!("GET / HTTP/1.1\r\nhost: {}\r\n\r\n", server.address), "the host is ours to write");

    let refused = send("http://127.0.0.1:1/".to_owned()).await.err().unwrap();
    assert!(matches!(refused, wasmtime_wasi_http::Error::HttpRequestDenied), "{refused}");
    assert_eq!(egress.usage().requests, 2);
    assert!(journal.take().iter().any(|line| line.message.contains("no grant allows GET http://127.0.0.1:1/")));
}

#[tokio::test]
async fn a_request_says_in_which_trace_it_is_unless_the_guest_does() {
    const ASKED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const OWN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let check = async |trace: Option<&str>, headers: &[(&str, &str)], expected: Option<&str>| {
        let server = server(HELLO, Then::Close).await;
        let url = format!("http://{}/", server.address);
        let trace = trace.map(|text| text.parse().unwrap());
        let run = Run { trace, ..run(granted(&[&format!("http://{}", server.address)])) };
        let report = attempt(fetcher("GET", &url, headers, None), run).await;
        assert_eq!(report.usage.http.statuses, [1, 0, 0, 0]);
        let request = server.requests.lock().unwrap().remove(0);
        let found: Vec<&str> = request.lines().filter_map(|line| line.strip_prefix("traceparent: ")).collect();
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{request}");
    };
    check(None, &[], None).await;
    check(Some(ASKED), &[], Some(ASKED)).await;
    check(Some(ASKED), &[("traceparent", OWN)], Some(OWN)).await;
    check(None, &[("traceparent", OWN)], Some(OWN)).await;
}
