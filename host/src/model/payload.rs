//! Bytes that go into a run or come out of it.

/// Bytes and what they are. A payload goes in, an output comes out; both are this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// A media type such as `application/json`.
    pub content_type: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Blob {
    /// The media type of JSON.
    pub const JSON: &'static str = "application/json";
    /// The media type of UTF-8 text.
    pub const TEXT: &'static str = "text/plain; charset=utf-8";
    /// The media type of bytes that nobody described.
    pub const BYTES: &'static str = "application/octet-stream";

    /// Bytes of both parts.
    pub fn size(&self) -> u64 {
        (self.content_type.len() + self.bytes.len()) as u64
    }
}
