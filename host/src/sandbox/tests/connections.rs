//! Connections that a task keeps: which are used again, and which are not.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Full};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use wasmtime_wasi_http::{WasiBody, WasiHttpHooks as _};

use crate::clock::Clock;
use crate::sandbox::TlsRoots;
use crate::sandbox::http::{Egress, Network, WasiDoor};
use crate::sandbox::journal::Journal;
use crate::sandbox::redaction::Redaction;
use crate::sandbox::testing::task;

/// What a server does with the next request, over whichever connection it comes.
#[derive(Clone, Copy)]
enum Turn {
    Answer(&'static str),
    /// And closes the connection then, without having said so before.
    AnswerAndClose(&'static str),
    /// Closes the connection instead.
    Close,
}

const HELLO: Turn = Turn::Answer("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");

/// A server that keeps connections open. Those that it has closed are known to be closed when `closed` says so.
struct Server {
    address: String,
    /// Each request: the number of its connection, and its first line.
    seen: Arc<Mutex<Vec<(usize, String)>>>,
    closed: tokio::sync::mpsc::UnboundedReceiver<()>,
}

async fn server(turns: impl IntoIterator<Item = Turn>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let turns: Arc<Mutex<VecDeque<Turn>>> = Arc::new(Mutex::new(turns.into_iter().collect()));
    let seen: Arc<Mutex<Vec<_>>> = Arc::default();
    let (closes, closed) = tokio::sync::mpsc::unbounded_channel();
    let sees = Arc::clone(&seen);
    tokio::spawn(async move {
        for connection in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            let (turns, sees, closes) = (Arc::clone(&turns), Arc::clone(&sees), closes.clone());
            tokio::spawn(async move {
                serve(stream, |line| {
                    sees.lock().unwrap().push((connection, line));
                    turns.lock().unwrap().pop_front().expect("no more requests than turns")
                })
                .await;
                let _ = closes.send(());
            });
        }
    });
    Server { address, seen, closed }
}

/// Serves a connection until it is closed, by whichever side.
async fn serve(mut stream: TcpStream, mut turn: impl FnMut(String) -> Turn) {
    let mut bytes = Vec::new();
    loop {
        let head = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break String::from_utf8(bytes.drain(..end + 4).collect()).unwrap();
            }
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
        };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        while bytes.len() < length {
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
        }
        bytes.drain(..length);
        match turn(head.lines().next().unwrap().to_owned()) {
            Turn::Answer(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
            Turn::AnswerAndClose(answer) => return stream.write_all(answer.as_bytes()).await.unwrap(),
            Turn::Close => return,
        }
    }
}

/// How much of a response is read.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Reading {
    All,
    Nothing,
}

/// Sends a request as an attempt of its own, and says what became of it, and whether the connection was a used one.
pub(super) async fn ask(
    network: &Arc<Network>,
    name: &str,
    method: &str,
    url: &str,
    read: Reading,
) -> (Option<u16>, Option<bool>) {
    let mut task = task(name);
    task.grants.http = vec![url.trim_end_matches('/').parse().unwrap()];
    task.limits.http.body = 10;
    let journal = Journal::new(Clock::system(), &task.limits, Redaction::default());
    let egress = Arc::new(Egress::new(Arc::new(task), journal.clone(), Clock::system(), Arc::clone(network)));
    let mut door = WasiDoor(Arc::clone(&egress));
    let body: WasiBody = match method {
        "POST" => Full::new(Bytes::from_static(b"question")).map_err(|never| match never {}).boxed_unsync(),
        _ => Empty::new().map_err(|never| match never {}).boxed_unsync(),
    };
    let request = http::Request::builder().method(method).uri(url).body(body).unwrap();
    let sent = door.send_request(request, None, Box::new(async { Ok(()) }));
    let exchange = async {
        let (response, work) = Box::into_pin(sent).await.ok()?;
        let status = response.status().as_u16();
        if read == Reading::All {
            let body = response.into_body();
            let (body, _) = tokio::join!(async { body.collect().await }, Box::into_pin(work));
            body.ok()?;
        }
        Some(status)
    };
    let status = tokio::time::timeout(Duration::from_secs(30), exchange).await.expect("it comes to an end");
    drop(egress.ends());
    let fields = journal.take().remove(0).fields;
    let reused = fields.iter().find(|(name, _)| name == "reused").map(|(_, value)| value == "true");
    (status, reused)
}

fn network() -> Arc<Network> {
    Arc::new(Network::new(TlsRoots::default(), Clock::system()))
}

#[tokio::test]
async fn what_was_answered_in_full_leaves_a_connection_for_the_next_attempt() {
    for (method, answer) in [
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"),
        ("POST", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"),
        ("GET", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"),
        ("GET", "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"),
    ] {
        let server = server([Turn::Answer(answer), HELLO]).await;
        let (network, url) = (network(), format!("http://{}/", server.address));
        let first = ask(&network, "a", method, &url, Reading::All).await;
        assert_eq!((first.0.is_some(), first.1), (true, Some(false)), "{answer:?}");
        assert_eq!(ask(&network, "a", "GET", &url, Reading::All).await, (Some(200), Some(true)), "{answer:?}");
        let line = format!("{method} / HTTP/1.1");
        assert_eq!(*server.seen.lock().unwrap(), [(0, line), (0, "GET / HTTP/1.1".to_owned())], "{answer:?}");
    }
}

#[tokio::test]
async fn what_was_not_answered_in_full_leaves_none() {
    for (answer, read) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", Reading::Nothing),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello", Reading::All),
        ("HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello", Reading::All),
        ("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nhello world", Reading::All),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nbad",
            Reading::All,
        ),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nX\r\n", Reading::All),
        ("HTTP/1.1 101 Switching Protocols\r\nupgrade: other\r\nconnection: upgrade\r\n\r\n", Reading::All),
        ("not HTTP at all\r\n\r\n", Reading::All),
    ] {
        let server = server([Turn::Answer(answer), HELLO]).await;
        let (network, url) = (network(), format!("http://{}/", server.address));
        ask(&network, "a", "GET", &url, read).await;
        assert_eq!(ask(&network, "a", "GET", &url, Reading::All).await, (Some(200), Some(false)), "{answer:?}");
        assert_eq!(server.seen.lock().unwrap().last().unwrap().0, 1, "{answer:?}");
    }
}

#[tokio::test]
async fn no_task_gets_the_connection_of_another_nor_one_to_another_host() {
    let server = server([HELLO; 4]).await;
    let network = network();
    let port = server.address.rsplit(':').next().unwrap();
    for (task, host) in [("a", "127.0.0.1"), ("b", "127.0.0.1"), ("a", "localhost"), ("b", "localhost")] {
        let url = format!("http://{host}:{port}/");
        assert_eq!(ask(&network, task, "GET", &url, Reading::All).await, (Some(200), Some(false)), "{task} {host}");
    }
}

#[tokio::test]
async fn a_connection_that_its_server_has_closed_is_not_used() {
    let mut server = server([Turn::AnswerAndClose("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"), HELLO]).await;
    let (network, url) = (network(), format!("http://{}/", server.address));
    ask(&network, "a", "GET", &url, Reading::All).await;
    server.closed.recv().await.unwrap();
    // What has arrived is known when the sockets have been asked once.
    tokio::task::yield_now().await;
    assert_eq!(ask(&network, "a", "POST", &url, Reading::All).await, (Some(200), Some(false)));
}

#[tokio::test]
async fn only_what_changes_nothing_is_sent_anew_when_its_server_closes_a_used_connection() {
    for (method, status, times) in
        [("GET", Some(200), 2), ("HEAD", Some(200), 2), ("POST", None, 1), ("DELETE", None, 1)]
    {
        let server = server([HELLO, Turn::Close, HELLO]).await;
        let (network, url) = (network(), format!("http://{}/", server.address));
        ask(&network, "a", "GET", &url, Reading::All).await;
        let reused = Some(times == 1);
        assert_eq!(ask(&network, "a", method, &url, Reading::All).await, (status, reused), "{method}");
        let line = format!("{method} / HTTP/1.1");
        let seen: Vec<usize> =
            server.seen.lock().unwrap()[1..].iter().filter(|seen| seen.1 == line).map(|seen| seen.0).collect();
        assert_eq!(seen, (0..times).collect::<Vec<_>>(), "{method}: on the old connection, and then on a new one");
    }
    let server = server([Turn::Close, HELLO]).await;
    let url = format!("http://{}/", server.address);
    assert_eq!(
        ask(&network(), "a", "GET", &url, Reading::All).await,
        (None, Some(false)),
        "a new one is not tried twice"
    );
}
