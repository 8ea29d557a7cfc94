//! `grants.http`: a grant as a text, or a table that binds headers to it.

use toml::de::DeValue;

use super::Build;
use super::bound::{HeaderText, bound_headers};
use crate::config::diagnostic::Diagnostic;
use crate::config::read::{Field, Keys, Node, Reader, Value};
use crate::config::shape::Shape;
use crate::config::table::table;
use crate::config::values::{Listed, Named, text_is_a_value};
use crate::model::grants::HttpGrant;

table! {
    /// Requests to which the host adds headers. What is in them never is in the guest's memory, unless the server sends
    /// it back.
    pub(in crate::config) struct HttpGrantKeys {
        /// The requests, as a text would grant them: to one host, encrypted or on this machine.
        "allow" => allow: HttpGrant = required, example "https://api.example.com";
        /// The headers, by their names. `${secret:NAME}` stands for a secret of `[secrets]`. A header of this name that the
        /// guest sends is replaced.
        "header" => header: Named<HeaderText, String> = required, example { Authorization = "Bearer ${secret:API_TOKEN}" };
    }
}

/// A grant as written: a text has no headers.
#[derive(Debug, Clone, Default)]
pub(in crate::config) struct HttpGrantTable(HttpGrantKeys);

impl Value for HttpGrantTable {
    fn shape() -> Shape {
        Shape::Either(vec![HttpGrant::shape(), HttpGrantKeys::shape()])
    }

    fn read(node: Node<'_>, reader: &mut Reader) -> Option<Self> {
        match node.get_ref() {
            DeValue::String(_) => {
                let allow = HttpGrant::read(node, reader)?;
                let allow = Field::of(node.span(), allow);
                Some(Self(HttpGrantKeys { allow, ..HttpGrantKeys::default() }))
            }
            DeValue::Table(_) => HttpGrantKeys::read_table(node, reader).map(Self),
            _ => reader.mismatch::<Self, _>(node),
        }
    }
}

impl Listed for HttpGrantTable {
    const PLURAL: &'static str = "grants such as \"GET https://api.example.com\"";
}

text_is_a_value! {
    HttpGrant: "a grant such as \"GET https://api.example.com/v1/\"";
}

impl HttpGrantTable {
    pub(super) fn build(&self, build: &mut Build<'_>) -> Option<HttpGrant> {
        let allow = self.0.allow.written()?;
        let grant = allow.get_ref().clone();
        let Field::Written(named) = &self.0.header else { return Some(grant) };
        if !grant.names_one_host() {
            build.problems.note(
                Diagnostic::error("a header is bound to one host")
                    .at(allow.span(), "expected the name of a host without `*`")
                    .help("grant the other hosts by a text of their own, without the header"),
            );
        } else if !grant.is_private() {
            build.problems.note(
                Diagnostic::error("the header would be sent where everybody on the way can read it")
                    .at(allow.span(), "expected https://, or an address of this machine"),
            );
        }
        Some(grant.with_headers(bound_headers(named.get_ref(), "this grant", build)))
    }
}
