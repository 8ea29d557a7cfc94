//! A grant of key-value stores.

use std::fmt;

use crate::model::id::StoreName;
use crate::model::keyvalue::Quota;
use crate::model::quantity::bytes;

/// A task may use its own key-value store, and those it shares with other tasks. Its `Display` is TOML.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyValueGrant {
    /// What each of the stores may hold after a write of this task.
    pub quota: Quota,
    /// The stores that it shares.
    pub shared: Vec<StoreName>,
    /// When its writes are made.
    pub writes: Writes,
}

/// When an attempt's writes are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Writes {
    /// As it makes them; they stay, however the attempt ends.
    #[default]
    AtOnce,
    /// All together, with its success.
    WithSuccess,
}

impl fmt::Display for KeyValueGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = Quota::default();
        let mut keys = Vec::new();
        if self.quota.bytes != default.bytes {
            keys.push(format!("quota = \"{:#}\"", bytes(self.quota.bytes)));
        }
        if self.quota.keys != default.keys {
            keys.push(format!("keys = {}", self.quota.keys));
        }
        if !self.shared.is_empty() {
            let names: Vec<String> = self.shared.iter().map(|name| format!("\"{name}\"")).collect();
            keys.push(format!("shared = [{}]", names.join(", ")));
        }
        if self.writes == Writes::WithSuccess {
            keys.push("transactional = true".to_owned());
        }
        match keys.is_empty() {
            true => f.write_str("{}"),
            false => write!(f, "{{ {} }}", keys.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_shown_as_it_would_be_written() {
        let shared = vec!["orders".parse().unwrap(), "a.b".parse().unwrap()];
        for (grant, expected) in [
            (KeyValueGrant::default(), "{}"),
            (
                KeyValueGrant { quota: Quota { bytes: 4 << 20, keys: 7 }, shared, writes: Writes::WithSuccess },
                "{ quota = \"4MiB\", keys = 7, shared = [\"orders\", \"a.b\"], transactional = true }",
            ),
        ] {
            assert_eq!(grant.to_string(), expected);
        }
    }
}
