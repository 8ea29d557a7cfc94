//! Server-sent events of a host, as they come.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use serde_json::Value;
use tokio::time::timeout;

use super::connection::Driver;

/// The host shows every 15 seconds that it is alive: one that has been silent for so long is gone.
const SILENCE: Duration = Duration::from_secs(60);
/// The longest line of an event. A host sends lines of a log, which are far shorter.
const LONGEST: usize = 16 << 20;

/// An event.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cli) struct Event {
    /// What kind of event.
    pub(in crate::cli) name: String,
    /// What it says.
    pub(in crate::cli) data: Value,
}

/// Events as they come. The connection ends when this is dropped.
pub(in crate::cli) struct Events {
    /// It keeps the connection open.
    _sender: SendRequest<Full<Bytes>>,
    driver: Driver,
    body: Incoming,
    parser: Parser,
}

impl Events {
    pub(super) fn new(sender: SendRequest<Full<Bytes>>, driver: Driver, body: Incoming) -> Self {
        Self { _sender: sender, driver, body, parser: Parser::default() }
    }

    /// The next one; none if the host ended them.
    pub(in crate::cli) async fn next(&mut self) -> anyhow::Result<Option<Event>> {
        loop {
            if let Some((name, data)) = self.parser.ready.pop_front() {
                let data = serde_json::from_str(&data).context("what the host tells cannot be understood")?;
                return Ok(Some(Event { name, data }));
            }
            match timeout(SILENCE, self.driver.during(self.body.frame())).await {
                Err(_) => bail!("the host has fallen silent"),
                Ok(None) => return Ok(None),
                Ok(Some(frame)) => {
                    let frame = frame.context("the connection to the host broke off")?;
                    if let Some(bytes) = frame.data_ref() {
                        self.parser.feed(bytes)?;
                    }
                }
            }
        }
    }
}

/// Reads events from bytes in pieces of any size.
#[derive(Default)]
struct Parser {
    line: Vec<u8>,
    name: String,
    data: Vec<String>,
    /// Names and data of whole events.
    ready: VecDeque<(String, String)>,
}

impl Parser {
    fn feed(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if self.line.len() > LONGEST {
                bail!("what the host tells is too long");
            }
            if self.line.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                let line = String::from_utf8(line).context("what the host tells is not UTF-8")?;
                self.take(line.trim_end_matches(['\r', '\n']));
            }
        }
        Ok(())
    }

    fn take(&mut self, line: &str) {
        if line.is_empty() {
            let name = std::mem::take(&mut self.name);
            let data = std::mem::take(&mut self.data);
            if !data.is_empty() {
                self.ready.push_back((name, data.join("\n")));
            }
            return;
        }
        // A line that begins with a colon is a comment: it shows that the host is alive.
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.name = value.to_owned(),
            "data" => self.data.push(value.to_owned()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_from_pieces_of_any_size() {
        let text = ": alive\n\nevent: line\nid: 7\ndata: {\"a\":\ndata: \"ä\"}\n\nevent: end\r\ndata:{}\r\n\r\nevent: cut\ndata: x";
        for size in 1..text.len() {
            let mut parser = Parser::default();
            text.as_bytes().chunks(size).for_each(|piece| parser.feed(piece).unwrap());
            let expected = [("line", "{\"a\":\n\"ä\"}"), ("end", "{}")].map(|(a, b)| (a.to_owned(), b.to_owned()));
            assert_eq!(Vec::from(parser.ready), expected, "{size}");
        }
        let mut parser = Parser::default();
        let endless = vec![b'x'; 1 << 20];
        assert!((0..20).any(|_| parser.feed(&endless).is_err()));
    }
}
