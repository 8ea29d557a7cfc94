//! A client that speaks HTTP/1.1 by hand, so that a test sees what is on the wire.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::Value;

use crate::project::{Project, Serving};

/// How long an answer may take: longer than any does, so that a busy machine fails no test.
const PATIENCE: Duration = Duration::from_secs(120);

/// A response.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Answer {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("a response: {text:?}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line");
        Self { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    /// The body as JSON.
    #[track_caller]
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body as JSON of an answer with this status.
    #[track_caller]
    pub(super) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.json()
    }

    /// Checks that this is a problem document with this status and code.
    #[track_caller]
    pub(super) fn problem(&self, status: u16, code: &str) {
        let body = self.expect(status);
        assert!(self.head.contains("content-type: application/problem+json"), "{self:?}");
        assert_eq!((&body["code"], &body["status"]), (&code.into(), &status.into()), "{body}");
        assert_eq!(body["type"], format!("urn:sandclock:problem:{code}"));
    }
}

/// A request without the line ends at its end.
fn request(method: &str, path: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    headers.iter().for_each(|header| request += &format!("{header}\r\n"));
    if method == "POST" {
        request += &format!("Content-Length: {}\r\n", body.len());
    }
    request += "\r\n";
    [request.as_bytes(), body].concat()
}

fn exchange(mut stream: impl Read + Write, request: &[u8]) -> Answer {
    // A host that refuses a body answers before it has read it.
    let _ = stream.write_all(request);
    let mut response = Vec::new();
    let _ = stream.read_to_end(&mut response);
    Answer::parse(&String::from_utf8(response).unwrap())
}

/// Asks over TCP.
pub(super) fn get(serving: &Serving<'_>, path: &str) -> Answer {
    exchange(tcp(serving), &request("GET", path, &[], b""))
}

/// Asks over TCP by some method.
pub(super) fn over_tcp(serving: &Serving<'_>, method: &str, path: &str) -> Answer {
    exchange(tcp(serving), &request(method, path, &[], b""))
}

/// Asks over the control socket.
pub(super) fn post(project: &Project, path: &str, headers: &[&str], body: &[u8]) -> Answer {
    let stream = UnixStream::connect(project.path("state/control.sock")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    exchange(stream, &request("POST", path, headers, body))
}

/// A connection over TCP.
pub(super) fn tcp(serving: &Serving<'_>) -> TcpStream {
    let stream = TcpStream::connect(serving.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Server-sent events as they come.
pub(super) struct Events {
    lines: BufReader<TcpStream>,
    /// The status and the headers.
    pub(super) head: String,
}

/// One of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Event {
    pub(super) name: String,
    pub(super) id: String,
    pub(super) data: Value,
}

impl Events {
    /// Follows what is at a path.
    pub(super) fn follow(serving: &Serving<'_>, path: &str, headers: &[&str]) -> Self {
        let mut stream = tcp(serving);
        stream.write_all(&request("GET", path, headers, b"")).unwrap();
        let mut events = Self { lines: BufReader::new(stream), head: String::new() };
        while !events.head.ends_with("\r\n\r\n") {
            assert!(events.lines.read_line(&mut events.head).unwrap() > 0, "{}", events.head);
        }
        events
    }

    /// The next event; none if there are no more.
    pub(super) fn next(&mut self) -> Option<Event> {
        let mut event = Event::default();
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            // The sizes of chunks come on lines of their own, between events.
            match line.trim_end().split_once(": ") {
                Some(("event", name)) => event.name = name.to_owned(),
                Some(("id", id)) => event.id = id.to_owned(),
                Some(("data", data)) => event.data = serde_json::from_str(data).unwrap(),
                _ if event.name.is_empty() => {}
                _ => return Some(event),
            }
        }
    }

    /// Reads until an event is as it should be.
    #[track_caller]
    pub(super) fn until(&mut self, is_it: impl Fn(&Event) -> bool) -> Event {
        let mut seen = Vec::new();
        loop {
            let event = self.next().unwrap_or_else(|| panic!("the events end: {seen:#?}"));
            if is_it(&event) {
                return event;
            }
            seen.push(event);
        }
    }
}
