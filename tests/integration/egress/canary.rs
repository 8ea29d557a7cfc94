//! A listener that hears every connection, whatever address it was for.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv6Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The port that all requests are for.
pub(super) const PORT: u16 = 8080;

/// Ports that no request is for.
const OTHER_PORTS: [u16; 3] = [22, 80, 8081];

/// A listener that hears every connection.
pub(super) struct Canary {
    heard: Arc<Mutex<BTreeSet<IpAddr>>>,
    /// What must never be: connections to other ports, and requests for another server than the one that is asked.
    strayed: Arc<Mutex<Vec<String>>>,
}

impl Canary {
    pub(super) fn start() -> Self {
        let heard: Arc<Mutex<BTreeSet<IpAddr>>> = Arc::default();
        let strayed: Arc<Mutex<Vec<String>>> = Arc::default();
        let (hears, strays) = (Arc::clone(&heard), Arc::clone(&strayed));
        listen(PORT, move |stream| {
            // A connection is what must not be, request or not.
            hears.lock().unwrap().insert(stream.local_addr().unwrap().ip().to_canonical());
            let strays = Arc::clone(&strays);
            std::thread::spawn(move || drop(answer(stream, &strays)));
        });
        for port in OTHER_PORTS {
            let strays = Arc::clone(&strayed);
            listen(port, move |stream| strays.lock().unwrap().push(stream.local_addr().unwrap().to_string()));
        }
        Self { heard, strayed }
    }

    /// What has been heard that must never be.
    pub(super) fn strayed(&self) -> Vec<String> {
        self.strayed.lock().unwrap().clone()
    }

    /// The addresses that were connected to since the last time.
    pub(super) fn take(&self) -> BTreeSet<IpAddr> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }
}

/// Hands over every connection to a port.
fn listen(port: u16, hears: impl Fn(TcpStream) + Send + 'static) {
    // Also hears IPv4, as Linux has it.
    let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).unwrap();
    std::thread::spawn(move || listener.incoming().flatten().for_each(hears));
}

/// The path that has the canary send a client on to this host.
pub(super) fn on_to(host: &str) -> String {
    host.bytes().fold("to/".to_owned(), |path, byte| format!("{path}{byte:02x}"))
}

fn host_in(path: &str) -> String {
    let digits = path.as_bytes().chunks(2).map(|digits| std::str::from_utf8(digits).unwrap());
    String::from_utf8(digits.map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect()).unwrap()
}

/// Answers 200, or sends the client on to where the path says; closes the connection then unless the path says to keep
/// it.
fn answer(mut stream: TcpStream, strayed: &Mutex<Vec<String>>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut request = [0; 4096];
    loop {
        let length = stream.read(&mut request)?;
        if length == 0 {
            return Ok(());
        }
        // A client that wants TLS has been heard, and gets nothing.
        if request[0] == 0x16 {
            return Ok(());
        }
        let request = String::from_utf8_lossy(&request[..length]);
        let path = request.split(' ').nth(1).unwrap_or_default();
        if !path.starts_with('/') {
            strayed.lock().unwrap().push(request.clone().into_owned());
        }
        let (status, location) = match path.strip_prefix("/to/") {
            Some(host) => ("302 Found", format!("location: http://{}:{PORT}/\r\n", host_in(host))),
            None => ("200 OK", String::new()),
        };
        write!(stream, "HTTP/1.1 {status}\r\n{location}content-length: 0\r\n\r\n")?;
        if path != "/keep" {
            return Ok(());
        }
    }
}
