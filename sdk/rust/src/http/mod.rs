//! HTTP requests, as far as the task's `grants.http` allows them.
//!
//! ```no_run
//! # #[derive(serde::Deserialize)] struct Order;
//! # fn example() -> Result<(), sandclock::Failure> {
//! use std::time::Duration;
//! use sandclock::http;
//!
//! let orders: Vec<Order> = http::get("https://shop.example/orders")
//!     .query("status", "open")
//!     .timeout(Duration::from_secs(10))
//!     .send()?
//!     .error_for_status()?
//!     .json()?;
//! http::post("https://hooks.example/orders").json(&orders.len()).send()?.error_for_status()?;
//! # Ok(())
//! # }
//! ```
//!
//! Redirects are not followed: a 3xx response comes back as it is. Bodies are held in memory as a whole, and the task's
//! limits bound them.

mod error;
mod request;
mod response;

pub use error::{Error, ErrorKind};
pub use request::{Request, RequestBuilder};
pub use response::{Reply, Response};

/// A `GET` request.
pub fn get(url: impl Into<String>) -> RequestBuilder {
    request("GET", url)
}

/// A `HEAD` request.
pub fn head(url: impl Into<String>) -> RequestBuilder {
    request("HEAD", url)
}

/// A `POST` request.
pub fn post(url: impl Into<String>) -> RequestBuilder {
    request("POST", url)
}

/// A `PUT` request.
pub fn put(url: impl Into<String>) -> RequestBuilder {
    request("PUT", url)
}

/// A `PATCH` request.
pub fn patch(url: impl Into<String>) -> RequestBuilder {
    request("PATCH", url)
}

/// A `DELETE` request.
pub fn delete(url: impl Into<String>) -> RequestBuilder {
    request("DELETE", url)
}

/// A request with any method.
pub fn request(method: impl Into<String>, url: impl Into<String>) -> RequestBuilder {
    RequestBuilder::new(method.into(), url.into())
}

/// The value of the first header of that name, in whatever case.
fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}
