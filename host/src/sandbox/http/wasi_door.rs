//! The doors `wasi:http` 0.2 and 0.3.

use std::sync::Arc;

use futures_util::FutureExt as _;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::sandbox::bounds;
use crate::sandbox::http::Egress;
use crate::sandbox::http::client::SendError;
use crate::sandbox::http::policy::Refusal;

/// Leads what a guest sends through `wasi:http` to the one policy and client.
#[derive(Debug)]
pub(crate) struct WasiDoor(pub(crate) Arc<Egress>);

/// What the library wants a request to become: a response, and the work that moves its bytes.
type Sent = (http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

impl WasiHttpHooks for WasiDoor {
    fn set_host_header(&mut self) -> bool {
        false
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
            SendError::Refused(Refusal::Target(_)) | SendError::Invalid(_) => Error::HttpRequestUriInvalid,
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
