//! What the HTTP requests of one attempt may use.

use std::fmt;
use std::time::Duration;

use super::Unit;

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
    /// Time for all of one request, from its start to the last byte of its body and of its response.
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

/// One of these limits by name, as far as a request can come to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpLimit {
    /// [`HttpLimits::concurrent`].
    Concurrent,
    /// [`HttpLimits::body`].
    Body,
    /// [`HttpLimits::headers`].
    Headers,
    /// [`HttpLimits::connect`].
    Connect,
    /// [`HttpLimits::tls`].
    Tls,
    /// [`HttpLimits::first_byte`].
    FirstByte,
    /// [`HttpLimits::between_bytes`].
    BetweenBytes,
    /// [`HttpLimits::total`].
    Total,
}

impl HttpLimit {
    /// All of them, in the order of the documentation.
    pub const ALL: [HttpLimit; 8] = [
        HttpLimit::Concurrent,
        HttpLimit::Body,
        HttpLimit::Headers,
        HttpLimit::Connect,
        HttpLimit::Tls,
        HttpLimit::FirstByte,
        HttpLimit::BetweenBytes,
        HttpLimit::Total,
    ];

    /// The key of the limit in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            HttpLimit::Concurrent => "http-concurrent",
            HttpLimit::Body => "http-body",
            HttpLimit::Headers => "http-headers",
            HttpLimit::Connect => "http-connect",
            HttpLimit::Tls => "http-tls",
            HttpLimit::FirstByte => "http-first-byte",
            HttpLimit::BetweenBytes => "http-between-bytes",
            HttpLimit::Total => "http-total",
        }
    }

    /// What the limit counts.
    pub fn unit(self) -> Unit {
        match self {
            HttpLimit::Concurrent => Unit::Count,
            HttpLimit::Body | HttpLimit::Headers => Unit::Bytes,
            HttpLimit::Connect | HttpLimit::Tls | HttpLimit::FirstByte | HttpLimit::BetweenBytes | HttpLimit::Total => {
                Unit::Milliseconds
            }
        }
    }

    /// What is allowed, in the limit's unit.
    pub fn allowed(self, limits: &HttpLimits) -> u64 {
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        match self {
            HttpLimit::Concurrent => limits.concurrent.into(),
            HttpLimit::Body => limits.body,
            HttpLimit::Headers => limits.headers,
            HttpLimit::Connect => milliseconds(limits.connect),
            HttpLimit::Tls => milliseconds(limits.tls),
            HttpLimit::FirstByte => milliseconds(limits.first_byte),
            HttpLimit::BetweenBytes => milliseconds(limits.between_bytes),
            HttpLimit::Total => milliseconds(limits.total),
        }
    }
}

impl fmt::Display for HttpLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
