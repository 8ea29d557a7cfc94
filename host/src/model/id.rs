//! Names and ids: what tasks, plugins and runs are called.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The longest name, in bytes.
pub const MAX_NAME: usize = 64;

/// A name is not usable. The text says what a usable one looks like.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The name is empty.
    #[error("a name cannot be empty")]
    Empty,
    /// The name is longer than [`MAX_NAME`] bytes.
    #[error("a name has at most {MAX_NAME} characters, this one has {0}")]
    TooLong(usize),
    /// The name holds a character outside the allowed set.
    #[error(
        "a name consists of a-z, 0-9, '-', '_' and '.', and starts with a letter or digit; {0:?} is not one of them here"
    )]
    Character(char),
}

/// Checks the rule that task, plugin and alert names share: they appear in file names, URLs, metric labels and
/// terminals, and have to be harmless in all of them.
fn check_name(name: &str) -> Result<(), NameError> {
    let Some(first) = name.chars().next() else {
        return Err(NameError::Empty);
    };
    if name.len() > MAX_NAME {
        return Err(NameError::TooLong(name.len()));
    }
    if !first.is_ascii_alphanumeric() {
        return Err(NameError::Character(first));
    }
    match name.chars().find(|c| !(c.is_ascii_alphanumeric() || "-_.".contains(*c))) {
        Some(c) => Err(NameError::Character(c)),
        None => Ok(()),
    }
}

/// Defines a checked name that is cheap to clone.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(name: &str) -> Result<Self, NameError> {
                check_name(name)?;
                Ok(Self(name.into()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

name! {
    /// The name of a task: the key of its table in the configuration.
    TaskName
}

impl TaskName {
    /// The heading of one of the task's tables in the configuration, such as `[tasks.report.limits]`. A name with a dot in
    /// it has to be quoted in TOML.
    pub fn toml_table(&self, table: &str) -> String {
        match self.as_str() {
            task if task.contains('.') => format!("[tasks.\"{task}\".{table}]"),
            task => format!("[tasks.{task}.{table}]"),
        }
    }
}

name! {
    /// The name of a plugin: the stem of its file.
    PluginName
}

name! {
    /// The name of an alert channel: the key of its table in the configuration.
    AlertName
}

name! {
    /// The name of a key-value store that tasks share.
    StoreName
}

name! {
    /// The name of a token of the API.
    TokenName
}

/// The SHA-256 of a plugin's file: which bytes a run executed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Wraps a finished SHA-256.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a digest has 64 hexadecimal digits")]
pub struct DigestError;

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(DigestError);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| DigestError)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| DigestError)?;
        }
        Ok(Self(bytes))
    }
}

/// The id of a run: 63 bits that grow with time, shown as 13 characters that sort the same way.
///
/// From the top: 42 bits of Unix milliseconds (good until 2109), 8 bits of host number, 13 bits of sequence. A key
/// that grows keeps the ledger's index append-only, and fits SQLite's and PostgreSQL's 64-bit integers. The layout is
/// Twitter's Snowflake with other widths; the letters are Crockford's base 32 (no I, L, O or U).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(i64);

const SEQUENCE_BITS: u32 = 13;
const HOST_BITS: u32 = 8;
const DIGITS: usize = 13;
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl RunId {
    /// Rebuilds an id from the ledger's integer; none for a number that cannot be one.
    pub fn from_i64(value: i64) -> Option<Self> {
        (value >= 0).then_some(Self(value))
    }

    /// The integer that the ledger stores.
    pub fn as_i64(self) -> i64 {
        self.0
    }

    /// The time in it, in Unix milliseconds: when it was given, or later if the ids were ahead of the clock.
    pub fn millis(self) -> i64 {
        self.0 >> (HOST_BITS + SEQUENCE_BITS)
    }

    /// The smallest id that this host can give at `now_ms`, and larger than `last`.
    ///
    /// A clock that steps back, or more than 8,192 runs in a millisecond, only lets the ids run ahead of the time.
    pub fn next(now_ms: i64, host: u8, last: Option<RunId>) -> Self {
        let first =
            (now_ms.clamp(0, (1 << 42) - 1) << (HOST_BITS + SEQUENCE_BITS)) | (i64::from(host) << SEQUENCE_BITS);
        match last {
            Some(RunId(last)) if last >= first => {
                let sequence_full = (last + 1) & ((1 << SEQUENCE_BITS) - 1) == 0;
                // A full sequence moves on to the next millisecond, so that the host bits stay ours.
                Self(if sequence_full { last + 1 + (((1 << HOST_BITS) - 1) << SEQUENCE_BITS) } else { last + 1 })
            }
            _ => Self(first),
        }
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0u8; DIGITS];
        let mut rest = self.0;
        for digit in text.iter_mut().rev() {
            *digit = ALPHABET[(rest & 31) as usize];
            rest >>= 5;
        }
        f.pad(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text is not a run id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a run id has {DIGITS} characters, such as 01KB2M8Q4Z7XN, and {0:?} is not one")]
pub struct RunIdError(String);

impl FromStr for RunId {
    type Err = RunIdError;

    fn from_str(text: &str) -> Result<Self, RunIdError> {
        let error = || RunIdError(text.to_owned());
        if text.len() != DIGITS {
            return Err(error());
        }
        let mut value: u64 = 0;
        for byte in text.bytes() {
            let byte = byte.to_ascii_uppercase();
            let digit = ALPHABET.iter().position(|letter| *letter == byte).ok_or_else(error)?;
            value = value.checked_mul(32).ok_or_else(error)? | digit as u64;
        }
        i64::try_from(value).ok().and_then(RunId::from_i64).ok_or_else(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_harmless_everywhere_are_accepted() {
        for name in ["hello", "a", "report-2.daily", "Nightly_ETL", &"x".repeat(MAX_NAME)] {
            assert!(name.parse::<TaskName>().is_ok(), "{name}");
        }
        for (name, error) in [
            ("", NameError::Empty),
            ("../etc", NameError::Character('.')),
            ("a b", NameError::Character(' ')),
            ("caf\u{e9}", NameError::Character('\u{e9}')),
            (&"x".repeat(65), NameError::TooLong(65)),
        ] {
            assert_eq!(name.parse::<TaskName>(), Err(error), "{name}");
        }
    }

    #[test]
    fn run_ids_grow_even_when_the_clock_does_not() {
        let mut last = None;
        for now in [1_764_000_000_000, 1_764_000_000_000, 1_763_999_999_000, 1_764_000_000_001] {
            for _ in 0..10_000 {
                let id = RunId::next(now, 7, last);
                assert!(Some(id) > last);
                assert_eq!(id.as_i64() >> SEQUENCE_BITS & 0xff, 7, "the host bits stay ours");
                last = Some(id);
            }
        }
    }

    #[test]
    fn run_ids_survive_their_text_form() {
        for value in [0, 1, 31, 32, i64::MAX] {
            let id = RunId::from_i64(value).unwrap();
            assert_eq!(id.to_string().len(), DIGITS);
            assert_eq!(id.to_string().parse::<RunId>().unwrap(), id);
            assert_eq!(id.to_string().to_lowercase().parse::<RunId>().unwrap(), id);
        }
        for text in ["", "01KB2M8Q4Z7X", "01KB2M8Q4Z7XU", "ZZZZZZZZZZZZZ"] {
            assert!(text.parse::<RunId>().is_err(), "{text}");
        }
    }

    #[test]
    fn digests_survive_their_text_form() {
        let digest = Digest::from_bytes(std::array::from_fn(|i| i as u8 * 7));
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!("xyz".parse::<Digest>(), Err(DigestError));
    }
}
