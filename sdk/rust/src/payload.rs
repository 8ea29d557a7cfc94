//! What a run works on, as a Rust type.

use std::error::Error;
use std::fmt;

use serde::de::DeserializeOwned;

use crate::Blob;

/// The payload is not what the task expects. As a failure it is permanent.
#[derive(Debug)]
pub enum PayloadError {
    /// The task needs a payload, and the run has none.
    Missing,
    /// The payload is not text in UTF-8.
    NotText {
        /// What the payload says it is.
        content_type: String,
    },
    /// The payload is not the JSON that the task expects.
    Unexpected {
        /// What the payload says it is.
        content_type: String,
        /// Where in the value, as in `urls[2].timeout`; `.` for the value as a whole.
        path: String,
        /// What was wrong there.
        cause: serde_json::Error,
    },
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PayloadError::Missing => f.write_str("this task needs a payload, and the run has none"),
            PayloadError::NotText { content_type } => write!(f, "the payload ({content_type}) is not text in UTF-8"),
            PayloadError::Unexpected { content_type, path, .. } => {
                f.write_str("cannot read the payload")?;
                if !is_json(content_type) {
                    write!(f, " as JSON (it says it is {content_type})")?;
                }
                if path != "." { write!(f, " at {path}") } else { Ok(()) }
            }
        }
    }
}

impl Error for PayloadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            PayloadError::Unexpected { cause, .. } => Some(cause),
            PayloadError::Missing | PayloadError::NotText { .. } => None,
        }
    }
}

/// Reads a payload as JSON. No payload reads as `null`, so that an `Option` takes it.
pub(crate) fn parse<T: DeserializeOwned>(payload: Option<&Blob>) -> Result<T, PayloadError> {
    let Some(payload) = payload else {
        return serde_json::from_str("null").map_err(|_| PayloadError::Missing);
    };
    let mut json = serde_json::Deserializer::from_slice(&payload.bytes);
    let unexpected =
        |path: String, cause| PayloadError::Unexpected { content_type: payload.content_type.clone(), path, cause };
    let value = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| unexpected(error.path().to_string(), error.into_inner()))?;
    json.end().map_err(|cause| unexpected(".".to_owned(), cause))?;
    Ok(value)
}

/// Reads a payload as text. No payload is no text.
pub(crate) fn text(payload: Option<&Blob>) -> Result<Option<&str>, PayloadError> {
    let Some(payload) = payload else {
        return Ok(None);
    };
    let not_text = |_| PayloadError::NotText { content_type: payload.content_type.clone() };
    std::str::from_utf8(&payload.bytes).map(Some).map_err(not_text)
}

/// Whether a media type is JSON's, or one built on it such as `application/geo+json`.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence == "text/json" || essence.ends_with("+json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Failure;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Probe {
        urls: Vec<Target>,
    }

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Target {
        timeout: u32,
    }

    fn blob(content_type: &str, text: &str) -> Blob {
        Blob { content_type: content_type.to_owned(), bytes: text.into() }
    }

    #[test]
    fn a_payload_reads_as_what_it_is() {
        let json = blob("application/json", r#"{"urls": [{"timeout": 3}]}"#);
        assert_eq!(parse::<Probe>(Some(&json)).unwrap(), Probe { urls: vec![Target { timeout: 3 }] });
        assert_eq!(parse::<Option<Probe>>(None).unwrap(), None);
        parse::<()>(None).unwrap();
        assert_eq!(text(Some(&json)).unwrap(), Some(r#"{"urls": [{"timeout": 3}]}"#));
        assert_eq!(text(None).unwrap(), None);
    }

    #[test]
    fn an_unexpected_payload_is_refused_with_the_place() {
        let json = "application/json; charset=utf-8";
        for (payload, expected) in [
            (None, "this task needs a payload, and the run has none"),
            (
                Some(blob(json, r#"{"urls": [{"timeout": 3}, {"timeout": "3s"}]}"#)),
                r#"cannot read the payload at urls[1].timeout: invalid type: string "3s", expected u32 at line 1 column 42"#,
            ),
            (Some(blob(json, "{}")), "cannot read the payload: missing field `urls` at line 1 column 2"),
            (Some(blob(json, r#"{"urls": []} x"#)), "cannot read the payload: trailing characters at line 1 column 14"),
            (
                Some(blob("text/plain", "hello")),
                "cannot read the payload as JSON (it says it is text/plain): expected value at line 1 column 1",
            ),
        ] {
            let error = parse::<Probe>(payload.as_ref()).unwrap_err();
            assert_eq!(Failure::from(error), Failure::permanent(expected));
        }
        let bytes = Blob { content_type: "image/png".into(), bytes: vec![0x89, 0xff] };
        assert_eq!(text(Some(&bytes)).unwrap_err().to_string(), "the payload (image/png) is not text in UTF-8");
    }
}
