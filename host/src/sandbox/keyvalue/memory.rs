//! Stores in memory, which last as long as the process.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::ready;

use crate::model::keyvalue::{Change, Current, Found, Held, Quota, Refused, Store, Value, Write, admit, sum};
use crate::sandbox::keyvalue::{Answer, KeyValue};

/// Stores in memory.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    stores: BTreeMap<Store, Kept>,
    revision: u64,
}

#[derive(Debug, Default)]
struct Kept {
    held: Held,
    values: BTreeMap<String, Value>,
}

impl Memory {
    /// Puts keys and values into a store, whatever a quota may say.
    pub fn fill(&self, store: &Store, entries: impl IntoIterator<Item = (String, Vec<u8>)>) {
        let mut shelf = self.shelf();
        for (key, bytes) in entries {
            shelf.revision += 1;
            let revision = shelf.revision;
            let kept = shelf.stores.entry(store.clone()).or_default();
            kept.held.keys += 1;
            kept.held.bytes += (key.len() + bytes.len()) as u64;
            kept.values.insert(key, Value { bytes, revision });
        }
    }

    /// A panic while the lock was held leaves no write half made.
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyValue for Memory {
    fn find(&self, store: &Store, key: &str) -> Answer<Found> {
        let shelf = self.shelf();
        let found = shelf.stores.get(store).map(|kept| Found { value: kept.values.get(key).cloned(), held: kept.held });
        ready(Ok(found.unwrap_or_default())).boxed()
    }

    fn keys(&self, store: &Store, after: Option<&str>, limit: usize) -> Answer<Vec<String>> {
        let shelf = self.shelf();
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let keys =
            shelf.stores.get(store).into_iter().flat_map(|kept| kept.values.range::<str, _>((after, Bound::Unbounded)));
        ready(Ok(keys.take(limit).map(|(key, _)| key.clone()).collect())).boxed()
    }

    fn write(&self, store: &Store, quota: Quota, write: Write) -> Answer<Result<Option<i64>, Refused>> {
        ready(Ok(self.shelf().write(store, quota, write))).boxed()
    }
}

impl Shelf {
    fn write(&mut self, store: &Store, quota: Quota, write: Write) -> Result<Option<i64>, Refused> {
        let kept = self.stores.entry(store.clone()).or_default();
        let present = kept.values.get(&write.key);
        let (value, number) = match &write.change {
            Change::Set(bytes) => (Some(bytes.clone()), None),
            Change::Delete => (None, None),
            Change::Add(delta) => {
                let sum = sum(present.map(|value| &*value.bytes), *delta)?;
                (Some(sum.to_string().into_bytes()), Some(sum))
            }
        };
        let current = present.map(|value| Current { revision: value.revision, size: value.bytes.len() as u64 });
        let size = value.as_ref().map(|bytes| bytes.len() as u64);
        kept.held = admit(&write, size, current, kept.held, quota)?;
        match value {
            Some(bytes) => {
                self.revision += 1;
                kept.values.insert(write.key, Value { bytes, revision: self.revision });
            }
            None => drop(kept.values.remove(&write.key)),
        }
        Ok(number)
    }
}
