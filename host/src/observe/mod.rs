//! Who observes: consumers of [`Event`](crate::model::event::Event)s.
//!
//! They hear of a thing after it is in the ledger. They may lag; the daemon never waits for them.

mod json;
mod line;
mod logs;
mod narrate;

pub use logs::{FilterError, Format, Settings, init};
pub use narrate::narrate;
