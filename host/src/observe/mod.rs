//! Who observes: consumers of [`Event`](crate::model::event::Event)s.
//!
//! They hear of a thing after it is in the ledger. They may lag; the daemon never waits for them.

pub mod alerts;

mod json;
mod line;
mod logs;
mod narrate;

pub use alerts::Settings as AlertSettings;
pub use logs::{FilterError, Format, Settings, init};
pub use narrate::narrate;
