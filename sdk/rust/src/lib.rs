//! Write tasks for sandclock, cron for WebAssembly, in Rust.
//!
//! ```
//! use sandclock::{Failure, Output, Run, http, info};
//!
//! #[derive(serde::Deserialize)]
//! struct Payload {
//!     url: String,
//! }
//!
//! #[sandclock::task]
//! fn run(run: Run) -> Result<Output, Failure> {
//!     let payload: Payload = run.payload()?;
//!     let rates: serde_json::Value = http::get(payload.url).send()?.error_for_status()?.json()?;
//!     info!(attempt = run.attempt(), "fetched the rates");
//!     Output::json(&rates)
//! }
//! ```
//!
//! Build it as a `cdylib` for `wasm32-wasip2` (or `wasm32-wasip1`, or `wasm32-unknown-unknown`: the host takes them
//! all), drop the `.wasm` into the plugins folder, and give it a schedule.
//!
//! # What to know
//!
//! - **An attempt starts from nothing.** Each one is a fresh instance; what has to last goes into the [`Output`], to a
//!   service, or into a key-value store: see [`kv`].
//! - **A run is about its slot**, [`Run::slot`], not about the time at which it happens to start.
//! - **A [`Failure`] says whether another attempt could help.** `?` decides that for HTTP and I/O errors.
//! - **Logs** are `tracing` events (the macros are re-exported here) or `log` records; fields are kept. `println!` works
//!   too. The least level is `info`, or what the environment variable `RUST_LOG` says (`debug`, say), if it is granted.
//! - **A panic** ends the attempt, after its message was logged. It counts as a failed attempt.
//! - **Unit tests** run natively: see [`testing`].

#![warn(missing_docs)]

pub mod duration;
mod failure;
pub mod http;
pub mod kv;
mod log;
mod output;
mod payload;
mod run;
mod timestamp;

#[cfg(target_arch = "wasm32")]
#[path = "guest.rs"]
mod host;
#[cfg(not(target_arch = "wasm32"))]
#[path = "native.rs"]
mod host;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use sandclock_macros::task;
pub use tracing::{debug, error, info, trace, warn};

pub use crate::failure::{Context, Failure, FailureKind};
pub use crate::output::{Blob, IntoOutput, Output};
pub use crate::payload::PayloadError;
pub use crate::run::{Cause, Run, TestRun};
pub use crate::timestamp::{Timestamp, TimestampError};

/// What the expansion of `#[sandclock::task]` needs. No promise is made about it.
#[doc(hidden)]
pub mod __private {
    #[cfg(target_arch = "wasm32")]
    pub use crate::host::bindings::{__export_task as export, Guest, sandclock::task::types::RunInfo};
    #[cfg(target_arch = "wasm32")]
    pub use crate::host::{Answer, attempt, bindings};
    pub use crate::output::answer;
}
