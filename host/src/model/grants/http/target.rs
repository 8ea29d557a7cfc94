//! What a request is aimed at, in one spelling.
//!
//! A target is read once, and what is sent is built from it again, so that what was checked is what is sent.

use std::fmt;

use http::{Method, Uri};
use url::{Host, Url};

/// What a request is aimed at: a method and a URL in the normal form of the WHATWG URL standard. (Names in lower case and
/// punycode; `0x7f.1` is `127.0.0.1`; `.` and `..`, also as `%2e`, are resolved; no trailing dot on the name.)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpTarget {
    method: Method,
    scheme: HttpScheme,
    host: Host,
    url: Url,
}

/// One of the two schemes that requests may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HttpScheme {
    /// HTTP in the clear.
    Http,
    /// HTTP over TLS.
    Https,
}

/// A URI cannot be the target of a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpTargetError {
    /// It has no scheme, or one that is not HTTP's.
    #[error("a request needs a URL that begins with http:// or https://")]
    Scheme,
    /// It has no host.
    #[error("a request needs a host")]
    Host,
    /// It has a user name or password.
    #[error("a URL with a user name or password is not accepted; use an Authorization header")]
    UserInfo,
    /// Its host has a star in it.
    #[error("a request goes to one host; `*` is for grants")]
    Wildcard,
    /// It cannot be read.
    #[error("a request needs a well-formed URL: {0}")]
    Url(url::ParseError),
}

impl HttpTarget {
    /// Reads a request's method and URI.
    ///
    /// # Errors
    /// Fails for a URI without scheme or host, with another scheme, with user information, or with a host that is none.
    pub fn of(method: &Method, uri: &Uri) -> Result<Self, HttpTargetError> {
        let scheme = uri.scheme_str().ok_or(HttpTargetError::Scheme)?;
        let authority = uri.authority().ok_or(HttpTargetError::Host)?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Self::parse(method, &format!("{scheme}://{authority}{}{path}", if path.starts_with('/') { "" } else { "/" }))
    }

    /// Reads a request's method and URL.
    ///
    /// # Errors
    /// As [`HttpTarget::of`].
    pub fn parse(method: &Method, url: &str) -> Result<Self, HttpTargetError> {
        let scheme = HttpScheme::of_url(url).ok_or(HttpTargetError::Scheme)?;
        let mut url = read(url).map_err(HttpTargetError::Url)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(HttpTargetError::UserInfo);
        }
        let host = host_of(&url).map_err(HttpTargetError::Url)?;
        // The URL standard lets a host have stars in it. Where a grant is made of it, they would be wildcards.
        if matches!(&host, Host::Domain(name) if name.contains('*')) {
            return Err(HttpTargetError::Wildcard);
        }
        url.set_host(Some(&host.to_string())).map_err(HttpTargetError::Url)?;
        url.set_fragment(None);
        Ok(Self { method: method.clone(), scheme, host, url })
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The scheme.
    pub fn scheme(&self) -> HttpScheme {
        self.scheme
    }

    /// The host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port: the one given, or the scheme's own.
    pub fn port(&self) -> u16 {
        self.url.port().unwrap_or(self.scheme.port())
    }

    /// The path.
    pub fn path(&self) -> &str {
        self.url.path()
    }

    /// The query.
    pub fn query(&self) -> Option<&str> {
        self.url.query()
    }

    /// Path and query: what stands in the request line.
    pub fn path_and_query(&self) -> String {
        match self.url.query() {
            Some(query) => format!("{}?{query}", self.url.path()),
            None => self.url.path().to_owned(),
        }
    }

    /// What stands in the `Host` header: the host, and the port unless it is the scheme's own.
    pub fn authority(&self) -> String {
        match self.url.port() {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.to_string(),
        }
    }
}

impl fmt::Display for HttpTarget {
    /// Method and URL without the query, which often carries secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}://{}{}", self.method, self.scheme, self.authority(), self.path())
    }
}

impl HttpScheme {
    /// The scheme at the head of a URL.
    pub(super) fn of_url(url: &str) -> Option<Self> {
        let (scheme, _) = url.split_once("://")?;
        [Self::Http, Self::Https].into_iter().find(|known| known.name().eq_ignore_ascii_case(scheme))
    }

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            HttpScheme::Http => "http",
            HttpScheme::Https => "https",
        }
    }

    /// The port that is meant where none is given.
    pub fn port(self) -> u16 {
        match self {
            HttpScheme::Http => 80,
            HttpScheme::Https => 443,
        }
    }
}

impl fmt::Display for HttpScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Reads a URL whose scheme is known to be there. The WHATWG standard takes `http:///path` for `http://path`; we do not.
pub(super) fn read(url: &str) -> Result<Url, url::ParseError> {
    match url.split_once("://") {
        Some((_, rest)) if !rest.starts_with(['/', '\\']) => Url::parse(url),
        _ => Err(url::ParseError::EmptyHost),
    }
}

/// The host of a URL, without the trailing dot that DNS allows a name to have. No other part of a name may be empty.
pub(super) fn host_of(url: &Url) -> Result<Host, url::ParseError> {
    match url.host() {
        Some(Host::Domain(name)) => match name.strip_suffix('.').unwrap_or(name) {
            "" => Err(url::ParseError::EmptyHost),
            name if name.split('.').any(str::is_empty) => Err(url::ParseError::InvalidDomainCharacter),
            name => Ok(Host::Domain(name.to_owned())),
        },
        Some(Host::Ipv4(address)) => Ok(Host::Ipv4(address)),
        Some(Host::Ipv6(address)) => Ok(Host::Ipv6(address)),
        None => Err(url::ParseError::EmptyHost),
    }
}

/// A path in which equal things look equal: escapes of unreserved characters undone, hexadecimal digits of all others in
/// capitals (RFC 3986, section 6.2.2).
pub(super) fn comparable(path: &str) -> String {
    let mut comparable = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        comparable.push_str(&rest[..at]);
        match escape(&rest.as_bytes()[at..]) {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => comparable.push(byte.into()),
            Some(byte) => comparable.push_str(&format!("%{byte:02X}")),
            None => {
                // What begins no escape stands for itself, and must not begin one with what comes after it.
                comparable.push_str("%25");
                rest = &rest[at + 1..];
                continue;
            }
        }
        rest = &rest[at + 3..];
    }
    comparable.push_str(rest);
    comparable
}

/// How often an escape may itself be escaped before a path counts as a trick.
const MAX_ESCAPE_DEPTH: usize = 4;

/// Whether some server could read a path as going up: one that undoes escapes before it splits at slashes, undoes them
/// twice, takes a backslash for a slash, cuts `;parameters` off a segment, reads `%u002e` as a dot, or `%c0%ae`, which is
/// none in UTF-8.
pub(super) fn may_climb(path: &str) -> bool {
    let mut bytes = path.as_bytes().to_vec();
    for _ in 0..MAX_ESCAPE_DEPTH {
        let climbs = bytes
            .split(|byte| matches!(byte, b'/' | b'\\'))
            .filter_map(|segment| segment.split(|byte| *byte == b';').next())
            .any(|name| name == b"..");
        let escapes = bytes.windows(2).any(|pair| matches!(pair, [b'%', b'u' | b'U']));
        if climbs || escapes || bytes.iter().any(u8::is_ascii_control) || std::str::from_utf8(&bytes).is_err() {
            return true;
        }
        let decoded = unescape(&bytes);
        if decoded == bytes {
            return false;
        }
        bytes = decoded;
    }
    true
}

/// Undoes one layer of percent-encoding.
fn unescape(bytes: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        match escape(rest) {
            Some(byte) => {
                decoded.push(byte);
                rest = &rest[3..];
            }
            None => {
                decoded.push(*first);
                rest = tail;
            }
        }
    }
    decoded
}

/// The byte that an escape such as `%2e` at the head of `bytes` stands for.
fn escape(bytes: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = bytes else {
        return None;
    };
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}
