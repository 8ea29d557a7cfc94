//! What a guest holds handles to, and why a call has no result: the types that stand in the bindings.

#![expect(unreachable_pub, reason = "the bindings re-export these types, for which they have to be public")]

use wasmtime_wasi::ResourceTableError;

use crate::model::keyvalue::{Expected, Store};
use crate::sandbox::keyvalue::Unavailable;

/// A store that a guest has opened.
#[derive(Debug, Clone)]
pub struct Bucket(pub(super) Store);

/// A key as a guest has seen it.
#[derive(Debug)]
pub struct Cas {
    pub(super) bucket: Bucket,
    pub(super) key: String,
    pub(super) value: Option<Vec<u8>>,
    pub(super) expected: Expected,
    /// How often the attempt itself had written to it.
    pub(super) times: u64,
}

impl Cas {
    /// The bytes of its value.
    pub(super) fn size(&self) -> usize {
        self.value.as_ref().map_or(0, Vec::len)
    }
}

/// Why a call has no result.
#[derive(Debug)]
pub enum Problem {
    NoSuchStore,
    Denied,
    Other(String),
    /// The guest cannot go on.
    Trap(wasmtime::Error),
}

impl From<Unavailable> for Problem {
    fn from(error: Unavailable) -> Self {
        Problem::Other(error.to_string())
    }
}

impl From<ResourceTableError> for Problem {
    fn from(error: ResourceTableError) -> Self {
        Problem::Trap(error.into())
    }
}
