//! What is said to a proxy: who asks, and that it open a tunnel.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{HOST, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::{Position, Url};

use super::http::{AGENT, HEAD, SendError, beside};
use crate::model::proxy::Proxy;

/// Has a proxy open a tunnel to the host of an address.
pub(super) async fn tunnel(stream: TcpStream, proxy: &Proxy, to: &Url) -> Result<TokioIo<Upgraded>, SendError> {
    let host = &to[Position::BeforeHost..Position::AfterHost];
    let place = format!("{host}:{}", to.port_or_known_default().unwrap_or(443));
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    let mut request = Request::connect(&place).header(HOST, &place).header(USER_AGENT, AGENT);
    if let Some(authorization) = authorization(proxy) {
        request = request.header(PROXY_AUTHORIZATION, authorization);
    }
    let request = request.body(Empty::<Bytes>::new())?;
    beside(connection.with_upgrades(), async move {
        let response = sender.send_request(request).await?;
        match response.status() {
            status if status.is_success() => Ok(TokioIo::new(hyper::upgrade::on(response).await?)),
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => Err(SendError::Unknown),
            status => Err(SendError::NoTunnel(status)),
        }
    })
    .await
}

/// What shows a proxy who asks.
pub(super) fn authorization(proxy: &Proxy) -> Option<HeaderValue> {
    let (user, password) = proxy.login.as_ref()?;
    let basic = STANDARD.encode(format!("{user}:{}", password.reveal()));
    // Base64 has no character that a header cannot have.
    let mut value = HeaderValue::try_from(format!("Basic {basic}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}
