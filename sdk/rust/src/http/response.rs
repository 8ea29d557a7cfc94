//! Responses, and the replies of test doubles that become one.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Error, ErrorKind};
use crate::Timestamp;

/// A whole response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    method: String,
    url: String,
    reply: Reply,
}

impl Response {
    pub(super) fn new(method: String, url: String, reply: Reply) -> Self {
        Self { method, url, reply }
    }

    /// The status, such as 200.
    pub fn status(&self) -> u16 {
        self.reply.status
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.reply.status)
    }

    /// The URL that was asked.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The value of the first header of that name, in whatever case.
    pub fn header(&self, name: &str) -> Option<&str> {
        super::header(&self.reply.headers, name)
    }

    /// All headers, in the order in which they came.
    pub fn headers(&self) -> &[(String, String)] {
        &self.reply.headers
    }

    /// How long it took, from sending the request to the last byte of the body; none where there is no clock (on
    /// `wasm32-unknown-unknown`).
    pub fn elapsed(&self) -> Option<Duration> {
        self.reply.elapsed
    }

    /// How long the server asks to wait before the next request: its `Retry-After`, in seconds or as a date.
    pub fn retry_after(&self) -> Option<Duration> {
        let value = self.header("retry-after")?.trim();
        if let Ok(seconds) = value.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let until = http_date(value)?;
        // By the server's own clock, where it tells it: the two may differ.
        let now = self.header("date").and_then(http_date).or_else(now)?;
        Some(until.since(now))
    }

    /// The response, if its status is 2xx or 304 (which answers a conditional request).
    ///
    /// # Errors
    ///
    /// For every other status. Redirects are among them, since nobody follows them. As a failure, 408, 425, 429 and
    /// 5xx but 501 and 505 are transient, with the server's `Retry-After`.
    pub fn error_for_status(self) -> Result<Self, Error> {
        if self.is_success() || self.status() == 304 {
            return Ok(self);
        }
        let kind = ErrorKind::Status {
            status: self.status(),
            retry_after: self.retry_after(),
            location: self.header("location").map(str::to_owned),
        };
        Err(self.error(kind))
    }

    /// The body as JSON.
    ///
    /// # Errors
    ///
    /// If it is not the JSON that `T` expects; the error says where in it, and what was wrong.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let mut json = serde_json::Deserializer::from_slice(&self.reply.body);
        let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let path = error.path().to_string();
            let place = if path == "." { String::new() } else { format!("at {path}: ") };
            self.error(ErrorKind::Body(format!("{place}{}", error.into_inner())))
        })?;
        json.end().map_err(|error| self.error(ErrorKind::Body(error.to_string())))?;
        Ok(value)
    }

    /// The body as text.
    ///
    /// # Errors
    ///
    /// If it is not UTF-8.
    pub fn text(self) -> Result<String, Error> {
        match std::str::from_utf8(&self.reply.body) {
            Ok(text) => Ok(text.to_owned()),
            Err(error) => Err(self.error(ErrorKind::Body(error.to_string()))),
        }
    }

    /// The body.
    pub fn bytes(&self) -> &[u8] {
        &self.reply.body
    }

    /// The body, without a copy.
    pub fn into_bytes(self) -> Vec<u8> {
        self.reply.body
    }

    fn error(&self, kind: ErrorKind) -> Error {
        Error::new(self.method.clone(), &self.url, kind)
    }
}

/// The time of an HTTP date such as `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(text: &str) -> Option<Timestamp> {
    httpdate::parse_http_date(text).ok().map(Timestamp::from)
}

/// The time, where there is a clock.
fn now() -> Option<Timestamp> {
    (!cfg!(all(target_arch = "wasm32", target_os = "unknown"))).then(Timestamp::now)
}

/// What a server answers. Test doubles make one; a task gets it as a [`Response`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long it took.
    pub elapsed: Option<Duration>,
}

impl Reply {
    /// Just a status.
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), elapsed: None }
    }

    /// Status 200 with a text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { body: text.into().into_bytes(), ..Self::status(200) }.header("content-type", "text/plain; charset=utf-8")
    }

    /// Status 200 with a value as JSON.
    ///
    /// # Panics
    ///
    /// If the value has no JSON form.
    #[track_caller]
    pub fn json(value: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self { body, ..Self::status(200) }.header("content-type", "application/json"),
            Err(error) => panic!("the reply has no JSON form: {error}"),
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Says how long it took.
    #[must_use]
    pub fn after(mut self, elapsed: Duration) -> Self {
        self.elapsed = Some(elapsed);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Failure;

    fn response(reply: Reply) -> Response {
        Response::new("GET".into(), "http://a/items?key=s3cret".into(), reply)
    }

    #[test]
    fn a_status_that_is_no_success_is_an_error_of_the_right_kind() {
        let wait = Duration::from_secs(30);
        for (reply, expected) in [
            (
                Reply::status(503).header("Retry-After", "30"),
                Failure::retry_after("GET http://a/items: status 503", wait),
            ),
            (Reply::status(429), Failure::transient("GET http://a/items: status 429")),
            (Reply::status(404), Failure::permanent("GET http://a/items: status 404")),
            (Reply::status(501), Failure::permanent("GET http://a/items: status 501")),
            (
                Reply::status(301).header("location", "http://b/"),
                Failure::permanent("GET http://a/items: status 301, which points to http://b/"),
            ),
        ] {
            assert_eq!(Failure::from(response(reply).error_for_status().unwrap_err()), expected);
        }
        for status in [200, 204, 304] {
            assert!(response(Reply::status(status)).error_for_status().is_ok(), "{status}");
        }
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let reply = |value: &str| {
            Reply::status(503).header("date", "Sun, 06 Nov 1994 08:49:37 GMT").header("retry-after", value)
        };
        for (value, expected) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:51:37 GMT", Some(120)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("soon", None),
            ("-5", None),
        ] {
            assert_eq!(response(reply(value)).retry_after(), expected.map(Duration::from_secs), "{value}");
        }
        assert_eq!(response(Reply::status(503)).retry_after(), None);
    }

    #[test]
    fn bodies_are_read_or_refused_with_the_place() {
        let items = response(Reply::json(&serde_json::json!({"items": [1, "x"]})));
        assert_eq!(items.json::<serde_json::Value>().unwrap()["items"][0], 1);
        #[derive(Debug, serde::Deserialize)]
        #[expect(dead_code, reason = "it is never read")]
        struct Items {
            items: Vec<i32>,
        }
        assert_eq!(
            items.json::<Items>().unwrap_err().to_string(),
            "GET http://a/items: the body is not what was expected: at items[1]: invalid type: string \"x\", expected i32 at line 1 column 15"
        );
        assert_eq!(response(Reply::text("hi")).text().unwrap(), "hi");
        let odd = Reply { body: vec![0xff], ..Reply::status(200) };
        assert!(response(odd).text().is_err());
    }
}
