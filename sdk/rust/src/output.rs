//! What a successful run puts out, and what a task function may return.

use serde::Serialize;

use crate::{Context, Failure};

/// Bytes and what they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// A media type such as `application/json`.
    pub content_type: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// What a successful run puts out: something or nothing.
///
/// It is stored with the run and becomes the payload of the tasks that follow this one (`after`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Output(Option<Blob>);

impl Output {
    /// Nothing.
    pub fn none() -> Self {
        Self(None)
    }

    /// Bytes with a media type.
    pub fn new(content_type: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self(Some(Blob { content_type: content_type.into(), bytes: bytes.into() }))
    }

    /// Plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new("text/plain; charset=utf-8", text.into())
    }

    /// Markdown.
    pub fn markdown(text: impl Into<String>) -> Self {
        Self::new("text/markdown; charset=utf-8", text.into())
    }

    /// A value as JSON.
    ///
    /// # Errors
    ///
    /// A permanent failure if the value has no JSON form (a map whose keys are not strings, say).
    pub fn json(value: &(impl Serialize + ?Sized)) -> Result<Self, Failure> {
        let bytes = serde_json::to_vec(value).context("writing the output as JSON")?;
        Ok(Self::new("application/json", bytes))
    }

    /// What is put out, if anything.
    pub fn blob(&self) -> Option<&Blob> {
        self.0.as_ref()
    }

    /// What is put out, if anything.
    pub fn into_blob(self) -> Option<Blob> {
        self.0
    }
}

/// What a task may return on success.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the output of a task",
    note = "return `()`, `String`, `sandclock::Output` or an `Option` of these; `Output::json(&value)?` makes one from a value"
)]
pub trait IntoOutput {
    /// Turns it into an output.
    fn into_output(self) -> Output;
}

impl IntoOutput for Output {
    fn into_output(self) -> Output {
        self
    }
}

impl IntoOutput for () {
    fn into_output(self) -> Output {
        Output::none()
    }
}

impl IntoOutput for String {
    fn into_output(self) -> Output {
        Output::text(self)
    }
}

impl IntoOutput for &str {
    fn into_output(self) -> Output {
        Output::text(self)
    }
}

impl<T: IntoOutput> IntoOutput for Option<T> {
    fn into_output(self) -> Output {
        self.map_or_else(Output::none, T::into_output)
    }
}

/// What a task function may return: this is what the macro checks it against.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a task cannot return `{Self}`",
    note = "it returns a `Result`, such as `Result<(), sandclock::Failure>`, so that it can say that it failed"
)]
pub trait Returned {
    /// The two types of the contract.
    ///
    /// # Errors
    ///
    /// What the task failed with.
    fn answer(self) -> Result<Output, Failure>;
}

impl<T: IntoOutput, E: Into<Failure>> Returned for Result<T, E> {
    fn answer(self) -> Result<Output, Failure> {
        self.map(T::into_output).map_err(E::into)
    }
}

/// Turns what a task function returned into the two types of the contract.
#[doc(hidden)]
pub fn answer(returned: impl Returned) -> Result<Output, Failure> {
    returned.answer()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::io;

    use super::*;
    use crate::FailureKind;

    #[test]
    fn whatever_a_task_returns_becomes_an_output() {
        fn check(returned: impl IntoOutput, expected: Option<(&str, &str)>) {
            let expected =
                expected.map(|(content_type, text)| Blob { content_type: content_type.into(), bytes: text.into() });
            assert_eq!(answer(Ok::<_, Failure>(returned)), Ok(Output(expected)));
        }
        let plain = "text/plain; charset=utf-8";
        check((), None);
        check("hi", Some((plain, "hi")));
        check(String::from("hi"), Some((plain, "hi")));
        check(None::<String>, None);
        check(Some("hi"), Some((plain, "hi")));
        check(Output::markdown("# hi"), Some(("text/markdown; charset=utf-8", "# hi")));
        check(Output::json(&[1, 2]).unwrap(), Some(("application/json", "[1,2]")));
    }

    #[test]
    fn a_value_without_a_json_form_is_a_permanent_failure() {
        let failure = Output::json(&HashMap::from([(vec![1], 2)])).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Permanent);
        assert_eq!(failure.message(), "writing the output as JSON: key must be a string");
    }

    #[test]
    fn a_task_may_return_any_error() {
        let failure = answer(Err::<(), _>(io::Error::other("disk on fire"))).unwrap_err();
        assert_eq!(failure, Failure::permanent("disk on fire"));
    }
}
