//! Key-value stores: what they are called, what they may hold, and what becomes of a write.
//!
//! The rules are here once, for the ledger that keeps stores, for the memory that stands in for it, and for writes that
//! wait for their attempt's success.

use std::fmt;

use crate::model::id::{StoreName, TaskName};
use crate::model::quantity::bytes;

/// Which store.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Store {
    /// A task's own.
    Own(TaskName),
    /// One that tasks share, by name.
    Shared(StoreName),
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Store::Own(task) => write!(f, "the own store of {task}"),
            Store::Shared(name) => write!(f, "the shared store {name}"),
        }
    }
}

/// What a store may hold after a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Bytes of all keys and values.
    pub bytes: u64,
    /// Keys.
    pub keys: u64,
}

impl Quota {
    /// No quota at all.
    pub const UNLIMITED: Self = Self { bytes: u64::MAX, keys: u64::MAX };
}

impl Default for Quota {
    fn default() -> Self {
        Self { bytes: 1 << 20, keys: 1000 }
    }
}

/// What a store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    /// Bytes of all keys and values.
    pub bytes: u64,
    /// Keys.
    pub keys: u64,
}

/// A key's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// The value.
    pub bytes: Vec<u8>,
    /// Which of the store's changes it came from. Never the same for two.
    pub revision: u64,
}

/// What a look at one key finds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// The key's value; none if there is no such key.
    pub value: Option<Value>,
    /// What the whole store holds.
    pub held: Held,
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The key.
    pub key: String,
    /// What has to be there, or nothing is written.
    pub expected: Expected,
    /// What to do.
    pub change: Change,
}

/// What a write does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Gives the key a value.
    Set(Vec<u8>),
    /// Takes the key out.
    Delete,
    /// Adds to the number that the value's decimal digits are; no value is 0.
    Add(i64),
}

/// What a write expects to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// It does not matter.
    Anything,
    /// No such key.
    Absent,
    /// The value of this revision.
    Revision(u64),
}

/// Writes of one attempt to one store, which are made all or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The store.
    pub store: Store,
    /// What it may hold after each of them.
    pub quota: Quota,
    /// The writes, in order.
    pub writes: Vec<Write>,
}

/// Why nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// What was expected is not what is there.
    #[error("somebody else changed it meanwhile")]
    Changed,
    /// The store would hold too many bytes.
    #[error("the store would hold {} where kv.quota allows {}", bytes(*.wanted), bytes(*.allowed))]
    Bytes {
        /// As many as are allowed.
        allowed: u64,
        /// As many as it would hold.
        wanted: u64,
    },
    /// The store would hold too many keys.
    #[error("the store would hold more than the {allowed} keys that kv.keys allows")]
    Keys {
        /// As many as are allowed.
        allowed: u64,
    },
    /// The value to be added to is no number.
    #[error("the value is not a number in decimal digits")]
    NotANumber,
    /// The sum is no 64-bit number.
    #[error("the sum does not fit into 64 bits")]
    Overflow,
}

/// What a key has when it is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Current {
    /// The revision of its value.
    pub revision: u64,
    /// The size of its value.
    pub size: u64,
}

/// Decides over a write that leaves a value of this size, or none: what the store holds then, or why it is refused.
///
/// # Errors
/// Says why nothing may be written.
pub fn admit(
    write: &Write,
    size: Option<u64>,
    current: Option<Current>,
    held: Held,
    quota: Quota,
) -> Result<Held, Refused> {
    let as_expected = match write.expected {
        Expected::Anything => true,
        Expected::Absent => current.is_none(),
        Expected::Revision(revision) => current.is_some_and(|current| current.revision == revision),
    };
    if !as_expected {
        return Err(Refused::Changed);
    }
    let entry = |size: u64| size.saturating_add(write.key.len() as u64);
    let before = current.map_or(0, |current| entry(current.size));
    let after = Held {
        bytes: held.bytes.saturating_sub(before).saturating_add(size.map_or(0, entry)),
        keys: held.keys.saturating_sub(current.is_some().into()).saturating_add(size.is_some().into()),
    };
    within(held, after, quota).map(|()| after)
}

/// Whether a store may come to hold this. One above its quota may shrink: otherwise nobody could bring it below.
///
/// # Errors
/// Says what is too much.
pub fn within(before: Held, after: Held, quota: Quota) -> Result<(), Refused> {
    if after.keys > quota.keys && after.keys > before.keys {
        return Err(Refused::Keys { allowed: quota.keys });
    }
    if after.bytes > quota.bytes && after.bytes > before.bytes {
        return Err(Refused::Bytes { allowed: quota.bytes, wanted: after.bytes });
    }
    Ok(())
}

/// The sum of the number that a value is, and another.
///
/// # Errors
/// If the value is not a number, or the sum is too large.
pub fn sum(value: Option<&[u8]>, delta: i64) -> Result<i64, Refused> {
    let number = match value {
        None => 0,
        Some(digits) => {
            std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<i64>().ok()).ok_or(Refused::NotANumber)?
        }
    };
    number.checked_add(delta).ok_or(Refused::Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Quota = Quota { bytes: 20, keys: 2 };

    #[test]
    fn a_write_is_held_to_what_it_expects_and_to_the_quota() {
        let check = |expected,
                     size,
                     current: Option<(u64, u64)>,
                     held: (u64, u64),
                     result: Result<(u64, u64), Refused>| {
            let write = Write { key: "abcd".to_owned(), expected, change: Change::Delete };
            let current = current.map(|(revision, size)| Current { revision, size });
            let held = Held { bytes: held.0, keys: held.1 };
            let result = result.map(|(bytes, keys)| Held { bytes, keys });
            assert_eq!(admit(&write, size, current, held, QUOTA), result, "{write:?} {size:?} {current:?} {held:?}");
        };
        use Expected::{Absent, Anything, Revision};
        // A new key, one that grows, one that goes.
        check(Anything, Some(6), None, (0, 0), Ok((10, 1)));
        check(Anything, Some(16), None, (0, 0), Ok((20, 1)));
        check(Anything, Some(17), None, (0, 0), Err(Refused::Bytes { allowed: 20, wanted: 21 }));
        check(Anything, Some(9), Some((5, 6)), (10, 1), Ok((13, 1)));
        check(Anything, None, Some((5, 6)), (10, 1), Ok((0, 0)));
        check(Anything, None, None, (10, 1), Ok((10, 1)));
        check(Anything, Some(0), None, (10, 2), Err(Refused::Keys { allowed: 2 }));
        // What is above the quota may shrink or stay, and not grow.
        check(Anything, Some(20), Some((5, 40)), (50, 3), Ok((30, 3)));
        check(Anything, Some(40), Some((5, 40)), (50, 3), Ok((50, 3)));
        check(Anything, Some(41), Some((5, 40)), (50, 3), Err(Refused::Bytes { allowed: 20, wanted: 51 }));
        // Expectations.
        check(Absent, Some(1), None, (0, 0), Ok((5, 1)));
        check(Absent, Some(1), Some((5, 1)), (5, 1), Err(Refused::Changed));
        check(Revision(5), Some(2), Some((5, 1)), (5, 1), Ok((6, 1)));
        check(Revision(4), Some(2), Some((5, 1)), (5, 1), Err(Refused::Changed));
        check(Revision(4), Some(2), None, (0, 0), Err(Refused::Changed));
    }

    #[test]
    fn numbers_are_decimal_digits() {
        let check = |value: Option<&str>, delta, result| assert_eq!(sum(value.map(str::as_bytes), delta), result);
        check(None, 7, Ok(7));
        check(Some("41"), 1, Ok(42));
        check(Some("-3"), 1, Ok(-2));
        check(Some("9223372036854775807"), 1, Err(Refused::Overflow));
        check(Some("1.5"), 1, Err(Refused::NotANumber));
        check(Some(""), 1, Err(Refused::NotANumber));
        assert_eq!(sum(Some(&[0xff]), 1), Err(Refused::NotANumber));
    }
}
