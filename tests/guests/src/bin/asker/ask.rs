//! The requests.

#![expect(clippy::print_stdout, reason = "what a plain program prints is its log")]

use std::collections::VecDeque;
use std::io::Read as _;

use self::bindings::wasi::http::outgoing_handler::handle;
use self::bindings::wasi::http::types::{Fields, FutureIncomingResponse, IncomingResponse, OutgoingRequest, Scheme};
use self::bindings::wasi::io::poll::{Pollable, poll};
use self::bindings::wasi::io::streams::StreamError;

#[allow(
    unreachable_pub,
    unsafe_code,
    clippy::allow_attributes,
    reason = "generated, and not the same in every version"
)]
mod bindings {
    wit_bindgen::generate!({ path: "wit/asker.wit", world: "asker", generate_all });
}

/// A request in flight. What waits for it goes first.
struct Flight {
    pollable: Pollable,
    response: FutureIncomingResponse,
}

/// Asks all of the payload's URLs.
pub(crate) fn ask_all() {
    let mut payload = String::new();
    std::io::stdin().read_to_string(&mut payload).expect("the payload is text");
    let mut lines = payload.lines();
    let most: usize = lines.next().and_then(|line| line.parse().ok()).expect("a number in the first line");
    let mut urls: VecDeque<&str> = lines.collect();
    let tried = urls.len();
    let (mut refused, mut answered) = (0, 0);
    let mut flights: Vec<Flight> = Vec::new();
    while !urls.is_empty() || !flights.is_empty() {
        while flights.len() < most
            && let Some(url) = urls.pop_front()
        {
            let Some(request) = put_together(url) else {
                refused += 1;
                continue;
            };
            if let Ok(response) = handle(request, None) {
                flights.push(Flight { pollable: response.subscribe(), response });
            }
        }
        if flights.is_empty() {
            continue;
        }
        let mut ready = poll(&flights.iter().map(|flight| &flight.pollable).collect::<Vec<_>>());
        // From the last to the first, so that the numbers of the others stay true.
        ready.sort_unstable();
        for at in ready.into_iter().rev() {
            let Flight { pollable, response } = flights.remove(at as usize);
            drop(pollable);
            if let Some(Ok(Ok(response))) = response.get() {
                answered += usize::from(read(response));
            }
        }
    }
    println!("tried {tried}, not put together {refused}, answered {answered}");
}

/// A GET request; none if the host refuses a part of it. With a space between them, the URL may have any authority and any
/// path.
fn put_together(url: &str) -> Option<OutgoingRequest> {
    let (scheme, rest) = url.split_once("://").expect("a URL with a scheme");
    let (authority, path) = rest.split_once(' ').unwrap_or_else(|| rest.split_at(rest.find('/').unwrap_or(rest.len())));
    let request = OutgoingRequest::new(Fields::new());
    let scheme = if scheme == "https" { Scheme::Https } else { Scheme::Http };
    request.set_scheme(Some(&scheme)).ok()?;
    request.set_authority(Some(authority)).ok()?;
    request.set_path_with_query(Some(path)).ok()?;
    Some(request)
}

/// Reads a response; whether it came to its end.
fn read(response: IncomingResponse) -> bool {
    let body = response.consume().expect("the body is there once");
    let stream = body.stream().expect("the stream is there once");
    loop {
        match stream.blocking_read(1 << 16) {
            Ok(_) => {}
            Err(end) => return matches!(end, StreamError::Closed),
        }
    }
}
