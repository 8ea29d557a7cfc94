//! Stores of the host: `wasi:keyvalue`.

use super::bindings::wasi::keyvalue::{atomics, store};
use crate::kv::ErrorKind;

pub(crate) use atomics::Cas;
pub(crate) use store::Bucket;

/// A page of keys, and what the next one is asked with.
type Page = (Vec<String>, Option<String>);

pub(crate) fn open(name: &str) -> Result<Bucket, ErrorKind> {
    Ok(store::open(name)?)
}

pub(crate) fn get(bucket: &Bucket, key: &str) -> Result<Option<Vec<u8>>, ErrorKind> {
    Ok(bucket.get(key)?)
}

pub(crate) fn set(bucket: &Bucket, key: &str, value: &[u8]) -> Result<(), ErrorKind> {
    Ok(bucket.set(key, value)?)
}

pub(crate) fn delete(bucket: &Bucket, key: &str) -> Result<(), ErrorKind> {
    Ok(bucket.delete(key)?)
}

pub(crate) fn keys(bucket: &Bucket, cursor: Option<String>) -> Result<Page, ErrorKind> {
    let page = bucket.list_keys(cursor.as_deref())?;
    Ok((page.keys, page.cursor))
}

pub(crate) fn increment(bucket: &Bucket, key: &str, delta: i64) -> Result<i64, ErrorKind> {
    Ok(atomics::increment(bucket, key, delta)?)
}

pub(crate) fn look(bucket: &Bucket, key: &str) -> Result<Cas, ErrorKind> {
    Ok(Cas::new(bucket, key)?)
}

pub(crate) fn current(cas: &Cas) -> Result<Option<Vec<u8>>, ErrorKind> {
    Ok(cas.current()?)
}

/// None if it was done; otherwise the key as it is now.
pub(crate) fn swap(cas: Cas, value: &[u8]) -> Result<Option<Cas>, ErrorKind> {
    match atomics::swap(cas, value) {
        Ok(()) => Ok(None),
        Err(atomics::CasError::CasFailed(newer)) => Ok(Some(newer)),
        Err(atomics::CasError::StoreError(error)) => Err(error.into()),
    }
}

impl From<store::Error> for ErrorKind {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::NoSuchStore => ErrorKind::NoSuchStore,
            store::Error::AccessDenied => ErrorKind::Denied,
            store::Error::Other(why) => ErrorKind::Other(why),
        }
    }
}
