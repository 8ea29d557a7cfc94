//! `[host.api]`: who gets into the API, and how.

use std::net::SocketAddr;
use std::path::Path;

use toml::Spanned;

use super::words::{ListenAddress, PathText};
use crate::api::{GuardSettings, OpenRoute, TlsSettings, Transport};
use crate::config::diagnostic::{Diagnostic, Problems};
use crate::config::read::Field;
use crate::config::table::{choice, table};
use crate::config::values::{Listed, Whole};

table! {
    /// Who gets into the API, and how. `docs/security.md` tells more.
    pub(in crate::config) struct ApiTable {
        /// The certificate and the key with which the API is served over TLS.
        "tls" => tls: TlsTable = absent("the API is served in the clear"), example { certificate = "tls/tls.crt", key = "tls/tls.key" };
        /// Whether the API may be served in the clear where others reach it: behind a proxy that ends TLS, say. Whoever
        /// can read what passes can read every token.
        "plaintext" => plaintext: bool = default(false), example true;
        /// What is answered without a token even once there are tokens. `/healthz`, `/readyz` and the API's own
        /// documentation always are.
        "open" => open: Vec<Spanned<OpenRoute>> = default([]), example ["metrics"];
        /// How many requests a second are answered to one token, or without one to one address; five times as many at
        /// once. Requests beyond it get the status 429.
        "rate" => rate: Whole<1, 1_000_000> = absent("200 for requests from elsewhere, and no bound for those of this machine"), example 50;
    }
}

table! {
    /// Files in PEM. They are looked at every other second and read anew when they change; where the new ones do not do,
    /// the last good ones stay in use.
    pub(in crate::config) struct TlsTable {
        /// The host's certificate, and after it those that lead to a root.
        "certificate" => certificate: PathText = required, example "tls/tls.crt";
        /// The key of the certificate.
        "key" => key: PathText = required, example "tls/tls.key";
    }
}

choice! {
    OpenRoute {
        OpenRoute::Metrics => OpenRoute::Metrics.name(), "`/metrics`, which names every task";
    }
}

impl Listed for OpenRoute {
    const PLURAL: &'static str = "routes";
}

impl ApiTable {
    /// What the API gets; `listen` is where it listens.
    pub(in crate::config) fn build(
        &self,
        listen: &Field<ListenAddress>,
        root: &Path,
        problems: &mut Problems,
    ) -> GuardSettings {
        let tls = self.tls.written();
        let plaintext = self.plaintext.written().filter(|plaintext| *plaintext.get_ref());
        if let (Some(_), Some(plaintext)) = (tls, plaintext) {
            let problem =
                Diagnostic::warning("`plaintext` says nothing here").at(plaintext.span(), "counts only without `tls`");
            problems.note(problem);
        }
        let transport = match tls {
            Some(tls) => tls.get_ref().build(root),
            None if plaintext.is_some() => Transport::ClearEverywhere,
            None => Transport::ClearOnLoopback,
        };
        if let (Some(listen), Transport::ClearOnLoopback) = (listen.written(), &transport)
            && !self.tls.is_unreadable()
            && !self.plaintext.is_unreadable()
            && is_beyond(listen.get_ref().0)
        {
            let problem = Diagnostic::error("the API would be served in the clear where others reach it")
                .at(listen.span(), "expected an address of this machine alone, such as \"127.0.0.1:7390\", without TLS")
                .help("for TLS, write into [host]: api.tls = { certificate = \"FILE\", key = \"FILE\" }")
                .help("behind a proxy that ends TLS, write into [host]: api.plaintext = true");
            problems.note(problem);
        }
        let open = self.open.value().unwrap_or_default().into_iter().map(Spanned::into_inner).collect();
        GuardSettings { transport, open, rate: self.rate.value().map(|rate| rate.non_zero()) }
    }
}

fn is_beyond(listen: SocketAddr) -> bool {
    !listen.ip().is_loopback()
}

impl TlsTable {
    fn build(&self, root: &Path) -> Transport {
        match (self.certificate.value(), self.key.value()) {
            (Some(certificate), Some(key)) => {
                Transport::Tls(TlsSettings { certificate: root.join(certificate.0), key: root.join(key.0) })
            }
            // Its problem is noted.
            _ => Transport::ClearOnLoopback,
        }
    }
}
