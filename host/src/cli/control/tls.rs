//! TLS to a host elsewhere.

use anyhow::Context;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::sandbox::{TlsRoots, tls_connector};

/// Speaks TLS with the host of this name, whose certificate has to be vouched for by the system's roots or by these.
pub(super) async fn connect(host: &str, roots: &TlsRoots, stream: TcpStream) -> anyhow::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(host.to_owned())?;
    let connected = tls_connector(roots)?.connect(name, stream).await;
    connected.context("TLS fails; --ca names a file with the certificate that vouches for the host's")
}
