//! What a running host tells of itself, to the programs that people have for it.

mod collectors;
mod counted;
mod files;
mod otlp;
mod prometheus;
mod scrape;
mod traces;

use std::io::{Read, Write};
use std::net::TcpStream;

/// A task that succeeds each second, one that fails each second, and one that waits.
const TASKS: &str = "[tasks.tick]\nschedule = { every = \"1s\" }\n\n\
    [tasks.fail]\nplugin = \"exit-1\"\nschedule = { every = \"1s\" }\n\n\
    [tasks.asked]\nplugin = \"tick\"\n";

/// An alert that nobody takes, and that no task names.
const ALERT: &str = "[alerts.ops]\nwebhook.url = \"http://127.0.0.1:1/\"\n\n";

/// A GET request that accepts these media types; the head and the body of the response.
fn get(address: &str, path: &str, accept: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

/// What a series says in a scrape.
fn value(scrape: &str, series: &str) -> f64 {
    let found = scrape.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("{series} in\n{scrape}")).parse().unwrap()
}
