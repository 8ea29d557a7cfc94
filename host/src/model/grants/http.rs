//! Which HTTP requests a grant allows: `[METHODS] scheme://host[:port][/path-prefix]`.
//!
//! A grant speaks of names and paths. Whether the address that a name resolves to may be connected to is decided
//! where the connection is made.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use http::Method;
use url::{Host, Url};

use super::BoundHeader;

mod target;
pub use target::{HttpScheme, HttpTarget, HttpTargetError};

/// One allowed kind of HTTP request, such as `GET,POST https://*.example.com:8443/v1/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpGrant {
    methods: Methods,
    scheme: HttpScheme,
    host: HostPattern,
    port: u16,
    /// In the form of [`target::comparable`].
    path: String,
    headers: Vec<BoundHeader>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Methods {
    Any,
    Only(BTreeSet<String>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HostPattern {
    /// `*`: every host.
    Any,
    /// `*.example.com`: every name below this one, but not this one.
    Below(String),
    /// This host.
    Exactly(Host),
}

/// A text is not a grant. The message says what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpGrantError {
    /// The text is not one or two words.
    #[error("expected `[METHODS] scheme://host[:port][/path]`, such as \"GET,POST https://api.example.com/v1/\"")]
    Form,
    /// A method is not written as HTTP writes it.
    #[error("{0:?} is not an HTTP method; methods are written in capitals and joined by commas, such as GET,POST")]
    Method(String),
    /// There is no scheme, or one that is not HTTP's.
    #[error("expected a URL that begins with http:// or https://, found {0:?}")]
    Scheme(String),
    /// The URL cannot be read.
    #[error("{url:?} is not a URL: {reason}")]
    Url {
        /// The text in question.
        url: String,
        /// What is wrong with it.
        reason: url::ParseError,
    },
    /// A `*` stands where it has no meaning.
    #[error(
        "`*` stands for a whole host (`https://*`) or for the first part of one (`https://*.example.com`), not for a part of {0:?}"
    )]
    Wildcard(String),
    /// A user name or password is in the URL.
    #[error("a grant holds no user name and no password; hand those to the task as `grants.secrets`")]
    UserInfo,
    /// A query or fragment is in the URL.
    #[error("a grant ends with the path; a query or fragment cannot be granted")]
    Query,
    /// The path can be read in more than one way.
    #[error(
        "the path {0:?} has `..`, a backslash or an escape in it that servers read in different ways; write the plain path"
    )]
    Path(String),
}

impl HttpGrant {
    /// Reads a grant. No methods means every method; no port means the scheme's own; no path means every path.
    ///
    /// # Errors
    /// Says which part is wrong and what was expected there.
    pub fn parse(text: &str) -> Result<Self, HttpGrantError> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let (methods, url) = match words[..] {
            [url] => (Methods::Any, url),
            [methods, url] => (Methods::parse(methods)?, url),
            _ => return Err(HttpGrantError::Form),
        };
        let scheme = HttpScheme::of_url(url).ok_or_else(|| HttpGrantError::Scheme(url.to_owned()))?;
        if url.contains(['?', '#']) {
            return Err(HttpGrantError::Query);
        }
        if url.contains('\\') {
            return Err(HttpGrantError::Path(url.to_owned()));
        }
        let parsed = target::read(url).map_err(|reason| HttpGrantError::Url { url: url.to_owned(), reason })?;
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(HttpGrantError::UserInfo);
        }
        // Dots are looked for in the text as written: reading it as a URL has already resolved them.
        let written = url.splitn(4, '/').nth(3).unwrap_or_default();
        if target::may_climb(written) {
            return Err(HttpGrantError::Path(format!("/{written}")));
        }
        Ok(Self {
            methods,
            scheme,
            host: HostPattern::of(&parsed)?,
            port: parsed.port_or_known_default().unwrap_or(scheme.port()),
            path: target::comparable(parsed.path()),
            headers: Vec::new(),
        })
    }

    /// The narrowest grant for a target's host: this method, this scheme, host and port, every path.
    pub fn covering(target: &HttpTarget) -> Self {
        Self {
            methods: Methods::Only(BTreeSet::from([target.method().to_string()])),
            scheme: target.scheme(),
            host: HostPattern::Exactly(target.host().clone()),
            port: target.port(),
            path: "/".to_owned(),
            headers: Vec::new(),
        }
    }

    /// The same grant, whose requests get these headers.
    pub fn with_headers(self, headers: Vec<BoundHeader>) -> Self {
        Self { headers, ..self }
    }

    /// The headers that its requests get.
    pub fn headers(&self) -> &[BoundHeader] {
        &self.headers
    }

    /// The grant as it stands in the configuration, headers and all.
    pub fn toml(&self) -> String {
        if self.headers.is_empty() {
            return format!("\"{self}\"");
        }
        // What a header can have in it, TOML escapes as Rust does.
        let header = |header: &BoundHeader| format!("\"{}\" = {:?}", header.name(), header.to_string());
        let headers: Vec<String> = self.headers.iter().map(header).collect();
        format!("{{ allow = \"{self}\", header = {{ {} }} }}", headers.join(", "))
    }

    /// Whether it names one host, so that a secret sent along goes to nobody else.
    pub fn names_one_host(&self) -> bool {
        matches!(self.host, HostPattern::Exactly(_))
    }

    /// Whether nobody on the way can read its requests: they are encrypted, or do not leave this machine.
    pub fn is_private(&self) -> bool {
        let stays_here = match &self.host {
            HostPattern::Exactly(Host::Domain(name)) => name == "localhost",
            HostPattern::Exactly(Host::Ipv4(address)) => address.is_loopback(),
            HostPattern::Exactly(Host::Ipv6(address)) => address.is_loopback(),
            HostPattern::Any | HostPattern::Below(_) => false,
        };
        self.scheme == HttpScheme::Https || stays_here
    }

    /// Whether it allows a request to this target.
    pub fn allows(&self, target: &HttpTarget) -> bool {
        self.methods.contain(target.method())
            && self.scheme == target.scheme()
            && self.port == target.port()
            && self.host.matches(target.host())
            && self.covers_path(target)
    }

    /// Whether it names an address, or `localhost`, outright: only such a grant may lead to an address that is not
    /// public. A name could be pointed at any address by whoever holds its DNS zone.
    pub fn names_address(&self) -> bool {
        match &self.host {
            HostPattern::Exactly(Host::Domain(name)) => name == "localhost",
            HostPattern::Exactly(Host::Ipv4(_) | Host::Ipv6(_)) => true,
            HostPattern::Any | HostPattern::Below(_) => false,
        }
    }

    /// A prefix ends at a segment's end: `/v1` covers `/v1` and `/v1/users`, not `/v10`. What some server could read
    /// as leaving the prefix is covered by no prefix but `/`.
    fn covers_path(&self, target: &HttpTarget) -> bool {
        if self.path == "/" {
            return true;
        }
        let path = target::comparable(target.path());
        let Some(rest) = path.strip_prefix(&self.path) else {
            return false;
        };
        (self.path.ends_with('/') || rest.is_empty() || rest.starts_with('/')) && !target::may_climb(target.path())
    }
}

impl FromStr for HttpGrant {
    type Err = HttpGrantError;

    fn from_str(text: &str) -> Result<Self, HttpGrantError> {
        Self::parse(text)
    }
}

impl fmt::Display for HttpGrant {
    /// The shortest text that reads as this grant.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Methods::Only(methods) = &self.methods {
            let methods: Vec<&str> = methods.iter().map(String::as_str).collect();
            write!(f, "{} ", methods.join(","))?;
        }
        write!(f, "{}://{}", self.scheme, self.host)?;
        if self.port != self.scheme.port() {
            write!(f, ":{}", self.port)?;
        }
        f.write_str(if self.path == "/" { "" } else { &self.path })
    }
}

impl Methods {
    fn parse(text: &str) -> Result<Self, HttpGrantError> {
        let method = |word: &str| {
            let well_formed = !word.is_empty() && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
            if well_formed { Ok(word.to_owned()) } else { Err(HttpGrantError::Method(word.to_owned())) }
        };
        text.split(',').map(method).collect::<Result<_, _>>().map(Self::Only)
    }

    fn contain(&self, method: &Method) -> bool {
        match self {
            Methods::Any => true,
            Methods::Only(methods) => methods.contains(method.as_str()),
        }
    }
}

impl HostPattern {
    fn of(url: &Url) -> Result<Self, HttpGrantError> {
        let host = target::host_of(url).map_err(|reason| HttpGrantError::Url { url: url.to_string(), reason })?;
        let Host::Domain(name) = &host else {
            return Ok(Self::Exactly(host));
        };
        match name.strip_prefix('*') {
            Some("") => Ok(Self::Any),
            Some(rest) if rest.len() > 1 && rest.starts_with('.') && !rest.contains('*') => {
                Ok(Self::Below(rest[1..].to_owned()))
            }
            None if !name.contains('*') => Ok(Self::Exactly(host)),
            _ => Err(HttpGrantError::Wildcard(name.clone())),
        }
    }

    fn matches(&self, host: &Host) -> bool {
        match (self, host) {
            (HostPattern::Any, _) => true,
            (HostPattern::Exactly(granted), host) => granted == host,
            (HostPattern::Below(parent), Host::Domain(name)) => {
                name.strip_suffix(parent.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            (HostPattern::Below(_), Host::Ipv4(_) | Host::Ipv6(_)) => false,
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostPattern::Any => f.write_str("*"),
            HostPattern::Below(parent) => write!(f, "*.{parent}"),
            HostPattern::Exactly(host) => write!(f, "{host}"),
        }
    }
}

#[cfg(test)]
mod tests;
