//! HTTP to what the operator configured: webhooks, signs of life, collectors of traces.
//!
//! Unlike guests' requests these may go anywhere, since the operator names the address. Each has a connection of its own,
//! a time in which it has to be over, and a bound on what is read. Redirects are not followed.

mod dial;
mod http;
mod proxied;
mod tls;

use self::tls::Tls;
use crate::model::alert::channel::Roots;
use crate::model::proxy::Proxy;

pub(super) use self::http::{Post, SendError, send};

/// How it is reached: whose certificates are trusted, and over which proxy the way leads.
#[derive(Debug)]
pub(super) struct Way {
    tls: Tls,
    proxy: Option<Proxy>,
}

impl Way {
    /// A way that trusts these roots, too.
    pub(super) fn new(roots: impl IntoIterator<Item = Roots>, proxy: Option<Proxy>) -> Self {
        Self { tls: Tls::new(roots), proxy }
    }
}
