//! What `wasmtime serve` calls.

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

use crate::GREETING;

struct Greeter;

impl Guest for Greeter {
    fn handle(_: IncomingRequest, answer: ResponseOutparam) {
        // A failure is a trap, which whoever measures sees as an answer of another status.
        let length = GREETING.len().to_string().into_bytes();
        let fields = Fields::from_list(&[("content-length".to_owned(), length)]).expect("the field is well-formed");
        let response = OutgoingResponse::new(fields);
        let body = response.body().expect("nobody has taken the body");
        ResponseOutparam::set(answer, Ok(response));
        let stream = body.write().expect("nobody has taken the stream");
        stream.blocking_write_and_flush(GREETING.as_bytes()).expect("somebody reads the answer");
        drop(stream);
        OutgoingBody::finish(body, None).expect("the body is as long as was said");
    }
}

wasip2::http::proxy::export!(Greeter);
