//! An idempotency key: what whoever asks for a run calls that one request, so that asking twice is asking once.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::model::id::Digest;

/// The longest key, in bytes.
pub const MAX_KEY: usize = 255;

/// A name for one request, of visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key(Arc<str>);

/// A text is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an idempotency key has 1 to {MAX_KEY} visible ASCII characters")]
pub struct KeyError;

/// A request that has a key: the key, and a digest of what is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyed {
    /// The key.
    pub key: Key,
    /// What tells the same request from another one with the same key.
    pub request: Digest,
}

impl Key {
    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let fits = (1..=MAX_KEY).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.into())).ok_or(KeyError)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_short_and_visible() {
        let longest = "k".repeat(MAX_KEY);
        for (text, fits) in
            [("8e03978e-40d5-43dd-bc93-6894a57f9324", true), (&longest, true), ("", false), ("a b", false)]
        {
            assert_eq!(text.parse::<Key>().is_ok(), fits, "{text:?}");
        }
        assert!("é".parse::<Key>().is_err() && format!("{longest}k").parse::<Key>().is_err());
    }
}
