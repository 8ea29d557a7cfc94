//! Key-value stores, which outlast an attempt, as far as the task's `grants.kv` allows them.
//!
//! ```
//! # let _stores = sandclock::testing::stores();
//! # fn example() -> Result<(), sandclock::Failure> {
//! use sandclock::kv;
//!
//! let store = kv::open()?;
//! let cursor: Option<String> = store.get_json("cursor")?;
//! store.set_json("cursor", &"2026-11-23T09:00:00Z")?;
//! let runs = store.increment("runs", 1)?;
//! # Ok(())
//! # }
//! # example().unwrap();
//! ```
//!
//! What a call has written is durable when it returns, and stays if the attempt fails; with `transactional = true` in the
//! grant it is made with the attempt's success only.

mod error;
mod store;

pub use error::{Error, ErrorKind};
pub use store::{Keys, Store};

/// The task's own store.
///
/// # Errors
///
/// If no grant has it.
pub fn open() -> Result<Store, Error> {
    Store::open("")
}

/// A store that tasks share.
///
/// # Errors
///
/// If no grant has it.
pub fn open_shared(name: &str) -> Result<Store, Error> {
    Store::open(name)
}
