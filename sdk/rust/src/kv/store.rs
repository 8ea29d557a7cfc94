//! A store, and what can be done with it.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::host::kv as host;
use crate::kv::{Error, ErrorKind};

/// How often [`Store::update`] tries again because others were faster.
const TRIES: usize = 100;

/// A key-value store that was opened.
#[derive(Debug)]
pub struct Store {
    bucket: host::Bucket,
}

impl Store {
    pub(super) fn open(name: &str) -> Result<Self, Error> {
        let doing =
            if name.is_empty() { "opening the task's store".to_owned() } else { format!("opening the store {name}") };
        Ok(Self { bucket: host::open(name).map_err(|kind| Error::new(doing, kind))? })
    }

    /// A key's value; none if there is no such key.
    ///
    /// # Errors
    ///
    /// If the store cannot be used.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        host::get(&self.bucket, key).map_err(failed("reading", key))
    }

    /// A key's value, read as JSON; none if there is no such key.
    ///
    /// # Errors
    ///
    /// If the store cannot be used, or the value is not such JSON.
    pub fn get_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        self.get(key)?.map(|bytes| read_json(key, &bytes)).transpose()
    }

    /// Gives a key a value, whether or not it had one.
    ///
    /// # Errors
    ///
    /// If a quota is reached, or the store cannot be used.
    pub fn set(&self, key: &str, value: impl AsRef<[u8]>) -> Result<(), Error> {
        host::set(&self.bucket, key, value.as_ref()).map_err(failed("writing", key))
    }

    /// Gives a key a value, written as JSON.
    ///
    /// # Errors
    ///
    /// If the value cannot be written as JSON, a quota is reached, or the store cannot be used.
    pub fn set_json<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<(), Error> {
        self.set(key, write_json(key, value)?)
    }

    /// Takes a key out. It is no error if there is none.
    ///
    /// # Errors
    ///
    /// If the store cannot be used.
    pub fn delete(&self, key: &str) -> Result<(), Error> {
        host::delete(&self.bucket, key).map_err(failed("deleting", key))
    }

    /// Adds to the number that a key has as decimal digits, and returns the sum. A key that is not there counts as 0.
    ///
    /// # Errors
    ///
    /// If the value is not a number, the sum too large, a quota reached, or the store cannot be used.
    pub fn increment(&self, key: &str, delta: i64) -> Result<i64, Error> {
        host::increment(&self.bucket, key, delta).map_err(failed("adding to", key))
    }

    /// Gives a key a value if it still has the one that was expected (none: no value), and says whether it did.
    ///
    /// # Errors
    ///
    /// If a quota is reached, or the store cannot be used.
    pub fn compare_and_swap(&self, key: &str, expected: Option<&[u8]>, value: impl AsRef<[u8]>) -> Result<bool, Error> {
        let cas = host::look(&self.bucket, key).map_err(failed("reading", key))?;
        if host::current(&cas).map_err(failed("reading", key))?.as_deref() != expected {
            return Ok(false);
        }
        Ok(host::swap(cas, value.as_ref()).map_err(failed("writing", key))?.is_none())
    }

    /// Changes a key's value by the function, which is called again if somebody else was faster.
    ///
    /// # Errors
    ///
    /// If others were faster a hundred times, a quota is reached, or the store cannot be used.
    pub fn update(&self, key: &str, mut change: impl FnMut(Option<Vec<u8>>) -> Vec<u8>) -> Result<(), Error> {
        let mut cas = host::look(&self.bucket, key).map_err(failed("reading", key))?;
        for _ in 0..TRIES {
            let value = change(host::current(&cas).map_err(failed("reading", key))?);
            match host::swap(cas, &value).map_err(failed("writing", key))? {
                None => return Ok(()),
                Some(newer) => cas = newer,
            }
        }
        Err(Error::new(format!("writing {key}"), ErrorKind::Contended))
    }

    /// The keys, in the order of their bytes.
    pub fn keys(&self) -> Keys<'_> {
        Keys { store: self, page: Vec::new().into_iter(), next: Next::First }
    }
}

/// The keys of a store, which are asked for a page at a time: see [`Store::keys`].
#[derive(Debug)]
pub struct Keys<'a> {
    store: &'a Store,
    page: std::vec::IntoIter<String>,
    next: Next,
}

#[derive(Debug)]
enum Next {
    First,
    After(String),
    Over,
}

impl Iterator for Keys<'_> {
    type Item = Result<String, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(key) = self.page.next() {
                return Some(Ok(key));
            }
            let cursor = match std::mem::replace(&mut self.next, Next::Over) {
                Next::First => None,
                Next::After(cursor) => Some(cursor),
                Next::Over => return None,
            };
            match host::keys(&self.store.bucket, cursor) {
                Ok((page, cursor)) => {
                    self.page = page.into_iter();
                    self.next = cursor.map_or(Next::Over, Next::After);
                }
                Err(kind) => return Some(Err(Error::new("listing the keys", kind))),
            }
        }
    }
}

fn failed(doing: &'static str, key: &str) -> impl Fn(ErrorKind) -> Error {
    move |kind| Error::new(format!("{doing} {key}"), kind)
}

fn read_json<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, Error> {
    let value = &mut serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(value)
        .map_err(|error| Error::new(format!("reading {key}"), ErrorKind::Value(error.to_string())))
}

fn write_json<T: Serialize + ?Sized>(key: &str, value: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| Error::new(format!("writing {key}"), ErrorKind::Value(error.to_string())))
}

#[cfg(test)]
mod tests {
    use crate::kv::{self, ErrorKind};
    use crate::{Failure, testing};

    #[test]
    fn a_store_keeps_what_it_is_given() {
        let _stores = testing::stores();
        let store = kv::open().unwrap();
        assert_eq!(store.get("k"), Ok(None));
        store.set("k", "v").unwrap();
        store.set_json("list", &[1, 2]).unwrap();
        assert_eq!(store.get("k"), Ok(Some(b"v".to_vec())));
        assert_eq!(store.get_json::<Vec<u8>>("list"), Ok(Some(vec![1, 2])));
        assert_eq!(kv::open_shared("other").unwrap().get("k"), Ok(None));
        assert_eq!((store.increment("n", 3), store.increment("n", -1)), (Ok(3), Ok(2)));
        store.delete("k").unwrap();
        assert_eq!(store.keys().collect::<Result<Vec<_>, _>>().unwrap(), ["list", "n"]);
    }

    #[test]
    fn a_swap_takes_the_value_that_was_expected() {
        let _stores = testing::stores();
        let store = kv::open().unwrap();
        assert_eq!(store.compare_and_swap("k", Some(b"x"), "1"), Ok(false));
        assert_eq!(store.compare_and_swap("k", None, "1"), Ok(true));
        assert_eq!(store.compare_and_swap("k", None, "2"), Ok(false));
        assert_eq!(store.compare_and_swap("k", Some(b"1"), "2"), Ok(true));
        // Somebody else is faster the first time.
        let mut seen = Vec::new();
        let changed = store.update("k", |value| {
            seen.push(value.clone());
            if seen.len() == 1 {
                kv::open().unwrap().set("k", "3").unwrap();
            }
            [value.unwrap_or_default(), b"!".to_vec()].concat()
        });
        assert_eq!((changed, store.get("k")), (Ok(()), Ok(Some(b"3!".to_vec()))));
        assert_eq!(seen, [Some(b"2".to_vec()), Some(b"3".to_vec())]);
    }

    #[test]
    fn what_cannot_be_is_an_error_of_the_right_kind() {
        let error = kv::open().unwrap_err();
        assert!(error.to_string().contains("sandclock::testing::stores"), "{error}");
        let _stores = testing::stores();
        let store = kv::open().unwrap();
        store.set("k", "x").unwrap();
        assert!(matches!(store.get_json::<u8>("k").unwrap_err().kind(), ErrorKind::Value(_)));
        let error = store.increment("k", 1).unwrap_err();
        assert_eq!(
            Failure::from(error),
            Failure::permanent("adding to k: the value is not a number in decimal digits")
        );
        let contended = store.update("k", |value| {
            store.increment("others", 1).unwrap();
            store.set("k", store.get("others").unwrap().unwrap()).unwrap();
            value.unwrap_or_default()
        });
        assert_eq!(Failure::from(contended.unwrap_err()), Failure::transient("writing k: others changed it each time"));
    }
}
