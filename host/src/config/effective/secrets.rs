//! Secrets, by where they come from.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::config::elements::secrets::SecretSource;
use crate::model::grants::BoundHeader;

/// Headers as they are written, without the secrets in them.
pub(super) fn headers(headers: &[BoundHeader]) -> Json {
    headers.iter().map(|header| (header.name().to_string(), Json::from(header.to_string()))).collect()
}

/// Secrets by name, each with its source.
pub(super) fn sources(secrets: &BTreeMap<String, SecretSource>) -> Json {
    secrets.iter().map(|(name, from)| (name.clone(), source(from))).collect()
}

/// The source of a secret, as a table.
pub(super) fn source(source: &SecretSource) -> Json {
    let (key, value) = key(source);
    json!({ key: value })
}

/// The key that says where a secret comes from, and its value.
pub(super) fn key(source: &SecretSource) -> (&'static str, Json) {
    match source {
        SecretSource::Env(name) => ("env", name.as_str().into()),
        SecretSource::File(file) => ("file", json!(file)),
        SecretSource::Credential(name) => ("credential", name.as_str().into()),
    }
}
