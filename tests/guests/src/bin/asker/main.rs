//! Asks whatever its payload says through `wasi:http` 0.2, with many requests in flight: a number, how many, and then a
//! URL a line. Prints how many it tried, how many of them could not be put together, and how many
//! were answered in full.

// Off wasm there is no host to ask, and nothing to build.
#[cfg(target_arch = "wasm32")]
mod ask;

fn main() {
    #[cfg(target_arch = "wasm32")]
    ask::ask_all();
}
