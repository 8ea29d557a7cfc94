//! Whose certificates are trusted.

use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::clock::Clock;
use crate::sandbox::TlsRoots;
use crate::sandbox::http::Network;
use crate::sandbox::tests::connections::{Reading, ask};

const ROOT: &[u8] = include_bytes!("../../../../tests/tls/root.pem");
const SERVER: &[u8] = include_bytes!("../../../../tests/tls/server.pem");
const KEY: &[u8] = include_bytes!("../../../../tests/tls/server.key");

/// A server whose certificate the root of the tests has signed. Returns its port.
async fn server() -> u16 {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = CertificateDer::pem_slice_iter(SERVER).collect::<Result<Vec<_>, _>>().unwrap();
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(chain, PrivateKeyDer::from_pem_slice(KEY).unwrap());
    let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that does not trust the certificate goes away.
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut request = [0; 1024];
                while stream.read(&mut request).await.unwrap_or(0) > 0 {
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await.unwrap();
                }
            });
        }
    });
    port
}

#[tokio::test]
async fn a_root_that_was_given_is_trusted_and_no_other() {
    let port = server().await;
    for (roots, expected) in [(TlsRoots::default(), None), (TlsRoots::from_pem(ROOT).unwrap(), Some(200))] {
        let network = Arc::new(Network::new(roots, Clock::system()));
        for host in ["localhost", "127.0.0.1"] {
            let url = format!("https://{host}:{port}/");
            let first = tokio::time::timeout(Duration::from_secs(30), ask(&network, "a", "GET", &url, Reading::All));
            assert_eq!(first.await.unwrap(), (expected, Some(false)), "{host}");
            if expected.is_some() {
                let second = ask(&network, "a", "GET", &url, Reading::All).await;
                assert_eq!(second, (expected, Some(true)), "one handshake serves both");
            }
        }
    }
}

#[tokio::test]
async fn a_certificate_that_does_not_have_the_name_is_refused() {
    let port = server().await;
    let network = Arc::new(Network::new(TlsRoots::from_pem(ROOT).unwrap(), Clock::system()));
    for (host, expected) in [("127.0.0.1", Some(200)), ("127.0.0.2", None)] {
        let url = format!("https://{host}:{port}/");
        assert_eq!(ask(&network, "a", "GET", &url, Reading::All).await, (expected, Some(false)), "{host}");
    }
}

#[test]
fn what_holds_no_certificate_is_told_apart() {
    let foreign = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
    let cut_off = &ROOT[..ROOT.len() / 2];
    for (text, expected) in [
        (&b""[..], "no certificate in it"),
        (KEY, "no certificate in it"),
        (foreign.as_bytes(), "that is no certificate, as number 1"),
        (&[ROOT, foreign.as_bytes()].concat(), "that is no certificate, as number 2"),
        (cut_off, "not PEM, or not all of it"),
    ] {
        let told = TlsRoots::from_pem(text).unwrap_err().to_string();
        assert!(told.contains(expected), "{told}");
    }
}
