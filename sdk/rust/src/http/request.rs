//! Requests in the making.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::{Error, ErrorKind, Response};
use crate::host;

/// A request as it is sent; a test double sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// The URL with its query.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body; empty for none.
    pub body: Vec<u8>,
    /// The longest the request may take.
    pub timeout: Option<Duration>,
}

impl Request {
    /// The value of the first header of that name, in whatever case.
    pub fn header(&self, name: &str) -> Option<&str> {
        super::header(&self.headers, name)
    }
}

/// A request in the making: see [`super::get`].
#[derive(Debug, Clone)]
#[must_use = "a request is sent by `.send()`"]
pub struct RequestBuilder {
    request: Request,
    /// Why it cannot be sent; told by `send`, so that the chain of calls stays one.
    problem: Option<String>,
}

impl RequestBuilder {
    pub(super) fn new(method: String, url: String) -> Self {
        let request = Request { method, url, headers: Vec::new(), body: Vec::new(), timeout: None };
        Self { request, problem: None }
    }

    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.request.headers.push((name.into(), value.into()));
        self
    }

    /// Adds `Authorization: Bearer` with the token: a secret that the task was granted, say.
    pub fn bearer_auth(self, token: impl fmt::Display) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// Adds `name=value` to the URL's query, encoded.
    pub fn query(mut self, name: &str, value: impl fmt::Display) -> Self {
        let url = &mut self.request.url;
        let fragment = url.find('#').map(|at| url.split_off(at));
        let separator = match url.find('?') {
            None => "?",
            Some(at) if at + 1 == url.len() || url.ends_with('&') => "",
            Some(_) => "&",
        };
        url.push_str(separator);
        push_pair(url, name, &value.to_string());
        url.push_str(&fragment.unwrap_or_default());
        self
    }

    /// The longest the request may take, from connecting to the last byte of the body. The attempt's own deadline
    /// stands in any case.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.request.timeout = Some(timeout);
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.request.body = body.into();
        self
    }

    /// Sets the body to a value as JSON, and says so in the header.
    pub fn json(mut self, value: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => self.typed_body("application/json", body),
            Err(error) => {
                self.problem = Some(format!("the body has no JSON form: {error}"));
                self
            }
        }
    }

    /// Sets the body to names and values as an HTML form has them, and says so in the header.
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let mut body = String::new();
        for (name, value) in fields {
            if !body.is_empty() {
                body.push('&');
            }
            push_pair(&mut body, name, value);
        }
        self.typed_body("application/x-www-form-urlencoded", body)
    }

    /// Sends the request and waits for the whole response, whatever its status: see [`Response::error_for_status`].
    ///
    /// # Errors
    ///
    /// If there is no response: the request is not granted or malformed, the connection failed, the time ran out.
    pub fn send(self) -> Result<Response, Error> {
        let (method, url) = (self.request.method.clone(), self.request.url.clone());
        let answer = match self.problem {
            Some(problem) => Err(ErrorKind::InvalidRequest(problem)),
            None => host::send(self.request),
        };
        match answer {
            Ok(reply) => Ok(Response::new(method, url, reply)),
            Err(kind) => Err(Error::new(method, &url, kind)),
        }
    }

    /// Sets the body; a content type that the caller has given stands.
    fn typed_body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        if self.request.header("content-type").is_none() {
            self = self.header("content-type", content_type);
        }
        self.body(body)
    }
}

/// Appends `name=value` in the encoding of `application/x-www-form-urlencoded` (WHATWG URL, section 5.2).
fn push_pair(text: &mut String, name: &str, value: &str) {
    push_encoded(text, name);
    text.push('=');
    push_encoded(text, value);
}

fn push_encoded(text: &mut String, part: &str) {
    for byte in part.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => text.push(char::from(byte)),
            b' ' => text.push('+'),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{get, post};
    use super::*;
    use crate::testing::{self, Reply};

    #[test]
    fn queries_are_encoded_into_the_url() {
        fn check(url: &str, expected: &str) {
            let request = get(url).query("q", "a b&c=\u{e9}").query("page", 2).request;
            assert_eq!(request.url, expected);
        }
        check("http://a/", "http://a/?q=a+b%26c%3D%C3%A9&page=2");
        check("http://a/?x=1", "http://a/?x=1&q=a+b%26c%3D%C3%A9&page=2");
        check("http://a/?", "http://a/?q=a+b%26c%3D%C3%A9&page=2");
        check("http://a/?x=1&", "http://a/?x=1&q=a+b%26c%3D%C3%A9&page=2");
        check("http://a/#top", "http://a/?q=a+b%26c%3D%C3%A9&page=2#top");
    }

    #[test]
    fn what_was_built_is_what_is_sent() {
        let http = testing::http(|_| Reply::status(204));
        let wait = Duration::from_secs(3);
        post("http://a/").bearer_auth("s3cret").timeout(wait).json(&[1]).send().unwrap();
        post("http://a/").header("Content-Type", "application/geo+json").json(&[1]).send().unwrap();
        post("http://a/").form(&[("a", "1 2"), ("b", "&")]).send().unwrap();

        let [first, second, third] = &http.requests()[..] else { panic!("three requests") };
        assert_eq!((first.method.as_str(), first.body.as_slice(), first.timeout), ("POST", &b"[1]"[..], Some(wait)));
        assert_eq!(first.header("Authorization"), Some("Bearer s3cret"));
        assert_eq!(first.header("content-type"), Some("application/json"));
        assert_eq!(second.headers, [("Content-Type".to_owned(), "application/geo+json".to_owned())]);
        assert_eq!(third.body, b"a=1+2&b=%26");
    }

    #[test]
    fn a_body_without_a_json_form_is_told_when_it_is_sent() {
        let http = testing::http(|_| Reply::status(204));
        let no_json = std::collections::HashMap::from([(vec![1], 2)]);
        let error = post("http://a/").json(&no_json).send().unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::InvalidRequest("the body has no JSON form: key must be a string".into()));
        assert_eq!(http.requests(), []);
    }
}
