//! What an attempt may reach beyond its own memory. Empty unless the configuration says otherwise.

use std::fmt;
use std::path::PathBuf;

/// What an attempt may reach.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grants {
    /// The HTTP requests it may send.
    pub http: Vec<HttpGrant>,
    /// The environment variables it sees, sorted by name.
    pub env: Vec<(String, String)>,
    /// The secrets it sees as environment variables, sorted by name.
    pub secrets: Vec<(String, Secret)>,
    /// The folders it sees.
    pub folders: Vec<FolderGrant>,
    /// The key-value stores it may use; none if it may use none.
    pub kv: Option<KeyValueGrant>,
}

/// A value that is never shown: its `Debug` prints asterisks, and it has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    pub fn new(value: String) -> Self {
        Self(value)
    }

    /// The value itself, for the guest that it was granted to and for redaction.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A folder of the host that the guest sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderGrant {
    /// The path on the host.
    pub host: PathBuf,
    /// Where that led when the grant was made: a path without links. An attempt is given no other folder.
    pub real: PathBuf,
    /// The path in the guest.
    pub guest: String,
    /// Whether the guest may change what is in it.
    pub access: FolderAccess,
}

/// What a guest may do in a granted folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FolderAccess {
    /// Read and list.
    #[default]
    ReadOnly,
    /// Read, list, write, create and remove.
    ReadWrite,
}

mod bound;
mod http;
mod keyvalue;
pub use bound::{BoundHeader, BoundHeaderError};
pub use http::{HttpGrant, HttpGrantError, HttpScheme, HttpTarget, HttpTargetError};
pub use keyvalue::{KeyValueGrant, Writes};
