//! The HTTP service of the demo: what a task would meet in the world, on this machine.
//!
//! Made for the demo alone: a request a connection, GET only, no state but a counter. What it answers is decided by
//! [`answer`], which knows neither sockets nor clocks.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::time::{rfc3339, unix_seconds};

/// How long a client may take over its request or our answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// More than this no request of the demo has.
const MAX_REQUEST: u64 = 16 * 1024;

/// An order comes in every second, and the last ten minutes of them are on offer.
const ORDERS_KEPT: u64 = 600;
const ORDERS_A_PAGE: usize = 6;
/// One request for orders in so many is turned away, as happens with any service.
const OVERLOADED_EVERY: u64 = 11;

/// Serves in the background, for as long as the program lives.
pub(crate) fn serve(listener: TcpListener) -> io::Result<()> {
    let visits = &*Box::leak(Box::new(AtomicU64::new(0)));
    thread::Builder::new().name("demo-api".into()).spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that goes away in the middle is no concern of the demo.
            thread::spawn(move || converse(stream, visits));
        }
    })?;
    Ok(())
}

fn converse(stream: TcpStream, visits: &AtomicU64) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new((&stream).take(MAX_REQUEST)).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    // The headers do not matter here, but a client may not like it if they stay unread.
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let Some(request) = Request::parse(&request) else {
        return Answer::text(400, "GET only\n").write(&stream);
    };
    answer(&request, unix_seconds(), visits.fetch_add(1, Ordering::Relaxed)).write(&stream)
}

/// The answer at `now` to the request that has `before` others before it.
fn answer(request: &Request<'_>, now: u64, before: u64) -> Answer {
    match request.path {
        "/" => Answer::text(200, "the demo's service: /health /orders?since=TIME&page=N\n"),
        "/health" => Answer::json(200, r#"{"status":"ok"}"#.to_owned()),
        "/orders" if before % OVERLOADED_EVERY == OVERLOADED_EVERY - 1 => {
            Answer { retry_after: Some(2), ..Answer::json(503, r#"{"error":"overloaded"}"#.to_owned()) }
        }
        "/orders" => Answer::json(200, orders(request, now)),
        _ => Answer::json(404, r#"{"error":"there is no such page"}"#.to_owned()),
    }
}

/// A page of the orders after `since`, oldest first, with the address of the next page if there is one.
fn orders(request: &Request<'_>, now: u64) -> String {
    let since = request.parameter("since").unwrap_or_else(|| rfc3339(0));
    let page: usize = request.parameter("page").and_then(|page| page.parse().ok()).unwrap_or(1).max(1);
    let on_offer = (now.saturating_sub(ORDERS_KEPT) + 1..=now).map(Order);
    // Times in one form sort as text. Fractions of a second, if a client sends them, change nothing.
    let since: String = since.chars().take("2026-01-01T00:00:00".len()).collect();
    let new: Vec<String> = on_offer.filter(|order| order.time() > format!("{since}Z")).map(Order::json).collect();
    let pages = new.len().div_ceil(ORDERS_A_PAGE);
    let items = new.chunks(ORDERS_A_PAGE).nth(page - 1).unwrap_or_default().join(",");
    let next = if page < pages { format!(r#""/orders?since={since}Z&page={}""#, page + 1) } else { "null".to_owned() };
    format!(r#"{{"items":[{items}],"page":{page},"pages":{pages},"next":{next}}}"#)
}

/// The order of this second since 1970. All that it is follows from that, so that every client sees the same.
#[derive(Clone, Copy)]
struct Order(u64);

impl Order {
    fn time(self) -> String {
        rfc3339(self.0)
    }

    fn json(self) -> String {
        const CITIES: [&str; 4] = ["Lisbon", "Nairobi", "Osaka", "Quito"];
        // Knuth's multiplicative hash: scattered, and the same everywhere.
        let scattered = self.0.wrapping_mul(2_654_435_761) >> 7;
        let city = CITIES[(scattered % 4) as usize];
        let cents = 500 + scattered % 9_500;
        let (id, time) = (self.0, self.time());
        format!(r#"{{"id":{id},"time":"{time}","city":"{city}","amount":{}.{:02}}}"#, cents / 100, cents % 100)
    }
}

struct Request<'a> {
    path: &'a str,
    query: &'a str,
}

impl<'a> Request<'a> {
    /// From the first line of a request.
    fn parse(line: &'a str) -> Option<Self> {
        let target = line.strip_prefix("GET ")?.split(' ').next()?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Some(Self { path, query })
    }

    fn parameter(&self, name: &str) -> Option<String> {
        let value = self.query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
        // Of all that can be escaped, only the colons of a time stand in a query here.
        Some(value.replace("%3A", ":").replace("%3a", ":"))
    }
}

struct Answer {
    status: u16,
    content_type: &'static str,
    retry_after: Option<u32>,
    body: String,
}

impl Answer {
    fn json(status: u16, body: String) -> Self {
        Self { status, content_type: "application/json", retry_after: None, body }
    }

    fn text(status: u16, body: &str) -> Self {
        Self { status, content_type: "text/plain", retry_after: None, body: body.to_owned() }
    }

    fn write(&self, mut stream: impl Write) -> io::Result<()> {
        let Self { status, content_type, retry_after, body } = self;
        let retry_after = retry_after.map(|seconds| format!("retry-after: {seconds}\r\n")).unwrap_or_default();
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 {status} -\r\ncontent-type: {content_type}\r\n{retry_after}content-length: {length}\r\n\
             connection: close\r\n\r\n{body}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_478_400;

    fn get(target: &str, before: u64) -> Answer {
        answer(&Request::parse(&format!("GET {target} HTTP/1.1")).unwrap(), NOW, before)
    }

    #[test]
    fn pages_answer_as_the_demo_expects() {
        let check = |target, before, status| assert_eq!(get(target, before).status, status, "{target}");
        check("/", 0, 200);
        check("/health", 0, 200);
        check("/orders", 0, 200);
        check("/orders", 10, 503);
        check("/health", 10, 200);
        check("/nothing", 0, 404);
        assert!(Request::parse("POST /orders HTTP/1.1").is_none());
        assert_eq!(get("/orders", 21).retry_after, Some(2));
    }

    #[test]
    fn orders_come_in_pages_after_a_time() {
        let first = get("/orders?since=2026-11-23T23%3A59%3A50Z", 0).body;
        assert_eq!(first.matches("\"id\"").count(), 6, "{first}");
        assert!(first.contains(r#""next":"/orders?since=2026-11-23T23:59:50Z&page=2""#), "{first}");
        let second = get("/orders?since=2026-11-23T23:59:50.5Z&page=2", 0).body;
        assert_eq!(second.matches("\"id\"").count(), 4, "{second}");
        assert!(second.contains(r#""time":"2026-11-24T00:00:00Z""#) && second.contains(r#""next":null"#), "{second}");
        let none = get("/orders?since=2026-11-24T00:00:00Z", 0).body;
        assert_eq!(none, r#"{"items":[],"page":1,"pages":0,"next":null}"#);
        assert!(get("/orders", 0).body.contains(r#""pages":100"#));
    }
}
