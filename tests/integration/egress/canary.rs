//! A listener that hears every connection, whatever address it was for.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv6Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The port that all requests are for.
pub(super) const PORT: u16 = 8080;

/// A listener that hears every connection.
pub(super) struct Canary {
    heard: Arc<Mutex<BTreeSet<IpAddr>>>,
}

impl Canary {
    pub(super) fn start() -> Self {
        // Also hears IPv4, as Linux has it.
        let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, PORT)).unwrap();
        let heard: Arc<Mutex<BTreeSet<IpAddr>>> = Arc::default();
        let hears = Arc::clone(&heard);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A connection is what must not be, request or not.
                hears.lock().unwrap().insert(stream.local_addr().unwrap().ip().to_canonical());
                std::thread::spawn(move || drop(answer(stream)));
            }
        });
        Self { heard }
    }

    /// The addresses that were connected to since the last time.
    pub(super) fn take(&self) -> BTreeSet<IpAddr> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }
}

/// Answers 200, or sends the client on to where the path says; closes the connection then unless the path says to keep
/// it.
fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut request = [0; 4096];
    loop {
        let length = stream.read(&mut request)?;
        if length == 0 {
            return Ok(());
        }
        let request = String::from_utf8_lossy(&request[..length]);
        let path = request.split(' ').nth(1).unwrap_or_default();
        let (status, location) = match path.strip_prefix("/to/") {
            Some(host) => ("302 Found", format!("location: http://{host}:{PORT}/\r\n")),
            None => ("200 OK", String::new()),
        };
        write!(stream, "HTTP/1.1 {status}\r\n{location}content-length: 0\r\n\r\n")?;
        if path != "/keep" {
            return Ok(());
        }
    }
}
