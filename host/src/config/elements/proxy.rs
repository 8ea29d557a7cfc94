//! `[host.proxy]`: the proxy that the host's own requests go over.

use std::str::FromStr;

use toml::Spanned;
use url::{Host, Url};

use super::Build;
use super::secrets::{SecretSource, SecretTable};
use super::words::HttpUrl;
use crate::config::diagnostic::Diagnostic;
use crate::config::read::Field;
use crate::config::table::table;
use crate::config::values::{Listed, text_is_a_value};
use crate::model::proxy::Proxy;

table! {
    /// A proxy for what the host itself sends by HTTP: webhooks of alerts, pings and traces. Mail goes straight to its
    /// server, guests' requests to what they are granted. Variables such as `HTTPS_PROXY` are not looked at.
    pub(in crate::config) struct ProxyTable {
        /// Where it is. What is encrypted goes through a tunnel (`CONNECT`), anything else is handed to it.
        "url" => url: ProxyUrl = absent("no proxy"), example "http://proxy.example.com:3128";
        /// As whom to ask it.
        "user" => user: String = absent("without a name"), example "sandclock";
        /// The password for that.
        "password" => password: SecretTable = absent("without a name"), example { env = "PROXY_PASSWORD" };
        /// What is reached without it, beside this machine: names, each with those below it, and addresses.
        "except" => except: Vec<Spanned<Exception>> = default([]), example ["corp.example", "10.1.2.3"];
    }
}

text_is_a_value! {
    ProxyUrl: "the URL of a proxy such as \"http://proxy.example.com:3128\"";
    Exception: "a name or an address";
}

/// The URL of a proxy.
#[derive(Debug, Clone)]
pub(in crate::config) struct ProxyUrl(Url);

impl FromStr for ProxyUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let HttpUrl(url) = text.parse()?;
        if url.scheme() != "http" || url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err("expected http://, a host and a port alone".to_owned());
        }
        Ok(Self(url))
    }
}

/// A name, which stands for those below it as well, or an address.
#[derive(Debug, Clone)]
pub(in crate::config) struct Exception(String);

impl FromStr for Exception {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim_start_matches('.');
        let parsed = Host::parse(text).or_else(|_| Host::parse(&format!("[{text}]")));
        match parsed {
            Ok(Host::Ipv6(address)) => Ok(Self(address.to_string())),
            Ok(host) if !text.contains('*') => Ok(Self(host.to_string())),
            _ => Err("expected a name such as corp.example, which stands for those below it too, or an address"),
        }
    }
}

impl Listed for Exception {
    const PLURAL: &'static str = "names and addresses";
}

/// A proxy, and where its password comes from.
#[derive(Debug, Clone)]
pub struct WrittenProxy {
    /// The proxy.
    pub proxy: Proxy,
    pub(in crate::config) password: Option<SecretSource>,
}

impl ProxyTable {
    pub(super) fn build(&self, build: &mut Build<'_>) -> Option<WrittenProxy> {
        let url = self.url.value()?.0;
        let (login, password) = match (&self.user, &self.password) {
            (Field::Absent, Field::Absent) => (None, None),
            (Field::Written(user), Field::Written(password)) => {
                let (source, secret) = password.get_ref().build(password.span(), build)?;
                (Some((user.get_ref().clone(), secret)), Some(source))
            }
            (Field::Unreadable, _) | (_, Field::Unreadable) => return None,
            (Field::Written(_), Field::Absent) | (Field::Absent, Field::Written(_)) => {
                let span = self.url.written().map(Spanned::span).unwrap_or_default();
                let problem = Diagnostic::error("a proxy's `user` and `password` go together")
                    .at(span, "expected both of them beside it, or neither");
                build.problems.note(problem);
                return None;
            }
        };
        let except = self.except.value().unwrap_or_default().into_iter().map(|name| name.into_inner().0).collect();
        Some(WrittenProxy { proxy: Proxy { url, login, except }, password })
    }
}
