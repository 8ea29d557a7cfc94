//! `grants.kv`: the key-value stores that a task may use.

use std::collections::BTreeSet;
use std::str::FromStr;

use toml::Spanned;

use super::Build;
use crate::config::diagnostic::Diagnostic;
use crate::config::table::table;
use crate::config::values::{Bytes, Listed, Whole, text_is_a_value};
use crate::model::grants::{KeyValueGrant, Writes};
use crate::model::id::StoreName;
use crate::model::keyvalue::Quota;

table! {
    /// Key-value stores, which outlast an attempt: the task's own, opened as `default`, and those it shares with other tasks. An
    /// empty table grants the task's own with the defaults. `docs/keyvalue.md` tells more.
    pub(in crate::config) struct KeyValueTable {
        /// What a store may hold after a write of this task, keys and values together.
        "quota" => quota: Bytes<1> = default("1MiB"), example "16MiB";
        /// How many keys a store may hold after a write of this task.
        "keys" => keys: Whole<1, 1_000_000> = default(1000), example 20;
        /// Stores by name, shared by every task that names them here.
        "shared" => shared: Vec<Spanned<SharedName>> = default([]), example ["orders"];
        /// Whether an attempt's writes are kept back and made all together with its success. A failed attempt then leaves
        /// nothing behind; one whose success would overwrite what it has not seen fails and may be retried.
        "transactional" => transactional: bool = default(false), example true;
    }
}

text_is_a_value! {
    SharedName: "a store's name";
}

/// The name of a shared store, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct SharedName(StoreName);

impl FromStr for SharedName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<StoreName>() {
            Ok(_) if text == "default" => Err("`default` is the task's own store".to_owned()),
            Ok(name) => Ok(Self(name)),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Listed for SharedName {
    const PLURAL: &'static str = "stores' names";
}

impl KeyValueTable {
    pub(in crate::config) fn build(&self, build: &mut Build<'_>) -> KeyValueGrant {
        let quota = Quota {
            bytes: self.quota.value().map_or(Quota::default().bytes, |bytes| bytes.0),
            keys: self.keys.value().map_or(Quota::default().keys, |keys| keys.0),
        };
        let written = self.shared.written();
        let names = written.into_iter().flat_map(|names| names.get_ref());
        let mut seen = BTreeSet::new();
        let mut shared = Vec::new();
        for name in names {
            if seen.insert(&name.get_ref().0) {
                shared.push(name.get_ref().0.clone());
            } else {
                let problem = Diagnostic::error(format!("the store `{}` stands here twice", name.get_ref().0))
                    .at(name.span(), "expected each store once");
                build.problems.note(problem);
            }
        }
        let writes = match self.transactional.value() {
            Some(true) => Writes::WithSuccess,
            _ => Writes::AtOnce,
        };
        KeyValueGrant { quota, shared, writes }
    }
}
