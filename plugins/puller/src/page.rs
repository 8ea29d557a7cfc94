//! One page of the API: its items, and where the next page is.

use sandclock::Failure;
use sandclock::http::Response;
use serde_json::Value;

use crate::{Payload, link};

/// One page.
pub(crate) struct Page {
    pub(crate) items: Vec<Value>,
    /// As the service wrote it: it may be relative.
    pub(crate) next: Option<String>,
}

impl Page {
    /// Reads a response as a page.
    pub(crate) fn read(response: &Response, payload: &Payload) -> Result<Self, Failure> {
        let body: Value = response.json()?;
        let next = match at(&body, &payload.next) {
            Some(Value::String(next)) if !next.is_empty() => Some(next.clone()),
            _ => link::next(response.headers()),
        };
        let items = match body {
            Value::Array(items) => items,
            mut body => match body.pointer_mut(&pointer(&payload.items)).map(Value::take) {
                Some(Value::Array(items)) => items,
                _ => {
                    let (url, place) = (response.url(), &payload.items);
                    return Err(Failure::permanent(format!("{url} has no list at `{place}`")));
                }
            },
        };
        Ok(Self { items, next })
    }
}

/// What a JSON value has at a place such as `meta.time`.
pub(crate) fn at<'a>(value: &'a Value, place: &str) -> Option<&'a Value> {
    value.pointer(&pointer(place))
}

fn pointer(place: &str) -> String {
    format!("/{}", place.replace('.', "/"))
}
