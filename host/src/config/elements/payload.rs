//! `payload`: what a task's runs work on.

use serde_json::{Map, Number};
use toml::de::DeValue;

use crate::config::diagnostic::Diagnostic;
use crate::config::read::{Node, Reader, Value};
use crate::config::shape::Shape;
use crate::model::payload::Blob;

/// A payload: a text is handed over as it is, a list or a table as JSON.
#[derive(Debug, Clone)]
pub(in crate::config) struct Payload(pub(in crate::config) Blob);

impl Value for Payload {
    fn shape() -> Shape {
        Shape::Any { what: "a text, a list or a table".into() }
    }

    fn read(node: Node<'_>, reader: &mut Reader) -> Option<Self> {
        let blob = match node.get_ref() {
            DeValue::String(text) => Blob { content_type: Blob::TEXT.to_owned(), bytes: text.as_bytes().to_vec() },
            DeValue::Array(_) | DeValue::Table(_) => {
                let json = to_json(node, reader)?;
                Blob { content_type: Blob::JSON.to_owned(), bytes: json.to_string().into_bytes() }
            }
            _ => return reader.mismatch::<Self, _>(node),
        };
        Some(Self(blob))
    }
}

/// The value as JSON; a date or time becomes a text.
fn to_json(node: Node<'_>, reader: &mut Reader) -> Option<serde_json::Value> {
    let json = match node.get_ref() {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Boolean(value) => (*value).into(),
        DeValue::Datetime(time) => time.to_string().into(),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => number.into(),
            Err(_) => return reader.refuse(node, "expected a number from -2^63 to 2^63 - 1"),
        },
        DeValue::Float(number) => match number.as_str().parse().ok().and_then(Number::from_f64) {
            Some(number) => number.into(),
            None => return not_in_json(node, reader),
        },
        DeValue::Array(items) => items.iter().map(|item| to_json(item, reader)).collect::<Option<Vec<_>>>()?.into(),
        DeValue::Table(entries) => {
            let entry = |(key, value): (&toml::Spanned<_>, _)| -> Option<(String, serde_json::Value)> {
                Some((String::from(toml::de::DeString::clone(key.get_ref())), to_json(value, reader)?))
            };
            entries.iter().map(entry).collect::<Option<Map<_, _>>>()?.into()
        }
    };
    Some(json)
}

fn not_in_json<R>(node: Node<'_>, reader: &mut Reader) -> Option<R> {
    let problem = Diagnostic::error("a payload that is not a text is handed over as JSON")
        .at(node.span(), "JSON has no such number")
        .help("write it as a text");
    reader.problems.note(problem);
    None
}
