//! Key-value stores for guests: `wasi:keyvalue`, held to the task's grant and quota.
//!
//! Who keeps the stores is behind [`KeyValue`]; [`Memory`] does where nobody else does. Writes that are to be made with
//! the attempt's success wait in a buffer and leave with the report.

mod buffer;
mod door;
mod memory;
pub(crate) mod resources;
mod stores;

use std::fmt;

use futures_util::future::BoxFuture;

use crate::model::keyvalue::{Found, Quota, Refused, Store, Write};

pub use memory::Memory;

pub(crate) use stores::Stores;

/// Keeps stores.
///
/// A write that was answered is durable, as far as the keeper has that, and every look that is asked for later sees it.
/// A future that is dropped leaves its write made or not made, and never half made.
pub trait KeyValue: fmt::Debug + Send + Sync {
    /// Looks at a key.
    fn find(&self, store: &Store, key: &str) -> Answer<Found>;

    /// So many keys, in the order of their bytes, from the first one after the given one.
    fn keys(&self, store: &Store, after: Option<&str>, limit: usize) -> Answer<Vec<String>>;

    /// Makes a write, unless it is refused. The number is that to which something was added.
    fn write(&self, store: &Store, quota: Quota, write: Write) -> Answer<Result<Option<i64>, Refused>>;
}

/// What a keeper will say.
pub type Answer<T> = BoxFuture<'static, Result<T, Unavailable>>;

/// The keeper cannot answer, and says why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the key-value store cannot be used now: {0}")]
pub struct Unavailable(pub String);
