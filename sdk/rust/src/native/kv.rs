//! Stores in memory that stand in for those of the host.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use crate::kv::ErrorKind;

/// All stores, by name; the task's own is the one without.
pub(crate) type Shelf = Rc<RefCell<HashMap<String, Kept>>>;

/// What one store has.
pub(crate) type Kept = BTreeMap<String, Vec<u8>>;

thread_local! {
    /// The stores of this thread.
    pub(crate) static STORES: RefCell<Option<Shelf>> = const { RefCell::new(None) };
}

/// A store that was opened.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    shelf: Shelf,
    name: String,
}

/// A key as it was.
#[derive(Debug)]
pub(crate) struct Cas {
    bucket: Bucket,
    key: String,
    value: Option<Vec<u8>>,
}

impl Bucket {
    fn with<T>(&self, work: impl FnOnce(&mut Kept) -> T) -> T {
        work(self.shelf.borrow_mut().entry(self.name.clone()).or_default())
    }
}

pub(crate) fn open(name: &str) -> Result<Bucket, ErrorKind> {
    let name = if name == "default" { "" } else { name };
    match STORES.with_borrow(Clone::clone) {
        Some(shelf) => Ok(Bucket { shelf, name: name.to_owned() }),
        None => Err(ErrorKind::Other(
            "off wasm there are no stores: make some with `sandclock::testing::stores`".to_owned(),
        )),
    }
}

pub(crate) fn get(bucket: &Bucket, key: &str) -> Result<Option<Vec<u8>>, ErrorKind> {
    Ok(bucket.with(|kept| kept.get(key).cloned()))
}

pub(crate) fn set(bucket: &Bucket, key: &str, value: &[u8]) -> Result<(), ErrorKind> {
    bucket.with(|kept| kept.insert(key.to_owned(), value.to_owned()));
    Ok(())
}

pub(crate) fn delete(bucket: &Bucket, key: &str) -> Result<(), ErrorKind> {
    bucket.with(|kept| kept.remove(key));
    Ok(())
}

/// All keys: one page.
pub(crate) fn keys(bucket: &Bucket, _: Option<String>) -> Result<(Vec<String>, Option<String>), ErrorKind> {
    Ok((bucket.with(|kept| kept.keys().cloned().collect()), None))
}

pub(crate) fn increment(bucket: &Bucket, key: &str, delta: i64) -> Result<i64, ErrorKind> {
    let digits = get(bucket, key)?.unwrap_or_else(|| b"0".to_vec());
    let number = std::str::from_utf8(&digits).ok().and_then(|digits| digits.parse::<i64>().ok());
    let number = number.ok_or_else(|| ErrorKind::Other("the value is not a number in decimal digits".to_owned()))?;
    let sum = number.checked_add(delta);
    let sum = sum.ok_or_else(|| ErrorKind::Other("the sum does not fit into 64 bits".to_owned()))?;
    set(bucket, key, sum.to_string().as_bytes())?;
    Ok(sum)
}

pub(crate) fn look(bucket: &Bucket, key: &str) -> Result<Cas, ErrorKind> {
    Ok(Cas { bucket: bucket.clone(), key: key.to_owned(), value: get(bucket, key)? })
}

pub(crate) fn current(cas: &Cas) -> Result<Option<Vec<u8>>, ErrorKind> {
    Ok(cas.value.clone())
}

/// None if it was done; otherwise the key as it is now.
pub(crate) fn swap(cas: Cas, value: &[u8]) -> Result<Option<Cas>, ErrorKind> {
    if get(&cas.bucket, &cas.key)? != cas.value {
        return look(&cas.bucket, &cas.key).map(Some);
    }
    set(&cas.bucket, &cas.key, value)?;
    Ok(None)
}
