//! Texts with a form of their own: paths, time zones, addresses, names of environment variables.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use url::Url;

use crate::config::diagnostic::{Diagnostic, nearest};
use crate::config::read::{Node, Reader, Value};
use crate::config::shape::Shape;
use crate::config::values::{Name, text_is_a_value};

text_is_a_value! {
    PathText: "a path, absolute or from this file's folder";
    ListenAddress: "an IP address and a port such as \"127.0.0.1:7390\"";
    EnvName: "the name of an environment variable";
    HttpUrl: "a URL that begins with http:// or https://";
}

/// An address that requests are sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct HttpUrl(pub(in crate::config) Url);

impl FromStr for HttpUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|error| format!("not a URL: {error}"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("expected a URL without a user and a password".to_owned());
        }
        match url.scheme() {
            "http" | "https" => Ok(Self(url)),
            _ => Err("expected a URL that begins with http:// or https://".to_owned()),
        }
    }
}

/// A path as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct PathText(pub(in crate::config) PathBuf);

impl FromStr for PathText {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err("expected a path; for the folder of this file, write \".\"");
        }
        if text.contains('\0') {
            return Err("a path cannot contain the character U+0000");
        }
        if text.starts_with('~') || text.contains("${") {
            return Err("neither `~` nor `${…}` is expanded: write the path out");
        }
        Ok(Self(text.into()))
    }
}

/// Where to listen. An address and not a name: what a name stands for may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct ListenAddress(pub(in crate::config) SocketAddr);

impl FromStr for ListenAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse()
            .map(Self)
            .map_err(|_| "expected an IP address and a port, such as \"127.0.0.1:7390\" or \"[::1]:7390\"")
    }
}

/// The name of an environment variable: letters, digits and `_`, as POSIX has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::config) struct EnvName(pub(in crate::config) String);

impl FromStr for EnvName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let portable = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if text.is_empty() || text.starts_with(|c: char| c.is_ascii_digit()) || !text.chars().all(portable) {
            return Err("expected letters, digits and `_`, and no digit at the start, such as API_TOKEN");
        }
        Ok(Self(text.to_owned()))
    }
}

impl Name for EnvName {
    const WHAT: &'static str = "the name of an environment variable";
}

/// A time zone of the IANA database.
#[derive(Debug, Clone)]
pub(in crate::config) struct Zone(pub(in crate::config) TimeZone);

impl Value for Zone {
    fn shape() -> Shape {
        Shape::Text { what: "a time zone of the IANA database such as \"Europe/Berlin\" or \"UTC\"".into() }
    }

    fn read(node: Node<'_>, reader: &mut Reader) -> Option<Self> {
        let text = reader.text::<Self>(node)?;
        let database = jiff::tz::db();
        if let Ok(zone) = database.get(text) {
            return Some(Self(zone));
        }
        let mut problem = Diagnostic::error(format!("there is no time zone `{text}`"))
            .at(node.span(), format!("expected {}", Self::shape()));
        if let Some(zone) = similar_zone(text, database) {
            problem = problem.help(format!("did you mean `{zone}`?"));
        } else if text.starts_with(['+', '-']) {
            problem = problem.help("an offset does not know when clocks are changed: name the place");
        }
        reader.problems.note(problem);
        None
    }
}

/// A zone whose name, or whose city, is near the one that was written.
fn similar_zone(written: &str, database: &TimeZoneDatabase) -> Option<String> {
    let zones: Vec<String> = database.available().map(|zone| zone.as_str().to_owned()).collect();
    let city = |zone: &str| zone.rsplit('/').next().unwrap_or_default().to_lowercase();
    let wanted = city(written).replace(' ', "_");
    zones
        .iter()
        .find(|zone| zone.contains('/') && city(zone) == wanted)
        .map(String::as_str)
        .or_else(|| nearest(written, zones.iter().map(String::as_str)))
        .map(str::to_owned)
}
