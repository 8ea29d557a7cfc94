//! What ends a request is in the log by the name of its limit, whatever the guest does to have it missing there.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, StreamBody};
use wasmtime_wasi_http::{RequestOptions, WasiBody};

use crate::clock::Clock;
use crate::model::limits::{HttpLimits, LogUsage};
use crate::model::log::LogLine;
use crate::model::outcome::AttemptOutcome;
use crate::model::task::Task;
use crate::sandbox::http::{Egress, Network, SendError};
use crate::sandbox::journal::Journal;
use crate::sandbox::redaction::Redaction;
use crate::sandbox::testing::{attempt, run, typed};
use crate::sandbox::tests::blocked;
use crate::sandbox::tests::http::{Then, failure, granted, host_lines, server};
use crate::sandbox::tests::tasks::ALLOCATOR;
use crate::sandbox::{AttemptReport, TlsRoots, bounds};

/// A task that sends a POST request with so many headers that all differ, and a body of so many bytes.
async fn post(task: Task, headers: usize, body: usize) -> AttemptReport {
    const URL: &str = "http://127.0.0.1:1/";
    let guest = typed(&format!(
        r#"(import "sandclock:task/http@0.1.0" "send"
            (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i64 i32)))
        {ALLOCATOR} (data (i32.const 100) "POST") (data (i32.const 200) "{URL}")
        (func $header (param $number i32) (param $record i32) (param $name i32) (local $letter i32)
            (i32.store (local.get $record) (local.get $name))
            (i32.store offset=4 (local.get $record) (i32.const 4))
            (loop $more
                (i32.store8 (i32.add (local.get $name) (local.get $letter))
                    (i32.add (i32.const 97) (i32.rem_u (local.get $number) (i32.const 26))))
                (local.set $number (i32.div_u (local.get $number) (i32.const 26)))
                (local.set $letter (i32.add (local.get $letter) (i32.const 1)))
                (br_if $more (i32.lt_u (local.get $letter) (i32.const 4)))))
        (func (export "run") (param i32) (result i32) (local $number i32)
            (drop (memory.grow (i32.const 32)))
            (if (i32.const {headers}) (then (loop $more
                (call $header (local.get $number)
                    (i32.add (i32.const 0x80000) (i32.mul (local.get $number) (i32.const 16)))
                    (i32.add (i32.const 0x180000) (i32.mul (local.get $number) (i32.const 4))))
                (local.set $number (i32.add (local.get $number) (i32.const 1)))
                (br_if $more (i32.lt_u (local.get $number) (i32.const {headers}))))))
            (call $send (i32.const 100) (i32.const 4) (i32.const 200) (i32.const {})
                (i32.const 0x80000) (i32.const {headers}) (i32.const 0x80000) (i32.const {body})
                (i32.const 0) (i64.const 0) (i32.const 1000))
            (i32.store (i32.const 1600) (i32.load8_u (i32.const 1000)))
            (i32.store (i32.const 1608) (i32.const 1))
            (if (i32.lt_u (i32.load8_u (i32.const 1008)) (i32.const 3))
                (then (memory.copy (i32.const 1616) (i32.const 1016) (i32.const 8))))
            (i32.const 1600))"#,
        URL.len(),
    ));
    attempt(guest, run(task)).await
}

#[tokio::test]
async fn too_many_headers_are_refused_and_told_whatever_the_limit() {
    for (limit, expected) in [
        (
            2 << 10,
            "(2048 bytes); past limits.http-headers = 2KiB; to allow more: [tasks.fetch.limits] http-headers = \"4KiB\"",
        ),
        (1 << 20, "the request has more than 1000 headers"),
    ] {
        let mut task = granted(&["http://127.0.0.1:1"]);
        task.limits.http.headers = limit;
        let report = post(task, 30_000, 0).await;
        assert!(failure(&report).contains("headers"), "{}", failure(&report));
        let lines = host_lines(&report);
        assert!(lines.len() == 1 && lines[0].1.ends_with(expected), "{lines:?}");
        assert_eq!(report.usage.http.requests, 1);
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_to_be_sent_is_counted_and_told() {
    let mut task = granted(&["http://127.0.0.1:1"]);
    task.limits.http.body = 1000;
    let report = post(task, 0, 1001).await;
    assert!(matches!(report.outcome, AttemptOutcome::Failed(_)), "{:?}", report.outcome);
    let lines = host_lines(&report);
    assert!(lines.len() == 1 && lines[0].1.contains("[tasks.fetch.limits] http-body = "), "{lines:?}");
    assert_eq!(report.usage.http.requests, 1);
}

#[tokio::test]
async fn answers_that_a_guest_keeps_are_counted() {
    for keep in ["(call $get (local.get $i) (i32.const 600))", ""] {
        let server = server("HTTP/1.1 204 No Content\r\n\r\n", Then::Close).await;
        let mut task = granted(&[&format!("http://{}", server.address)]);
        task.limits.http.requests = 1000;
        let body = format!(
            "(loop (local.set $i (call $send-it (call $request))) (call $block (call $subscribe (local.get $i))) {keep}
                (br 0))"
        );
        let report = attempt(blocked::guest(&body, &format!("http://{}/", server.address)), run(task)).await;
        let AttemptOutcome::Trapped { .. } = &report.outcome else { panic!("{:?}", report.outcome) };
        assert!(report.outcome.to_string().contains("more than 64 HTTP fields"), "{}", report.outcome);
    }
}

/// The HTTP of an attempt of a task, and its log.
fn egress(task: Task, network: Network) -> (Egress, Journal) {
    let journal = Journal::new(Clock::system(), &task.limits, Redaction::default());
    (Egress::new(Arc::new(task), journal.clone(), Clock::system(), Arc::new(network)), journal)
}

fn network() -> Network {
    Network::new(TlsRoots::default(), Clock::system())
}

/// Sends a request and reads its response; the error, if there is one before the body.
async fn send(egress: &Egress, url: &str, options: RequestOptions) -> Option<SendError> {
    let body: WasiBody = Full::new(Bytes::new()).map_err(|never| match never {}).boxed_unsync();
    let request = http::Request::get(url).body(body).unwrap();
    match egress.send(request, egress.timeouts(options)).await {
        Ok(answer) => {
            drop(tokio::join!(answer.response.into_body().collect(), answer.work));
            None
        }
        Err(error) => Some(error),
    }
}

fn size(line: &LogLine) -> usize {
    line.size()
}

#[tokio::test]
async fn every_request_leaves_its_line_however_long_its_url_is() {
    let (egress, journal) = egress(granted(&["http://*:9"]), network());
    let long = "a".repeat(60_000);
    for at in 0..100 {
        // By turns: not granted for its port, granted and not public, no name at all.
        let url = match at % 3 {
            0 => format!("http://127.0.0.1:10/{at}/{long}"),
            1 => format!("http://127.0.0.1:9/{at}/{long}"),
            _ => format!("http://{long}:10/{at}/"),
        };
        assert!(send(&egress, &url, RequestOptions::default()).await.is_some());
    }
    assert!(send(&egress, "http://127.0.0.1:9/", RequestOptions::default()).await.is_some());
    drop(egress.ends());
    assert_eq!(journal.end(), (LogUsage::default(), 0));
    let lines = journal.take();
    assert_eq!(lines.len(), 101);
    let longest = lines.iter().map(size).max().unwrap();
    assert!(longest <= bounds::HOST_LOG_OF_A_REQUEST, "{longest}");
    for line in [&lines[0], &lines[2]] {
        assert!(line.message.contains("... (cut off; 58"), "{}", line.message);
    }
    assert!(lines[100].message.contains("limits.http-requests allows (100)"), "{}", lines[100].message);
}

#[tokio::test]
async fn what_ends_a_request_is_told_with_the_toml_that_would_allow_it() {
    let begun = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel";
    let headers = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(20_000));
    let soon = Duration::from_millis(100);
    let default = HttpLimits::default();
    for (scheme, answer, limits, key) in [
        ("https", "", HttpLimits { tls: soon, ..default }, "http-tls = \"200ms\""),
        ("http", "", HttpLimits { first_byte: soon, ..default }, "http-first-byte = \"200ms\""),
        ("http", "", HttpLimits { total: soon, ..default }, "http-total = \"200ms\""),
        ("http", "", HttpLimits { concurrent: 0, connect: soon, ..default }, "http-concurrent = 1"),
        ("http", begun, HttpLimits { between_bytes: soon, ..default }, "http-between-bytes = \"200ms\""),
        ("http", begun, HttpLimits { body: 2, ..default }, "http-body = \"4B\""),
        ("http", &headers, HttpLimits { headers: 8 << 10, ..default }, "http-headers = \"16KiB\""),
    ] {
        let server = server(answer, Then::StaySilent).await;
        let mut task = granted(&[&format!("{scheme}://{}", server.address)]);
        task.limits.http = limits;
        let (egress, journal) = egress(task, network());
        send(&egress, &format!("{scheme}://{}/", server.address), RequestOptions::default()).await;
        drop(egress.ends());
        let message = journal.take().remove(0).message;
        assert!(message.ends_with(&format!("; to allow more: [tasks.fetch.limits] {key}")), "{message}");
    }
}

#[tokio::test]
async fn what_the_guest_itself_asked_for_is_no_limit() {
    let server = server("", Then::StaySilent).await;
    let (egress, journal) = egress(granted(&[&format!("http://{}", server.address)]), network());
    let options = RequestOptions { first_byte_timeout: Some(Duration::from_millis(50)), ..RequestOptions::default() };
    let error = send(&egress, &format!("http://{}/", server.address), options).await;
    assert!(matches!(error, Some(SendError::FirstByteTimeout)), "{error:?}");
    let message = journal.take().remove(0).message;
    assert!(message.ends_with("; the guest itself asked for no more than 50ms"), "{message}");
}

#[tokio::test]
async fn a_place_that_the_guest_did_not_wait_for_is_past_no_limit() {
    let mut task = granted(&["http://127.0.0.1:1"]);
    task.limits.http.concurrent = 0;
    let (egress, journal) = egress(task, network());
    let options = RequestOptions { connect_timeout: Some(Duration::from_millis(50)), ..RequestOptions::default() };
    let error = send(&egress, "http://127.0.0.1:1/", options).await;
    assert!(matches!(error, Some(SendError::TooManyInFlight)), "{error:?}");
    let message = journal.take().remove(0).message;
    assert!(message.ends_with("in flight; the guest itself asked for no more than 50ms"), "{message}");
}

#[tokio::test]
async fn too_many_headers_of_a_response_are_no_matter_of_their_size() {
    let fields = |number: usize| (0..number).map(|at| format!("x{at}: y\r\n")).collect::<String>();
    for (number, words) in
        [(99, None), (100, Some("the response has more than 100 headers")), (900, Some("100 headers"))]
    {
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{}\r\n", fields(number));
        let server = server(answer, Then::StaySilent).await;
        let (egress, journal) = egress(granted(&[&format!("http://{}", server.address)]), network());
        send(&egress, &format!("http://{}/", server.address), RequestOptions::default()).await;
        let message = journal.take().remove(0).message;
        assert!(message.ends_with(words.unwrap_or("/: 200")), "{number}: {message}");
    }
}

#[tokio::test]
async fn a_response_that_nobody_waits_for_is_told_when_that_is_so() {
    let server = server("", Then::StaySilent).await;
    let (egress, journal) = egress(granted(&[&format!("http://{}", server.address)]), network());
    let url = format!("http://{}/", server.address);
    let sending = send(&egress, &url, RequestOptions::default());
    assert!(tokio::time::timeout(Duration::from_millis(100), sending).await.is_err());
    let lines = journal.take();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0].message, format!("GET {url}: nobody waited for the response any more"));
}

#[tokio::test]
async fn requests_that_wait_hold_only_so_much() {
    // What a request holds while it waits, and whether a thousand such may do so.
    let short = || Full::new(Bytes::from_static(b"short")).map_err(|never| match never {}).boxed_unsync();
    let endless = || StreamBody::new(futures_util::stream::pending()).boxed_unsync();
    let cases: [(usize, &dyn Fn() -> WasiBody, bool); 3] =
        [(0, &short, true), (0, &endless, false), (30_000, &short, false)];
    for (header, body, may) in cases {
        let mut task = granted(&["http://127.0.0.1:1"]);
        task.limits.http =
            HttpLimits { requests: 1000, concurrent: 0, connect: Duration::from_secs(3), ..HttpLimits::default() };
        let (egress, journal) = egress(task, network());
        let requests = (0..1000).map(|_| {
            let request = http::Request::post("http://127.0.0.1:1/").header("x", "x".repeat(header));
            egress.send(request.body(body()).unwrap(), egress.timeouts(RequestOptions::default()))
        });
        let answers = futures_util::future::join_all(requests).await;
        let errors: Vec<String> = answers.into_iter().map(|answer| answer.err().unwrap().to_string()).collect();
        let waited = errors.iter().filter(|error| *error == "too many requests are in flight").count();
        assert_eq!(waited == 1000, may, "{waited} of 1000 waited");
        assert!(waited >= 30, "{waited} of 1000 waited");
        let words = "hold as much as they may";
        assert_eq!(errors.iter().filter(|error| error.contains(words)).count(), 1000 - waited, "{:?}", errors.last());
        assert_eq!(journal.take().len(), 1000);
    }
}

#[tokio::test]
async fn a_lookup_without_room_says_so() {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = Mutex::new(released);
    let hangs = move |_: &str, _: u16| {
        // Until the test is over.
        let _ = released.lock().unwrap().recv();
        Ok(Vec::new())
    };
    let mut task = granted(&["http://*"]);
    task.limits.http.connect = Duration::from_millis(50);
    let (egress, journal) = egress(task, network().resolving(Arc::new(hangs)));
    let mut last = None;
    for _ in 0..=bounds::HTTP_LOOKUPS_OF_ONE_TASK {
        assert!(matches!(last, None | Some(SendError::LookupTimeout)), "{last:?}");
        last = send(&egress, "http://example.com/", RequestOptions::default()).await;
    }
    assert!(matches!(last, Some(SendError::TooManyLookups)), "{last:?}");
    let message = journal.take().pop().unwrap().message;
    assert!(message.contains("its task has 8 lookups going on") && message.contains("http-connect = "), "{message}");
    drop(release);
}
