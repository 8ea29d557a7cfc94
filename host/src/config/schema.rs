//! The JSON Schema of the file, for editors that complete and check TOML by it.
//!
//! Draft 7, because that is what the TOML plugins of editors understand best.

use serde_json::{Map, Value as Json, json};

use super::elements::file::FileTable;
use super::read::Keys;
use super::shape::{Key, Presence, Shape, TableShape, prose};

/// The JSON Schema of `sandclock.toml`.
pub fn json_schema() -> Json {
    let mut schema = of_table(&FileTable::table());
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["title"] = json!("sandclock.toml");
    schema
}

fn of_table(table: &TableShape) -> Json {
    let keys: Map<_, _> = table.keys.iter().map(|key| (key.name.to_owned(), of_key(key))).collect();
    let required: Vec<_> =
        table.keys.iter().filter(|key| key.presence == Presence::Required).map(|key| key.name).collect();
    let mut schema = json!({
        "type": "object",
        "description": prose(table.doc),
        "properties": keys,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn of_key(key: &Key) -> Json {
    let mut schema = of_shape(&key.shape);
    schema["description"] = match key.presence {
        Presence::Absent(meaning) => format!("{}\n\nDefault: {meaning}.", prose(key.doc)),
        _ => prose(key.doc),
    }
    .into();
    if let Presence::Default(value) = key.presence {
        schema["default"] = toml_value(value);
    }
    if let Some(example) = key.example {
        schema["examples"] = json!([toml_value(example)]);
    }
    schema
}

fn of_shape(shape: &Shape) -> Json {
    match shape {
        Shape::Bool => json!({ "type": "boolean" }),
        // TOML's integers end at 2^63 - 1; a larger bound would say nothing.
        Shape::Whole { min, max } if *max > i64::MAX as u64 => json!({ "type": "integer", "minimum": min }),
        Shape::Whole { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Shape::Text { what } => json!({ "type": "string", "title": what }),
        Shape::Choice(choices) => {
            let words = choices.iter().map(|(word, meaning)| json!({ "const": word, "description": meaning }));
            json!({ "type": "string", "oneOf": words.collect::<Vec<_>>() })
        }
        Shape::List { item, .. } => json!({ "type": "array", "items": of_shape(item) }),
        Shape::Named { key, value } => json!({
            "type": "object",
            "propertyNames": { "title": key },
            "additionalProperties": of_shape(value),
        }),
        Shape::Table(table) => of_table(table),
        Shape::Either(shapes) => json!({ "anyOf": shapes.iter().map(of_shape).collect::<Vec<_>>() }),
        Shape::Any { what } => json!({ "title": what }),
    }
}

/// A value out of a declaration. The tests read every one of them.
fn toml_value(text: &str) -> Json {
    let document: Option<toml::Table> = format!("value = {text}").parse().ok();
    document.and_then(|document| serde_json::to_value(document.get("value")).ok()).unwrap_or(Json::Null)
}
