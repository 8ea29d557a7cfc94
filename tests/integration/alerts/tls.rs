//! Webhooks over TLS: whose certificates are trusted.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::*;

/// The folder of the tests' certificates.
pub(super) fn certificates() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/tls")
}

/// Answers 200 to whoever trusts its certificate. Returns its port.
fn server() -> u16 {
    let read = |name| std::fs::read(certificates().join(name)).unwrap();
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(&read("server.pem")).map(|der| der.unwrap().into_owned()).collect();
    let key = PrivateKeyDer::from_pem_slice(&read("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap());
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(config.clone()).unwrap();
            let mut stream = StreamOwned::new(connection, stream.unwrap());
            let mut request = [0; 64 << 10];
            // A client that does not trust it goes away.
            if stream.read(&mut request).is_ok_and(|read| read > 0) {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            }
        }
    });
    port
}

#[test]
fn a_webhook_trusts_the_roots_that_are_named_and_no_others() {
    let port = server();
    let root = certificates().join("root.pem").canonicalize().unwrap();
    let alert = |name: &str, host: &str, more: &str| {
        format!("[alerts.{name}]\nwebhook = {{ url = \"https://{host}:{port}/hook\"{more} }}\n")
    };
    let roots = format!(", tls-roots = \"{}\"", root.display());
    let project = Project::new(
        &format!(
            "{}{}{}",
            alert("own", "localhost", &roots),
            alert("none", "localhost", ""),
            alert("other", "127.0.0.2", &roots)
        ),
        &[],
    );
    let test = |name| project.run(&["alert", "test", name]);
    let sent = test("own");
    assert!(sent.status.success(), "{sent:?}");
    for (name, why) in [("none", "UnknownIssuer"), ("other", "not valid for name")] {
        let refused = test(name);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert!(refused.stderr.contains("TLS failed") && refused.stderr.contains(why), "{refused:?}");
    }
}
