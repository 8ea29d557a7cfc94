//! The door `sandclock:task/http`: one call, request in, response out.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::{HeaderName, HeaderValue, Method, Uri};
use http_body_util::{BodyExt as _, Full};
use wasmtime_wasi_http::{DEFAULT_FORBIDDEN_HEADERS, RequestOptions, WasiBody};

use crate::sandbox::bindings::task::sandclock::task::http::{Error, Host, Request, Response};
use crate::sandbox::bounds;
use crate::sandbox::guest::Guest;
use crate::sandbox::http::client::{SendError, Timeouts};
use crate::sandbox::http::policy::Refusal;
use crate::sandbox::http::{Answer, Egress};

impl Host for Guest {
    async fn send(&mut self, request: Request) -> wasmtime::Result<Result<Response, Error>> {
        let egress = self.egress();
        let timeout = request.timeout.map(Duration::from_millis);
        let request = match read(request, egress.limits.headers) {
            Ok(request) => request,
            Err(why) => return Ok(Err(egress.malformed(why).into())),
        };
        let mut timeouts = egress.timeouts(RequestOptions::default());
        timeouts.total = timeout.map_or(timeouts.total, |asked| asked.min(timeouts.total));
        Ok(fetch(&egress, request, timeouts).await)
    }
}

/// Sends a request and reads the whole response.
async fn fetch(egress: &Egress, request: http::Request<WasiBody>, timeouts: Timeouts) -> Result<Response, Error> {
    let Answer { response, work } = egress.send(request, timeouts).await?;
    let (head, body) = response.into_parts();
    let body = std::pin::pin!(body.collect());
    let body = match select(body, work).await {
        Either::Left((body, _)) => body,
        Either::Right((_, body)) => body.await,
    };
    let body = body.map_err(|error| match error {
        wasmtime_wasi_http::Error::HttpResponseBodySize(_) => Error::BodyTooLarge(egress.limits.body),
        wasmtime_wasi_http::Error::ConnectionReadTimeout => Error::TimedOut,
        error => Error::ConnectionFailed(error.to_string()),
    })?;
    Ok(Response {
        status: head.status.as_u16(),
        headers: head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: body.to_bytes().to_vec(),
    })
}

/// Reads what the guest handed over. Headers that describe the connection or frame the body are the host's own. Of too
/// many headers, as many are read as have the request refused. Fails with what is wrong.
fn read(request: Request, most: u64) -> Result<http::Request<WasiBody>, String> {
    let method: Method = request.method.parse().map_err(|_| format!("{:?} is not a method", request.method))?;
    let uri: Uri = request.url.parse().map_err(|error| format!("the URL cannot be read: {error}"))?;
    let body = Full::new(Bytes::from(request.body)).map_err(|never| match never {}).boxed_unsync();
    let mut read = http::Request::new(body);
    *read.method_mut() = method;
    *read.uri_mut() = uri;
    let mut bytes = 0;
    for (name, value) in request.headers {
        let header: HeaderName = name.parse().map_err(|_| format!("{name:?} is not a header's name"))?;
        if DEFAULT_FORBIDDEN_HEADERS.contains(&header) || header == http::header::CONTENT_LENGTH {
            return Err(format!("the header {header} is written by the host"));
        }
        let value = HeaderValue::from_bytes(value.as_bytes())
            .map_err(|_| format!("the header {header} has a value that HTTP forbids"))?;
        bytes += (header.as_str().len() + value.len()) as u64;
        read.headers_mut().try_append(header, value).map_err(|error| error.to_string())?;
        if bytes > most || read.headers().len() > bounds::HTTP_REQUEST_HEADERS {
            break;
        }
    }
    Ok(read)
}

/// A header's value as text: UTF-8, or else ISO 8859-1, in which every byte is a character.
fn text(value: &HeaderValue) -> String {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => text.to_owned(),
        Err(_) => value.as_bytes().iter().map(|byte| char::from(*byte)).collect(),
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Refused(Refusal::TooMany { .. }) => Error::TooManyRequests,
            SendError::Refused(Refusal::Target(error)) => Error::InvalidRequest(error.to_string()),
            SendError::Refused(Refusal::Malformed(why)) => Error::InvalidRequest(why),
            SendError::Refused(refusal) => Error::Denied(refusal.to_string()),
            SendError::Invalid(message) => Error::InvalidRequest(message),
            error @ (SendError::HeadersTooLarge { .. } | SendError::TooManyHeaders) => {
                Error::InvalidRequest(error.to_string())
            }
            SendError::TooManyLookups
            | SendError::LookupTimeout
            | SendError::ConnectTimeout
            | SendError::TlsTimeout
            | SendError::FirstByteTimeout
            | SendError::Silence
            | SendError::OutOfTime => Error::TimedOut,
            SendError::RequestTooLarge { limit } | SendError::ResponseTooLarge { limit } => Error::BodyTooLarge(limit),
            error => Error::ConnectionFailed(error.chain()),
        }
    }
}
