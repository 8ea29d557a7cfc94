//! The doors `wasi:http` 0.2 and 0.3.
//!
//! The library refuses malformed requests before it asks anybody, so its functions to send a request are asked through
//! ours: these too are counted and have their line in the log.

use std::sync::Arc;

use futures_util::FutureExt as _;
use http::uri::Scheme;
use wasmtime::component::{Accessor, Linker, Resource};
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler;
use wasmtime_wasi_http::p2::bindings::http::types as p2;
use wasmtime_wasi_http::p2::types::{HostFutureIncomingResponse, HostOutgoingRequest};
use wasmtime_wasi_http::p3::bindings::http::client;
use wasmtime_wasi_http::p3::bindings::http::types as p3;
use wasmtime_wasi_http::p3::{Request, Response};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttp, WasiHttpHooks, WasiHttpView as _};

use crate::model::grants::HttpTargetError;
use crate::sandbox::guest::Guest;
use crate::sandbox::http::Egress;
use crate::sandbox::http::client::SendError;
use crate::sandbox::http::policy::Refusal;
use crate::sandbox::{Profile, Wasi, bounds};

type Asked2 = (Resource<HostOutgoingRequest>, Option<Resource<RequestOptions>>);

/// Puts the doors in the place of the library's, under every version that the profile serves.
pub(crate) fn add_to_linker(profile: Profile, linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    linker
        .instance("wasi:http/outgoing-handler@0.2.12")?
        .func_wrap("handle", |mut store, asked: Asked2| Ok((handle_2(store.data_mut(), asked)?,)))?;
    if profile.wasi == Wasi::V03 {
        linker.instance("wasi:http/client@0.3.0")?.func_wrap_concurrent("send", |store, (request,)| {
            Box::pin(async move { Ok((send_3(store, request).await?,)) })
        })?;
    }
    linker.allow_shadowing(false);
    Ok(())
}

/// Sends a request of WASI 0.2. What fails at once has not come to [`WasiDoor::send_request`]. Of a request without a host
/// or a path the library would also write to the host's own log, as often as the guest likes.
fn handle_2(
    guest: &mut Guest,
    (request, options): Asked2,
) -> wasmtime::Result<Result<Resource<HostFutureIncomingResponse>, p2::ErrorCode>> {
    use outgoing_handler::Host as _;
    let HostOutgoingRequest { authority, path_with_query, .. } = guest.table().get(&request)?;
    if authority.is_none() || path_with_query.is_none() {
        guest.table().delete(request)?;
        let code = p2::ErrorCode::HttpRequestUriInvalid;
        guest.egress().malformed(why(&code));
        return Ok(Err(code));
    }
    match guest.http().handle(request, options) {
        Ok(response) => Ok(Ok(response)),
        Err(error) => {
            let code = error.downcast()?;
            guest.egress().malformed(why(&code));
            Ok(Err(code))
        }
    }
}

/// Sends a request of WASI 0.3. Without a host or a path it does not come to [`WasiDoor::send_request`].
async fn send_3(
    store: &Accessor<Guest>,
    request: Resource<Request>,
) -> wasmtime::Result<Result<Resource<Response>, p3::ErrorCode>> {
    use client::HostWithStore as _;
    store.with(|mut store| {
        let guest = store.get();
        let Request { authority, path_with_query, .. } = guest.table().get(&request)?;
        if authority.is_none() || path_with_query.is_none() {
            guest.egress().malformed(why(&p2::ErrorCode::HttpRequestUriInvalid));
        }
        wasmtime::error::Ok(())
    })?;
    match WasiHttp::send(&store.with_getter::<WasiHttp>(Guest::http), request).await {
        Ok(response) => Ok(Ok(response)),
        Err(error) => error.downcast().map(Err),
    }
}

/// What is wrong with a request that the library did not send.
fn why(code: &p2::ErrorCode) -> String {
    use p2::ErrorCode as Code;
    match code {
        Code::HttpRequestBodySize(_) => "it has a content-length and no body".to_owned(),
        Code::HttpRequestMethodInvalid => "its method is none".to_owned(),
        Code::HttpProtocolError | Code::HttpRequestUriInvalid => {
            "it needs a scheme, a host and a path, and one of them is not there or cannot be read".to_owned()
        }
        Code::InternalError(Some(message)) => message.clone(),
        other => other.to_string(),
    }
}

/// Leads what a guest sends through `wasi:http` to the one policy and client.
#[derive(Debug)]
pub(crate) struct WasiDoor(pub(crate) Arc<Egress>);

/// What the library wants a request to become: a response, and the work that moves its bytes.
type Sent = (http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

impl WasiHttpHooks for WasiDoor {
    fn set_host_header(&mut self) -> bool {
        false
    }

    /// The policy says which are.
    fn is_supported_scheme(&mut self, _: &Scheme) -> bool {
        true
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        let egress = Arc::clone(&self.0);
        Box::new(async move {
            let answer = egress.send(request, egress.timeouts(options.unwrap_or_default())).await?;
            let work: Box<dyn Future<Output = Result<(), Error>> + Send> = Box::new(answer.work.map(Ok));
            Ok((answer.response, work))
        })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        bounds::HTTP_CHUNK
    }

    fn p3_outgoing_body_chunk_size(&mut self) -> usize {
        bounds::HTTP_CHUNK
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Refused(Refusal::Target(HttpTargetError::Scheme)) => Error::HttpProtocolError,
            SendError::Refused(Refusal::Target(_) | Refusal::Malformed(_)) | SendError::Invalid(_) => {
                Error::HttpRequestUriInvalid
            }
            SendError::Refused(Refusal::Connect) => Error::HttpRequestMethodInvalid,
            SendError::Refused(Refusal::Address { .. }) => Error::DestinationIpProhibited,
            SendError::Refused(Refusal::NotGranted(_) | Refusal::TooMany { .. }) => Error::HttpRequestDenied,
            SendError::TooManyInFlight | SendError::TooManyWaiting => Error::ConnectionLimitReached,
            SendError::TooManyLookups | SendError::LookupTimeout => Error::DnsTimeout,
            SendError::Resolve(error) => Error::DnsError { rcode: Some(error.to_string()), info_code: None },
            SendError::Connect(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                Error::ConnectionRefused
            }
            SendError::Connect(_) => Error::DestinationUnavailable,
            SendError::ConnectTimeout | SendError::TlsTimeout => Error::ConnectionTimeout,
            SendError::Tls(error) if error.to_string().contains("certificate") => Error::TlsCertificateError,
            SendError::Tls(_) => Error::TlsProtocolError,
            SendError::TlsSetup(_) => Error::ConfigurationError,
            SendError::Unsent | SendError::AttemptEnded => Error::ConnectionTerminated,
            SendError::Protocol(error) if error.is_incomplete_message() => Error::HttpResponseIncomplete,
            SendError::Protocol(_) | SendError::BrokenOff(_) => Error::HttpProtocolError,
            SendError::FirstByteTimeout => Error::HttpResponseTimeout,
            SendError::Silence | SendError::OutOfTime => Error::ConnectionReadTimeout,
            SendError::HeadersTooLarge { limit } => Error::HttpRequestHeaderSectionSize(u32::try_from(limit).ok()),
            SendError::TooManyHeaders => Error::HttpRequestHeaderSectionSize(None),
            SendError::TooManyResponseHeaders => Error::HttpResponseHeaderSectionSize(None),
            SendError::HeadTooLarge { limit } => Error::HttpResponseHeaderSectionSize(u32::try_from(limit).ok()),
            SendError::RequestTooLarge { limit } => Error::HttpRequestBodySize(Some(limit)),
            SendError::ResponseTooLarge { limit } => Error::HttpResponseBodySize(Some(limit)),
        }
    }
}
