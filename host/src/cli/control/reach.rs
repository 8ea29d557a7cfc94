//! How a host is reached: what the command line and the environment say of it.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use hyper::header::HeaderValue;
use url::{Host as Named, Url};

use super::Host;
use crate::cli::{Exit, state};
use crate::clock::Clock;
use crate::sandbox::TlsRoots;

/// How the host is reached.
#[derive(Debug, Args)]
pub(in crate::cli) struct Reach {
    /// The state folder, if not that of the configuration
    #[arg(long, value_name = "FOLDER", conflicts_with = "url")]
    pub(in crate::cli) state: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) elsewhere: Elsewhere,
}

/// How a host elsewhere is reached.
#[derive(Debug, Args)]
#[command(next_help_heading = "A host elsewhere")]
pub(in crate::cli) struct Elsewhere {
    /// Ask the host at this address: https://host:7390, or SANDCLOCK_URL in the environment
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// A file with the token to show it; otherwise SANDCLOCK_TOKEN in the environment
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A file with certificates (PEM) that may vouch for it, beside the system's
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// A host elsewhere.
pub(in crate::cli) struct Distant {
    url: Url,
    /// The host's name or address.
    host: String,
    port: u16,
    token: Option<HeaderValue>,
    roots: TlsRoots,
}

impl Reach {
    /// The host that is meant. If no configuration says where it is, what is wrong with that is printed.
    pub(in crate::cli) fn host(&self, config: &Path, clock: Clock) -> anyhow::Result<Result<Host, Exit>> {
        // A folder that is named is meant, whatever the environment says.
        if self.state.is_none()
            && let Some(distant) = self.elsewhere.distant()?
        {
            return Ok(Ok(Host::There(distant)));
        }
        Ok(state::folder(self.state.as_deref(), config, clock).map(Host::Here))
    }
}

impl Elsewhere {
    /// The host elsewhere; none if none is named.
    pub(in crate::cli) fn distant(&self) -> anyhow::Result<Option<Distant>> {
        let of_environment = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let Some(url) = self.url.clone().or_else(|| of_environment("SANDCLOCK_URL")) else { return Ok(None) };
        let token = match &self.token_file {
            Some(file) => {
                let text = std::fs::read_to_string(file);
                Some(text.with_context(|| format!("cannot read the token in {}", file.display()))?)
            }
            None => of_environment("SANDCLOCK_TOKEN"),
        };
        let roots = match &self.ca {
            Some(file) => {
                let text = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
                TlsRoots::from_pem(&text).with_context(|| format!("{} cannot be used", file.display()))?
            }
            None => TlsRoots::default(),
        };
        Distant::new(&url, token.as_deref().map(str::trim), roots).map(Some)
    }
}

impl Distant {
    fn new(url: &str, token: Option<&str>, roots: TlsRoots) -> anyhow::Result<Self> {
        let expected = "expected an address such as https://host:7390";
        let parsed = Url::parse(url).with_context(|| format!("{url} is no address of a host; {expected}"))?;
        let (Some(named), Some(port)) = (parsed.host(), parsed.port_or_known_default()) else {
            bail!("{url} is no address of a host; {expected}");
        };
        if !matches!(parsed.scheme(), "http" | "https") || parsed.query().is_some() || parsed.fragment().is_some() {
            bail!("{url} is no address of a host; {expected}");
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            bail!("a host is shown a token, not a user's name; see --token-file");
        }
        let (host, loopback) = match named {
            Named::Domain(name) => (name.to_owned(), name == "localhost"),
            Named::Ipv4(address) => (address.to_string(), address.is_loopback()),
            Named::Ipv6(address) => (address.to_string(), address.is_loopback()),
        };
        if token.is_some() && parsed.scheme() == "http" && !loopback {
            bail!("a token is not sent over plain http, where others can read it; use https");
        }
        let token = token.map(|token| HeaderValue::try_from(format!("Bearer {token}")));
        let mut token = token.transpose().context("the token has characters in it that no token has")?;
        if let Some(token) = &mut token {
            token.set_sensitive(true);
        }
        Ok(Self { url: parsed, host, port, token, roots })
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn tls(&self) -> bool {
        self.url.scheme() == "https"
    }

    pub(super) fn roots(&self) -> &TlsRoots {
        &self.roots
    }

    pub(super) fn authorization(&self) -> Option<HeaderValue> {
        self.token.clone()
    }

    /// Whom requests name as the host.
    pub(super) fn authority(&self) -> anyhow::Result<HeaderValue> {
        Ok(HeaderValue::try_from(self.url[url::Position::BeforeHost..url::Position::AfterPort].to_owned())?)
    }

    /// What stands before each path, if the host is behind something that leads on to it.
    pub(super) fn prefix(&self) -> &str {
        self.url.path().trim_end_matches('/')
    }
}

impl fmt::Display for Distant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

impl fmt::Debug for Distant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Distant").field(&self.url.as_str()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_of_a_host_and_a_token_stays_secret() {
        let check = |url: &str, token: Option<&str>, expected: Result<(&str, u16, &str, &str), &str>| {
            let found = Distant::new(url, token, TlsRoots::default());
            match (&found, expected) {
                (Ok(found), Ok((host, port, authority, prefix))) => {
                    assert_eq!((found.host(), found.port(), found.prefix()), (host, port, prefix), "{url}");
                    assert_eq!(found.authority().unwrap(), authority);
                }
                (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{url}: {error}"),
                _ => panic!("{url}: {found:?}"),
            }
            let told = found.map_or_else(|error| error.to_string(), |found| format!("{found:?}"));
            assert!(!told.contains("secret"), "{told}");
        };
        check("https://clock.example:7390", Some("secret"), Ok(("clock.example", 7390, "clock.example:7390", "")));
        check("https://clock.example/cron/", None, Ok(("clock.example", 443, "clock.example", "/cron")));
        check("http://127.0.0.1:80", Some("secret"), Ok(("127.0.0.1", 80, "127.0.0.1", "")));
        check("http://[::1]:7390", Some("secret"), Ok(("::1", 7390, "[::1]:7390", "")));
        check("http://localhost:7390", Some("secret"), Ok(("localhost", 7390, "localhost:7390", "")));
        check("http://clock.example", None, Ok(("clock.example", 80, "clock.example", "")));
        check("http://clock.example", Some("secret"), Err("not sent over plain http"));
        check("http://10.0.0.1", Some("secret"), Err("not sent over plain http"));
        check("https://a:secret@b.example", None, Err("see --token-file"));
        check("https://b.example", Some("se\ncret"), Err("no token has"));
        for url in ["clock.example", "clock.example:7390", "ftp://a.example", "unix:/run/x", "https://a.example/?b", ""]
        {
            check(url, None, Err("no address of a host"));
        }
    }
}
