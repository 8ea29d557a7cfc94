//! Opens connections: resolve, check, connect, encrypt. Each step is timed.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use url::Host;

use crate::model::grants::HttpScheme;
use crate::sandbox::http::audit::{Audit, Origin};
use crate::sandbox::http::client::{SendError, Timeouts};
use crate::sandbox::http::connection::Connection;
use crate::sandbox::http::policy::Admitted;
use crate::sandbox::http::{Egress, Tls};

/// Opens a connection for an admitted request.
pub(super) async fn open(
    egress: &Egress,
    admitted: &Admitted,
    timeouts: Timeouts,
    head_limit: usize,
    audit: &Audit,
) -> Result<Connection, SendError> {
    let until = egress.clock.monotonic() + timeouts.connect;
    let found = find(egress, admitted, until).await?;
    let connected = timeout_at(until, connect(admitted, found, timeouts.connect)).await;
    let (stream, peer) = connected.unwrap_or(Err(SendError::ConnectTimeout))?;
    audit.connected(peer, Origin::Opened);
    let opened = egress.clock.monotonic();
    let connection = match admitted.target.scheme() {
        HttpScheme::Http => Connection::over(stream, peer, opened, head_limit).await,
        HttpScheme::Https => {
            let encrypted = tokio::time::timeout(timeouts.tls, encrypt(admitted, stream, &egress.network.tls)).await;
            Connection::over(encrypted.unwrap_or(Err(SendError::TlsTimeout))?, peer, opened, head_limit).await
        }
    };
    connection.map_err(SendError::Protocol)
}

/// The addresses that the target's host leads to.
async fn find(egress: &Egress, admitted: &Admitted, until: Instant) -> Result<Vec<SocketAddr>, SendError> {
    let port = admitted.target.port();
    let name = match admitted.target.host() {
        Host::Ipv4(address) => return Ok(vec![(IpAddr::V4(*address), port).into()]),
        Host::Ipv6(address) => return Ok(vec![(IpAddr::V6(*address), port).into()]),
        Host::Domain(name) => name.clone(),
    };
    let place = timeout_at(until, egress.network.lookups.place(&egress.policy.task().name)).await;
    let place = place.ok().flatten().ok_or(SendError::TooManyLookups)?;
    let found = timeout_at(until, place.look_up(name, port)).await;
    found.map_err(|_| SendError::LookupTimeout)?.map_err(SendError::Resolve)
}

/// Connects to the first of these addresses that may be reached and answers.
async fn connect(
    admitted: &Admitted,
    found: Vec<SocketAddr>,
    patience: Duration,
) -> Result<(TcpStream, IpAddr), SendError> {
    // One address that swallows everything must not take the time of the others.
    let share = patience / u32::try_from(found.len().max(1)).unwrap_or(u32::MAX);
    let mut outcome = SendError::Resolve(std::io::Error::other("the name has no address"));
    for address in found {
        if let Err(refusal) = admitted.check_address(address.ip()) {
            outcome = SendError::Refused(refusal);
            continue;
        }
        match tokio::time::timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true).map_err(SendError::Connect)?;
                return Ok((stream, address.ip()));
            }
            Ok(Err(error)) => outcome = SendError::Connect(error),
            Err(_) => outcome = SendError::ConnectTimeout,
        }
    }
    Err(outcome)
}

async fn encrypt(
    admitted: &Admitted,
    stream: TcpStream,
    tls: &Tls,
) -> Result<impl AsyncRead + AsyncWrite + Unpin + Send + use<>, SendError> {
    let name = match admitted.target.host() {
        Host::Domain(name) => {
            ServerName::try_from(name.clone()).map_err(|error| SendError::Invalid(error.to_string()))?
        }
        Host::Ipv4(address) => ServerName::from(IpAddr::V4(*address)),
        Host::Ipv6(address) => ServerName::from(IpAddr::V6(*address)),
    };
    let connector = tls.connector().map_err(SendError::TlsSetup)?;
    connector.connect(name, stream).await.map_err(SendError::Tls)
}
