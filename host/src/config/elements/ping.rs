//! `ping`: the dead man's switch of a task.

use toml::Spanned;
use toml::de::DeValue;

use super::words::HttpUrl;
use crate::config::read::{Field, Keys, Node, Reader, Value};
use crate::config::shape::Shape;
use crate::config::table::table;
use crate::model::ping::Ping;

table! {
    /// Addresses that hear of a task's runs.
    pub(in crate::config) struct PingKeys {
        /// Called when a run begins.
        "start" => start: HttpUrl = absent("nothing is called then"), example "https://hc-ping.com/UUID/start";
        /// Called when a run succeeded.
        "success" => success: HttpUrl = absent("nothing is called then"), example "https://hc-ping.com/UUID";
        /// Called when a run failed after all of its attempts, with the end of its log.
        "failure" => failure: HttpUrl = absent("nothing is called then"), example "https://hc-ping.com/UUID/fail";
    }
}

/// A dead man's switch as written: a text is one address, of which the others are made.
#[derive(Debug, Clone)]
pub(in crate::config) struct PingTable(pub(in crate::config) Ping);

impl Value for PingTable {
    fn shape() -> Shape {
        Shape::Either(vec![HttpUrl::shape(), PingKeys::shape()])
    }

    fn read(node: Node<'_>, reader: &mut Reader) -> Option<Self> {
        match node.get_ref() {
            DeValue::String(_) => HttpUrl::read(node, reader).map(|url| Self(Ping::healthchecks(&url.0))),
            DeValue::Table(_) => {
                let keys = PingKeys::read_table(node, reader)?;
                let url = |field: &Field<HttpUrl>| field.written().map(Spanned::get_ref).map(|url| url.0.clone());
                Some(Self(Ping { start: url(&keys.start), success: url(&keys.success), failure: url(&keys.failure) }))
            }
            _ => reader.mismatch::<Self, _>(node),
        }
    }
}
