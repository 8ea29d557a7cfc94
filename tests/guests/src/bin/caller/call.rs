//! The request, through `sandclock:task/http`.

use std::env::var;
use std::io::Read;
use std::process::ExitCode;

use host::sandclock::task::http;

/// What it imports beside WASI.
mod host {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package tests:guests; world caller { import sandclock:task/http@0.1.0; }",
        world: "tests:guests/caller",
        generate_all,
    });
}

/// `EX_TEMPFAIL`: a failure that may pass.
const TRANSIENT: u8 = 75;

pub(crate) fn call() -> ExitCode {
    let fact = |name: &str| var(name).unwrap_or_default();
    let mut url = String::new();
    // Without a URL the request is refused, and that is told.
    let _ = std::io::stdin().read_to_string(&mut url);
    url += &format!("/{}/{}", fact("SANDCLOCK_IDEMPOTENCY_KEY"), fact("SANDCLOCK_ATTEMPT"));
    let request =
        http::Request { method: "POST".to_owned(), url, headers: Vec::new(), body: Vec::new(), timeout: None };
    match http::send(&request) {
        Ok(response) if response.status < 300 => ExitCode::SUCCESS,
        _ => ExitCode::from(TRANSIENT),
    }
}
