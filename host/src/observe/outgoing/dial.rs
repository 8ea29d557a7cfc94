//! A connection to a host: straight or over a proxy, with TLS if the address asks for it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use url::{Host, Url};

use super::http::SendError;
use super::{Way, proxied};
use crate::model::proxy::Proxy;

/// How long one address may take to answer.
const CONNECT: Duration = Duration::from_secs(8);

/// What bytes go over.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A connection over which requests can be sent.
pub(super) struct Dialled<'w> {
    pub(super) stream: Box<dyn Stream>,
    /// The proxy that requests are handed to, whole address and all; none if they go to the host itself, if need be through
    /// a tunnel.
    pub(super) handed_to: Option<&'w Proxy>,
}

/// Connects to the host of an address.
pub(super) async fn dial<'w>(url: &Url, way: &'w Way) -> Result<Dialled<'w>, SendError> {
    let (host, port) = place(url)?;
    let proxy = way.proxy.as_ref().filter(|proxy| proxy.leads_to(&host));
    let is_tls = url.scheme() == "https";
    let stream: Box<dyn Stream> = match proxy {
        None => Box::new(connect(&host, port).await.map_err(Unreached::of_host)?),
        Some(proxy) => {
            let (host, port) = place(&proxy.url)?;
            let stream = connect(&host, port).await.map_err(Unreached::of_proxy)?;
            if is_tls { Box::new(proxied::tunnel(stream, proxy, url).await?) } else { Box::new(stream) }
        }
    };
    if !is_tls {
        return Ok(Dialled { stream, handed_to: proxy });
    }
    let name = match host {
        Host::Domain(name) => {
            ServerName::try_from(name.to_owned()).map_err(|error| SendError::Invalid(error.to_string()))?
        }
        Host::Ipv4(address) => ServerName::from(IpAddr::V4(address)),
        Host::Ipv6(address) => ServerName::from(IpAddr::V6(address)),
    };
    let stream = way.tls.connector()?.connect(name, stream).await.map_err(SendError::Tls)?;
    Ok(Dialled { stream: Box::new(stream), handed_to: None })
}

fn place(url: &Url) -> Result<(Host<&str>, u16), SendError> {
    let host = url.host().ok_or_else(|| SendError::Invalid("the address has no host".to_owned()))?;
    Ok((host, url.port_or_known_default().unwrap_or(443)))
}

/// Why no address of a host was reached.
enum Unreached {
    Unresolved(std::io::Error),
    Unconnected(std::io::Error),
    Late,
}

impl Unreached {
    fn of_host(self) -> SendError {
        match self {
            Unreached::Unresolved(error) => SendError::Resolve(error),
            Unreached::Unconnected(error) => SendError::Connect(error),
            Unreached::Late => SendError::Late,
        }
    }

    fn of_proxy(self) -> SendError {
        match self {
            Unreached::Unresolved(error) | Unreached::Unconnected(error) => SendError::Proxy(error),
            Unreached::Late => SendError::Proxy(std::io::ErrorKind::TimedOut.into()),
        }
    }
}

async fn connect(host: &Host<&str>, port: u16) -> Result<TcpStream, Unreached> {
    let found: Vec<SocketAddr> = match host {
        Host::Ipv4(address) => vec![(*address, port).into()],
        Host::Ipv6(address) => vec![(*address, port).into()],
        Host::Domain(name) => tokio::net::lookup_host((*name, port)).await.map_err(Unreached::Unresolved)?.collect(),
    };
    let mut outcome = Unreached::Unresolved(std::io::Error::other("the name has no address"));
    for address in found {
        match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => outcome = Unreached::Unconnected(error),
            Err(_) => outcome = Unreached::Late,
        }
    }
    Err(outcome)
}
