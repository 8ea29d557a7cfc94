//! What sandclock calls.

#![expect(unsafe_code, reason = "the contract's bindings pass memory to the host")]

wit_bindgen::generate!({ path: "../../wit", world: "task", generate_all });

use sandclock::task::types::Blob;

use crate::GREETING;

struct Greeter;

impl Guest for Greeter {
    fn run(_: RunInfo) -> Result<Output, Failure> {
        Ok(Some(Blob { content_type: "text/plain".to_owned(), bytes: GREETING.into() }))
    }
}

export!(Greeter);
