//! Sends one request that says which attempt of which run it is, and succeeds if the answer does.

use std::process::ExitCode;

// Off wasm there is no host to ask, and nothing to build.
#[cfg(target_arch = "wasm32")]
mod call;

fn main() -> ExitCode {
    #[cfg(target_arch = "wasm32")]
    return call::call();
    #[cfg(not(target_arch = "wasm32"))]
    ExitCode::SUCCESS
}
