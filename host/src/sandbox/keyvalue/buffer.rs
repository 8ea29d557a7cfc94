//! The writes of an attempt that wait for its success. Pure.
//!
//! The attempt sees them at once, everybody else when they are made. What it concluded from a value that it read for a
//! swap or an addition is written down as an expectation, so that the whole is refused if somebody else was faster.

use std::collections::BTreeMap;

use crate::model::keyvalue::{Batch, Change, Current, Expected, Found, Held, Quota, Refused, Store, Write, admit, sum};

/// Writes that wait.
#[derive(Debug, Default)]
pub(super) struct Buffer(BTreeMap<Store, Waiting>);

/// Those to one store.
#[derive(Debug)]
struct Waiting {
    quota: Quota,
    /// What the store would hold.
    held: Held,
    keys: BTreeMap<String, Touched>,
}

/// A key that was written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Touched {
    /// What it shall have.
    pub(super) value: Option<Vec<u8>>,
    /// How often it was written to.
    pub(super) times: u64,
    expected: Expected,
}

impl Buffer {
    /// What a key shall have, if it was written to.
    pub(super) fn get(&self, store: &Store, key: &str) -> Option<&Touched> {
        self.0.get(store)?.keys.get(key)
    }

    /// How many bytes the keys and values that wait take.
    pub(super) fn bytes(&self) -> usize {
        let size = |(key, touched): (&String, &Touched)| key.len() + touched.value.as_ref().map_or(0, Vec::len);
        self.0.values().flat_map(|waiting| &waiting.keys).map(size).sum()
    }

    /// Takes a write. `found` is what is there without this attempt; `times` how often the attempt had written to the key
    /// when it looked at it, if that matters.
    pub(super) fn write(
        &mut self,
        store: &Store,
        quota: Quota,
        found: &Found,
        write: Write,
        times: Option<u64>,
    ) -> Result<Option<i64>, Refused> {
        let waiting =
            self.0.entry(store.clone()).or_insert_with(|| Waiting { quota, held: found.held, keys: BTreeMap::new() });
        let touched = waiting.keys.get(&write.key);
        if times.is_some_and(|times| times != touched.map_or(0, |touched| touched.times)) {
            return Err(Refused::Changed);
        }
        let found = found.value.as_ref();
        let present = match touched {
            Some(touched) => touched.value.as_deref(),
            None => found.map(|value| &*value.bytes),
        };
        let (value, number) = match &write.change {
            Change::Set(bytes) => (Some(bytes.clone()), None),
            Change::Delete if present.is_none() && write.expected == Expected::Anything => return Ok(None),
            Change::Delete => (None, None),
            Change::Add(delta) => {
                let sum = sum(present, *delta)?;
                (Some(sum.to_string().into_bytes()), Some(sum))
            }
        };
        let expected = match (touched, &write.change, found) {
            (Some(touched), ..) => touched.expected,
            (None, Change::Add(_), Some(value)) => Expected::Revision(value.revision),
            (None, Change::Add(_), None) => Expected::Absent,
            (None, ..) => write.expected,
        };
        // Of a key that the attempt has written to, only its own writes matter until they are made.
        let judged = Write { expected: if touched.is_some() { Expected::Anything } else { expected }, ..write };
        let revision = found.map_or(0, |value| value.revision);
        let current = present.map(|bytes| Current { revision, size: bytes.len() as u64 });
        let size = value.as_ref().map(|bytes| bytes.len() as u64);
        let held = admit(&judged, size, current, waiting.held, quota)?;
        // Keys that were taken out are remembered too, so their number has a bound of its own.
        if touched.is_none() && waiting.keys.len() as u64 >= quota.keys.saturating_mul(2) {
            return Err(Refused::Keys { allowed: quota.keys });
        }
        let times = touched.map_or(0, |touched| touched.times) + 1;
        waiting.held = held;
        waiting.keys.insert(judged.key, Touched { value, times, expected });
        Ok(number)
    }

    /// A page of keys as the attempt sees it, out of one that the keeper gave: those that it took out are missing, those
    /// that it added are there. The keeper's page ends the range unless it was the last one.
    pub(super) fn page(&self, store: &Store, after: Option<&str>, mut page: Vec<String>, last: bool) -> Vec<String> {
        let Some(waiting) = self.0.get(store) else { return page };
        let end = if last { None } else { page.last().cloned() };
        let within =
            |key: &String| after.is_none_or(|after| key.as_str() > after) && end.as_ref().is_none_or(|end| key <= end);
        page.retain(|key| !waiting.keys.contains_key(key));
        page.extend(
            waiting
                .keys
                .iter()
                .filter(|(key, touched)| touched.value.is_some() && within(key))
                .map(|(key, _)| key.clone()),
        );
        page.sort_unstable();
        page
    }

    /// The writes, to be made all or none.
    pub(super) fn into_batches(self) -> Vec<Batch> {
        let batch = |(store, waiting): (Store, Waiting)| {
            let write = |(key, touched): (String, Touched)| Write {
                key,
                expected: touched.expected,
                change: touched.value.map_or(Change::Delete, Change::Set),
            };
            Batch { store, quota: waiting.quota, writes: waiting.keys.into_iter().map(write).collect() }
        };
        self.0.into_iter().map(batch).filter(|batch| !batch.writes.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::keyvalue::Value;

    const QUOTA: Quota = Quota { bytes: 10, keys: 2 };

    fn store() -> Store {
        Store::Own("a".parse().unwrap())
    }

    fn found(value: Option<&str>, held: (u64, u64)) -> Found {
        let value = value.map(|text| Value { bytes: text.as_bytes().to_vec(), revision: 7 });
        Found { value, held: Held { bytes: held.0, keys: held.1 } }
    }

    fn write(key: &str, expected: Expected, change: Change) -> Write {
        Write { key: key.to_owned(), expected, change }
    }

    fn set(text: &str) -> Change {
        Change::Set(text.as_bytes().to_vec())
    }

    #[test]
    fn what_was_concluded_from_a_value_becomes_an_expectation() {
        use Expected::{Absent, Anything, Revision};
        let check = |there: Option<&str>, changes: &[(Expected, Change)], expected: Expected, change: Change| {
            let mut buffer = Buffer::default();
            for (expected, change) in changes {
                buffer
                    .write(&store(), QUOTA, &found(there, (2, 1)), write("k", *expected, change.clone()), None)
                    .unwrap();
            }
            let batches = buffer.into_batches();
            assert_eq!(batches[0].writes, [write("k", expected, change)], "{there:?} {changes:?}");
        };
        check(None, &[(Anything, set("x"))], Anything, set("x"));
        check(Some("1"), &[(Anything, Change::Delete)], Anything, Change::Delete);
        check(Some("1"), &[(Revision(7), set("x"))], Revision(7), set("x"));
        check(None, &[(Absent, set("x"))], Absent, set("x"));
        check(Some("1"), &[(Anything, Change::Add(2)), (Anything, Change::Add(3))], Revision(7), set("6"));
        check(None, &[(Anything, Change::Add(2))], Absent, set("2"));
        // What was not looked at when it was first written does not matter later.
        check(Some("1"), &[(Anything, set("5")), (Anything, Change::Add(2))], Anything, set("7"));
    }

    #[test]
    fn writes_are_refused_at_once_where_that_is_known() {
        let mut buffer = Buffer::default();
        let mut put = |key: &str, there, expected, change, times| {
            buffer.write(&store(), QUOTA, &found(there, (2, 1)), write(key, expected, change), times)
        };
        assert_eq!(put("k", Some("1"), Expected::Revision(6), set("x"), Some(0)), Err(Refused::Changed));
        assert_eq!(put("k", Some("1"), Expected::Revision(7), set("x"), Some(0)), Ok(None));
        assert_eq!(put("k", Some("1"), Expected::Revision(7), set("y"), Some(0)), Err(Refused::Changed));
        assert_eq!(put("k", Some("1"), Expected::Anything, Change::Add(1), None), Err(Refused::NotANumber));
        assert_eq!(
            put("k", Some("1"), Expected::Anything, set("1234567890"), None),
            Err(Refused::Bytes { allowed: 10, wanted: 11 })
        );
        assert_eq!(put("l", None, Expected::Anything, set(""), None), Ok(None));
        assert_eq!(put("m", None, Expected::Anything, set(""), None), Err(Refused::Keys { allowed: 2 }));
        assert_eq!(put("n", None, Expected::Anything, Change::Delete, None), Ok(None));
        assert_eq!(buffer.into_batches()[0].writes.len(), 2);
    }

    #[test]
    fn a_page_of_keys_shows_what_the_attempt_has_written() {
        let mut buffer = Buffer::default();
        let quota = Quota { bytes: 100, keys: 100 };
        for (key, there, change) in [("b", Some("1"), Change::Delete), ("c", None, set("x")), ("x", None, set("x"))] {
            buffer.write(&store(), quota, &found(there, (2, 1)), write(key, Expected::Anything, change), None).unwrap();
        }
        let check = |after, page: &[&str], last, expected: &[&str]| {
            let page = page.iter().map(|key| (*key).to_owned()).collect();
            assert_eq!(buffer.page(&store(), after, page, last), expected);
        };
        check(None, &["a", "b", "d"], false, &["a", "c", "d"]);
        check(Some("d"), &["e"], true, &["e", "x"]);
        check(Some("x"), &[], true, &[]);
        check(None, &["b"], false, &[]);
    }
}
