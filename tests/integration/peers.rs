//! What stands at the other end of the host's own requests: a server behind TLS, and a proxy on the way to it.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Came {
    /// The first line and the headers, in small letters.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// What came, in order.
pub(crate) type All = Arc<Mutex<Vec<Came>>>;

/// The folder of the tests' certificates.
pub(crate) fn certificates() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/tls").canonicalize().unwrap()
}

/// A server behind TLS that takes everything, for as long as the tests go on.
pub(crate) struct Secured {
    pub(crate) port: u16,
    pub(crate) came: All,
}

impl Secured {
    /// A server that shows the certificate of this name in `tests/tls`.
    pub(crate) fn start(name: &str) -> Self {
        let read = |end| std::fs::read(certificates().join(format!("{name}.{end}"))).unwrap();
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&read("pem")).map(|der| der.unwrap().into_owned()).collect();
        let key = PrivateKeyDer::from_pem_slice(&read("key")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap());
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let (port, came) = (listener.local_addr().unwrap().port(), All::default());
        let all = came.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let connection = ServerConnection::new(config.clone()).unwrap();
                let mut stream = BufReader::new(StreamOwned::new(connection, stream.unwrap()));
                // A client that does not trust it goes away.
                if let Some(request) = read_request(&mut stream) {
                    all.lock().unwrap().push(request);
                    let _ = stream.get_mut().write_all(TAKEN);
                }
            }
        });
        Self { port, came }
    }
}

const TAKEN: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// A proxy that knows one name and one password, for as long as the tests go on. Every tunnel leads to one port of this
/// machine, whatever it is asked for; what is handed to it, it answers itself.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    pub(crate) came: All,
}

/// What shows this proxy that it is `me` with the password `pass`.
const KNOWN: &str = "proxy-authorization: basic bwu6cgfzcw==";

impl Proxy {
    pub(crate) fn start(leads_to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, came) = (listener.local_addr().unwrap().port(), All::default());
        let all = came.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let all = all.clone();
                thread::spawn(move || serve(BufReader::new(stream.unwrap()), leads_to, &all));
            }
        });
        Self { port, came }
    }
}

fn serve(mut client: BufReader<TcpStream>, leads_to: u16, all: &All) {
    let Some(request) = read_request(&mut client) else { return };
    let head = request.head.clone();
    all.lock().unwrap().push(request);
    let mut client = client.into_inner();
    if !head.contains(KNOWN) {
        let refused = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
        client.write_all(refused).unwrap();
    } else if head.starts_with("connect ") {
        let mut server = TcpStream::connect(("127.0.0.1", leads_to)).unwrap();
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
        let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        // Whichever end goes first, the other one notices.
        thread::spawn(move || std::io::copy(&mut from, &mut to));
        let _ = std::io::copy(&mut server, &mut client);
    } else {
        client.write_all(TAKEN).unwrap();
    }
}

fn read_request(stream: &mut impl BufRead) -> Option<Came> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).ok()?;
    Some(Came { head, body })
}
