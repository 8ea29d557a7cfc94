//! What the HTTP requests of one attempt may use.

use std::time::Duration;

/// What the HTTP requests of one attempt may use. A guest may ask for less time than this, not for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// Requests begun, refused ones included.
    pub requests: u32,
    /// Requests in flight at once. A further one waits for up to [`connect`](Self::connect).
    pub concurrent: u32,
    /// Bytes of body of one request or response.
    pub body: u64,
    /// Bytes of headers of one request, and of status line and headers of one response.
    pub headers: u64,
    /// Time to resolve a name and connect to one of its addresses.
    pub connect: Duration,
    /// Time for a TLS handshake.
    pub tls: Duration,
    /// Time from the request's first byte to the response's head.
    pub first_byte: Duration,
    /// Time between two pieces of a response's body.
    pub between_bytes: Duration,
    /// Time for all of one request, from its start to the last byte of its response.
    pub total: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            requests: 100,
            concurrent: 16,
            body: 8 << 20,
            headers: 32 << 10,
            connect: Duration::from_secs(10),
            tls: Duration::from_secs(10),
            first_byte: Duration::from_secs(60),
            between_bytes: Duration::from_secs(30),
            total: Duration::from_secs(300),
        }
    }
}
