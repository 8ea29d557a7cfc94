//! `ping`: the dead man's switch of a task.

use std::str::FromStr;

use toml::Spanned;
use toml::de::DeValue;
use url::Url;

use crate::config::read::{Field, Keys, Node, Reader, Value};
use crate::config::shape::Shape;
use crate::config::table::table;
use crate::config::values::text_is_a_value;
use crate::model::ping::Ping;

table! {
    /// Addresses that hear of a task's runs.
    pub(in crate::config) struct PingKeys {
        /// Called when a run begins.
        "start" => start: PingUrl = absent("nothing is called then"), example "https://hc-ping.com/UUID/start";
        /// Called when a run succeeded.
        "success" => success: PingUrl = absent("nothing is called then"), example "https://hc-ping.com/UUID";
        /// Called when a run failed after all of its attempts, with the end of its log.
        "failure" => failure: PingUrl = absent("nothing is called then"), example "https://hc-ping.com/UUID/fail";
    }
}

text_is_a_value! {
    PingUrl: "a URL that begins with http:// or https://";
}

/// An address to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct PingUrl(Url);

impl FromStr for PingUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|error| format!("not a URL: {error}"))?;
        match url.scheme() {
            "http" | "https" if url.username().is_empty() && url.password().is_none() => Ok(Self(url)),
            _ => Err("expected a URL that begins with http:// or https://, without a user".to_owned()),
        }
    }
}

/// A dead man's switch as written: a text is one address, of which the others are made.
#[derive(Debug, Clone)]
pub(in crate::config) struct PingTable(pub(in crate::config) Ping);

impl Value for PingTable {
    fn shape() -> Shape {
        Shape::Either(vec![PingUrl::shape(), PingKeys::shape()])
    }

    fn read(node: Node<'_>, reader: &mut Reader) -> Option<Self> {
        match node.get_ref() {
            DeValue::String(_) => PingUrl::read(node, reader).map(|url| Self(Ping::healthchecks(&url.0))),
            DeValue::Table(_) => {
                let keys = PingKeys::read_table(node, reader)?;
                let url = |field: &Field<PingUrl>| field.written().map(Spanned::get_ref).map(|url| url.0.clone());
                Some(Self(Ping { start: url(&keys.start), success: url(&keys.success), failure: url(&keys.failure) }))
            }
            _ => reader.mismatch::<Self, _>(node),
        }
    }
}
