//! Bytes that went into a run or came out of it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::payload;

/// Bytes and what they are, as text where they are text.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Blob {
    /// The media type, as whoever made the bytes gives it.
    #[schema(example = "application/json")]
    pub content_type: String,
    /// How many bytes there are.
    pub bytes: usize,
    /// The bytes, if they are UTF-8.
    pub text: Option<String>,
    /// The bytes in base 64, if they are not.
    pub base64: Option<String>,
}

impl From<&payload::Blob> for Blob {
    fn from(blob: &payload::Blob) -> Self {
        let (text, base64) = match std::str::from_utf8(&blob.bytes) {
            Ok(text) => (Some(text.to_owned()), None),
            Err(_) => (None, Some(STANDARD.encode(&blob.bytes))),
        };
        Self { content_type: blob.content_type.clone(), bytes: blob.bytes.len(), text, base64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_text_where_they_can_be() {
        let check = |bytes: &[u8], expected: (Option<&str>, Option<&str>)| {
            let blob = Blob::from(&payload::Blob { content_type: String::new(), bytes: bytes.to_vec() });
            assert_eq!((blob.text.as_deref(), blob.base64.as_deref()), expected);
        };
        check(b"", (Some(""), None));
        check("\u{1b}é".as_bytes(), (Some("\u{1b}é"), None));
        check(b"\xff\x00", (None, Some("/wA=")));
    }
}
