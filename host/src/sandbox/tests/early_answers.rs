//! Servers that answer before they have read: an upload that goes on then ends with its attempt, or at its limits, and its
//! line in the log says how much of it went out.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::sync::{Notify, mpsc, watch};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use crate::clock::Clock;
use crate::model::limits::HttpLimits;
use crate::model::log::{Level, LogLine};
use crate::model::outcome::{CancelledBy, Stop};
use crate::model::task::Task;
use crate::sandbox::http::{Egress, Network};
use crate::sandbox::journal::Journal;
use crate::sandbox::redaction::Redaction;
use crate::sandbox::testing::{load, run};
use crate::sandbox::tests::blocked::asker_03;
use crate::sandbox::tests::cancel::{connections, settles};
use crate::sandbox::tests::http::granted;
use crate::sandbox::{AttemptRequest, TlsRoots};

/// A server that answers each request as soon as it has its head: at `/endless` with a body without end, at `/begun` with
/// the beginning of one, else with an empty one, and at `/late` not at all. Then it reads, but not at `/early`.
pub(super) fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || serve(stream.unwrap()));
        }
    });
    address
}

fn serve(mut stream: TcpStream) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read > 0) {
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let mut bytes = [b'.'; 4096];
    if head.contains(" /endless ") {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n");
        while stream.write_all(&bytes).is_ok() {}
        return;
    }
    let answer = match head.split(' ').nth(1) {
        Some("/late") => "",
        Some("/begun") => "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel",
        _ => "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    };
    let _ = stream.write_all(answer.as_bytes());
    if !head.contains(" /early ") {
        while stream.read(&mut bytes).is_ok_and(|read| read > 0) {}
        return;
    }
    std::thread::park();
}

/// A task that may send and receive as much as it likes.
fn unhurried(server: SocketAddr) -> Task {
    let mut task = granted(&[&format!("http://{server}")]);
    task.limits.http.body = u64::MAX;
    task
}

/// A runtime of which only attempts have tasks.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn nothing_of_a_request_outlives_its_attempt() {
    let (runtime, address) = (runtime(), server());
    let server = address.to_string();
    for (what, guest, reached) in [
        ("an upload that nobody reads", asker_03("upload", &server, &["/early"]), 1),
        ("an upload that is read", asker_03("upload", &server, &["/sink"]), 1),
        ("a response as a request's body", asker_03("relay", &server, &["/endless", "/early"]), 2),
        ("a response as a request's body that is read", asker_03("relay", &server, &["/endless", "/sink"]), 2),
    ] {
        let prepared = load(guest).unwrap();
        for politely in [true, false] {
            let (stop, stopped) = watch::channel(None);
            let run = Arc::new(run(unhurried(address)));
            let (prepared, request) = (prepared.clone(), AttemptRequest { run, attempt: 1, stop: stopped });
            let attempt = runtime.spawn(async move { prepared.attempt(request).await });
            settles(&runtime, || connections(address.port()) == reached);
            // Until nothing moves any more where nobody reads.
            runtime.block_on(async { tokio::time::sleep(Duration::from_millis(300)).await });
            if politely {
                stop.send_replace(Some(Stop::Cancel(CancelledBy::Operator)));
                let report = runtime.block_on(attempt).unwrap();
                assert!(report.log.iter().any(|line| line.message.contains("POST")), "{what}: {report:?}");
            } else {
                attempt.abort();
            }
            let held = || (connections(address.port()), runtime.metrics().num_alive_tasks());
            settles(&runtime, || held() == (0, 0));
            assert_eq!(held(), (0, 0), "{what}, ended politely: {politely}: connections or tasks stay");
        }
    }
}

/// Bytes of a request's body that went out, as its line in the log says.
fn sent(line: &LogLine) -> u64 {
    let sent = line.fields.iter().find(|(name, _)| name == "sent").expect("every line has it");
    sent.1.parse().unwrap()
}

type Pieces = mpsc::Sender<Result<Bytes, Error>>;

/// A body that is given piece by piece.
fn pieces() -> (Pieces, WasiBody) {
    let (sender, receiver) = mpsc::channel(1);
    let stream = futures_util::stream::unfold(receiver, async |mut receiver: mpsc::Receiver<Result<Bytes, Error>>| {
        receiver.recv().await.map(|piece| (piece.map(Frame::data), receiver))
    });
    (sender, StreamBody::new(stream).boxed_unsync())
}

/// The HTTP of an attempt with these limits, its log, and a request there with a body that is given piece by piece.
fn uploading(server: SocketAddr, path: &str, limits: HttpLimits) -> (Egress, Journal, Pieces, http::Request<WasiBody>) {
    let mut task = granted(&[&format!("http://{server}")]);
    task.limits.http = limits;
    let journal = Journal::new(Clock::system(), &task.limits, Redaction::default());
    let network = Arc::new(Network::new(TlsRoots::default(), Clock::system()));
    let egress = Egress::new(Arc::new(task), journal.clone(), Clock::system(), network);
    let (pieces, body) = pieces();
    let request = http::Request::post(format!("http://{server}{path}")).body(body).unwrap();
    (egress, journal, pieces, request)
}

#[tokio::test]
async fn what_was_sent_after_the_answer_is_in_the_line() {
    for goes_on in [false, true] {
        let (egress, journal, pieces, request) = uploading(server(), "/sink", HttpLimits::default());
        let answer = egress.send(request, egress.timeouts(RequestOptions::default())).await.unwrap();
        assert_eq!(answer.response.into_body().collect().await.unwrap().to_bytes(), "");
        let giving = async move {
            for _ in 0..3 {
                pieces.send(Ok(Bytes::from_static(&[b'.'; 1000]))).await.unwrap();
            }
            // The place of the next piece is free when the last of these was taken.
            pieces.reserve().await.unwrap();
            if goes_on {
                std::future::pending::<()>().await;
            }
        };
        if goes_on {
            let both = async { tokio::join!(giving, answer.work) };
            assert!(tokio::time::timeout(Duration::from_millis(300), both).await.is_err());
            drop(egress.ends());
        } else {
            tokio::join!(giving, answer.work);
        }
        let lines = journal.take();
        assert_eq!((lines.len(), sent(&lines[0]), lines[0].level), (1, 3000, Level::Info), "{lines:?}");
        assert!(lines[0].message.ends_with("/sink: 200"), "{lines:?}");
    }
}

#[tokio::test]
async fn an_upload_has_no_more_time_than_its_request() {
    let limits = HttpLimits { total: Duration::from_millis(300), ..HttpLimits::default() };
    let (egress, journal, _pieces, request) = uploading(server(), "/sink", limits);
    let answer = egress.send(request, egress.timeouts(RequestOptions::default())).await.unwrap();
    drop(answer.response);
    tokio::time::timeout(Duration::from_secs(30), answer.work).await.expect("it ends when its time is over");
    let lines = journal.take();
    assert!(lines.len() == 1 && lines[0].message.contains("; past limits.http-total = 300ms"), "{lines:?}");
}

#[tokio::test]
async fn a_response_that_is_put_away_unread_is_no_error_and_said() {
    let (egress, journal, _pieces, mut request) = uploading(server(), "/endless", HttpLimits::default());
    *request.method_mut() = http::Method::GET;
    drop(egress.send(request, egress.timeouts(RequestOptions::default())).await.unwrap());
    let lines = journal.take();
    assert_eq!((lines.len(), lines[0].level), (1, Level::Info));
    assert!(lines[0].message.ends_with("/endless: 200: not read to its end"), "{lines:?}");
}

/// Posts a body of such pieces, which begins when there is an answer, if there is to be one. The line in the log.
async fn upload(path: &str, limits: HttpLimits, piece: impl Fn() -> Result<Bytes, Error>) -> LogLine {
    let (egress, journal, pieces, request) = uploading(server(), path, limits);
    let answered = Notify::new();
    let exchange = async {
        let answer = egress.send(request, egress.timeouts(RequestOptions::default())).await.ok()?;
        answered.notify_one();
        Some(tokio::join!(answer.response.into_body().collect(), answer.work))
    };
    let giving = async {
        if path != "/late" {
            answered.notified().await;
        }
        while pieces.send(piece()).await.is_ok() {}
    };
    tokio::time::timeout(Duration::from_secs(30), async { tokio::join!(exchange, giving) }).await.expect("it ends");
    let mut lines = journal.take();
    assert_eq!(lines.len(), 1, "{path}: {lines:?}");
    lines.remove(0)
}

#[tokio::test]
async fn a_body_that_is_too_large_says_so_also_when_the_answer_came_first() {
    let limits = HttpLimits { body: 1000, ..HttpLimits::default() };
    for path in ["/late", "/begun", "/sink"] {
        let line = upload(path, limits, || Ok(Bytes::from_static(&[b'.'; 600]))).await;
        let told = line.message.ends_with("; to allow more: [tasks.fetch.limits] http-body = \"2kB\"");
        assert!(told && line.level == Level::Warn, "{path}: {line:?}");
    }
}

#[tokio::test]
async fn a_body_that_the_guest_breaks_off_is_past_no_limit() {
    for path in ["/late", "/begun", "/sink"] {
        let line = upload(path, HttpLimits::default(), || Err(Error::HttpRequestBodySize(Some(5)))).await;
        let told = line.message.contains(": the guest broke the request's body off: ");
        assert!(told && !line.message.contains("limits."), "{path}: {line:?}");
    }
}
