//! Greets: as a task of sandclock, and as an answer to a request that `wasmtime serve` hands over.
//!
//! One component for both, so that both run the same code. It is not written with the SDK, which logs: a component that
//! imports sandclock's log could not be served by another host.

#![cfg(target_arch = "wasm32")]

mod proxy;
mod task;

/// What either answers with.
const GREETING: &str = "hello, world";
