//! Describes a plugin's file: what it is, what it imports and exports, and what it will need.
//!
//! Adapts and inspects in this process, so it is for a person who looks at one file, not for the daemon.

use std::path::Path;

use wasmparser::{Parser, Payload};

use super::adapt::{AdaptError, Form, adapt};
use super::file::{FileError, read_file};
use super::recognise::{Kind, recognise};
use super::store::digest;
use crate::model::id::Digest;
use crate::sandbox::{InspectError, Inspection, inspect};

/// What there is to know of a plugin's file without running it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The bytes of the file.
    pub digest: Digest,
    /// What the file holds.
    pub form: Form,
    /// Whether the file is in the text form.
    pub text: bool,
    /// What it is as a component.
    pub inspection: Inspection,
    /// How large it is.
    pub sizes: Sizes,
}

/// Sizes in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sizes {
    /// The file.
    pub file: u64,
    /// The component that is made of it.
    pub component: u64,
    /// Instructions, in all its modules.
    pub code: u64,
    /// Initial content of memories, in all its modules.
    pub data: u64,
    /// What is not needed to run it: names, debug information and other custom sections.
    pub custom: u64,
}

/// A file cannot be described.
#[derive(Debug, thiserror::Error)]
pub enum DescribeError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It cannot be made into a component.
    #[error("{0}")]
    Form(String),
    /// It is not a valid component.
    #[error(transparent)]
    Invalid(#[from] InspectError),
}

impl From<AdaptError> for DescribeError {
    fn from(error: AdaptError) -> Self {
        Self::Form(error.to_string())
    }
}

/// The largest file that is described, in bytes: more than a host compiles, so that it can say by how much.
const MAX_SIZE: u64 = 1 << 30;

/// Describes a plugin's file.
///
/// # Errors
///
/// If it cannot be read, or as [`describe`].
pub fn describe_file(path: &Path) -> Result<Description, DescribeError> {
    describe(&read_file(path, MAX_SIZE)?.bytes)
}

/// Describes the bytes of a plugin's file.
///
/// # Errors
///
/// If the host could not compile them. A component that exports nothing the host knows how to call is no error.
pub fn describe(bytes: &[u8]) -> Result<Description, DescribeError> {
    let adapted = adapt(bytes)?;
    let inspection = inspect(&adapted.component)?;
    Ok(Description {
        digest: digest(bytes),
        form: adapted.form,
        text: recognise(bytes) == Kind::Text,
        inspection,
        sizes: Sizes { file: bytes.len() as u64, ..sizes(&adapted.component) },
    })
}

/// Adds up the sections of a component and of all that is nested in it.
fn sizes(component: &[u8]) -> Sizes {
    let mut sizes = Sizes { component: component.len() as u64, ..Sizes::default() };
    // It was parsed before, so there is no error here; and if there was one, the rest would not count.
    for payload in Parser::new(0).parse_all(component).map_while(Result::ok) {
        match payload {
            Payload::CodeSectionStart { size, .. } => sizes.code += u64::from(size),
            Payload::DataSection(section) => sizes.data += section.range().len() as u64,
            Payload::CustomSection(section) => sizes.custom += section.data().len() as u64,
            _ => {}
        }
    }
    sizes
}
