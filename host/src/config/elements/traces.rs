//! `[host.traces]`: where spans go, and which.

use std::str::FromStr;

use url::{Host, Url};

use super::Build;
use super::bound::{HeaderText, bound_headers};
use super::roots::TlsRootsFile;
use super::words::{HttpUrl, PathText};
use crate::config::diagnostic::Diagnostic;
use crate::config::read::Field;
use crate::config::table::table;
use crate::config::values::{Named, text_is_a_value};
use crate::model::grants::BoundHeader;
use crate::model::trace::Sample;

/// Traces for a collector.
#[derive(Debug, Clone)]
pub struct Traces {
    /// The collector's address, to which those of its signals are added.
    pub endpoint: Url,
    /// What each request has in its head.
    pub headers: Vec<BoundHeader>,
    /// Root certificates that are trusted beside the system's and those of `host.tls-roots`.
    pub tls_roots: Option<TlsRootsFile>,
    /// Which share of the traces that begin here is kept.
    pub sample: Sample,
    /// Whether the collector gets what attempts log, too.
    pub logs: bool,
}

table! {
    /// Traces of runs and attempts, for a collector that speaks OpenTelemetry's protocol.
    pub(in crate::config) struct TracesTable {
        /// The collector's URL for OTLP over HTTP, to which `/v1/traces` is added.
        "endpoint" => endpoint: Collector = absent("no traces are sent"), example "http://127.0.0.1:4318";
        /// Headers of each request, by their names. `${secret:NAME}` stands for a secret of `[secrets]`; then the way there is
        /// encrypted or stays on this machine.
        "header" => header: Named<HeaderText, String> = absent("none"), example { Authorization = "Bearer ${secret:COLLECTOR_TOKEN}" };
        /// A file of root certificates in PEM that are trusted beside the system's and those of `host.tls-roots`.
        "tls-roots" => tls_roots: PathText = absent("no others"), example "/etc/sandclock/collector.pem";
        /// Which share of the traces that begin here is kept. A run that was asked for as a part of a trace is kept if that
        /// trace is.
        "sample" => sample: Sample = default("100%"), example "5%";
        /// Whether the collector gets what attempts log, too, at `/v1/logs`.
        "logs" => logs: bool = default(false), example true;
    }
}

text_is_a_value! {
    Collector: "the URL of a collector such as \"http://127.0.0.1:4318\"";
    Sample: "a share such as \"5%\"";
}

/// Whose headers they are.
const WHOSE: &str = "requests to a collector";

/// The URL of a collector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct Collector(Url);

/// The port of collectors that speak OTLP over plain HTTP. What is behind TLS has that of its scheme.
const PORT: u16 = 4318;

impl FromStr for Collector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let HttpUrl(mut url) = text.parse()?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err("expected a URL without `?` and `#`: paths are put behind it".to_owned());
        }
        // A URL does not tell port 80 from none.
        let written = text.parse::<http::Uri>().ok().and_then(|uri| uri.port_u16());
        if url.scheme() == "http" && written.is_none() {
            url.set_port(Some(PORT)).map_err(|()| "not a URL: it has no host".to_owned())?;
        }
        Ok(Self(url))
    }
}

impl TracesTable {
    pub(super) fn build(&self, build: &mut Build<'_>) -> Option<Traces> {
        let headers = self.header.written().map(|named| (named.span(), bound_headers(named.get_ref(), WHOSE, build)));
        let tls_roots = self.tls_roots.written().map(|file| TlsRootsFile::read(file, build.root, build.problems));
        let endpoint = match &self.endpoint {
            Field::Written(endpoint) => endpoint,
            Field::Unreadable => return None,
            Field::Absent => {
                if let Some((span, _)) = headers {
                    let problem = Diagnostic::warning("there is nobody to get these headers")
                        .at(span, "expected `endpoint` beside them");
                    build.problems.note(problem);
                }
                return None;
            }
        };
        let (headers, url) = (headers.map(|(_, headers)| headers).unwrap_or_default(), &endpoint.get_ref().0);
        if headers.iter().any(|header| !header.secrets().is_empty()) && !is_private(url) {
            build.problems.note(
                Diagnostic::error("the secret would be sent where everybody on the way can read it")
                    .at(endpoint.span(), "expected https://, or an address of this machine"),
            );
        }
        let tls_roots = match tls_roots {
            Some(read) => Some(read?),
            None => None,
        };
        Some(Traces {
            endpoint: url.clone(),
            headers,
            tls_roots,
            sample: self.sample.value().unwrap_or(Sample::ALL),
            logs: self.logs.value().unwrap_or(false),
        })
    }
}

/// Whether nobody on the way can read what is sent there.
fn is_private(url: &Url) -> bool {
    url.scheme() == "https"
        || match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_a_url_that_paths_can_be_put_behind() {
        let check = |text: &str, expected: Option<&str>| {
            let found = text.parse::<Collector>().ok().map(|collector| collector.0.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        };
        check("http://127.0.0.1:4318", Some("http://127.0.0.1:4318/"));
        check("http://[::1]:9999/", Some("http://[::1]:9999/"));
        check("http://collector/otlp/", Some("http://collector:4318/otlp/"));
        check("http://collector:80", Some("http://collector/"));
        check("https://otlp.example.com/v2", Some("https://otlp.example.com/v2"));
        for refused in ["collector:4318", "127.0.0.1", "http://", "http://a@b", "http://a/?b", "ftp://a"] {
            check(refused, None);
        }
    }
}
