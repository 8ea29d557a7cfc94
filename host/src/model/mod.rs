//! The nouns of sandclock and the rules that need nothing but them.
//!
//! Pure: no I/O, no async, no serde, no clock (`now` is an argument). Nothing here knows how a task is written down,
//! stored or executed.

pub mod id;
pub mod quantity;
pub mod schedule;
pub mod shared;
pub mod slot;

pub mod grants;
pub mod keyvalue;
pub mod limits;
pub mod misfire;
pub mod overlap;
pub mod pause;
pub mod payload;
pub mod ping;
pub mod proxy;
pub mod retention;
pub mod retry;
pub mod task;
pub mod taskset;
pub mod upcoming;
pub mod webhook;

pub mod access;
pub mod audit;

pub mod changes;
pub mod plan;

pub mod cause;
pub mod history;
pub mod key;
pub mod log;
pub mod outcome;
pub mod run;
pub mod tally;
pub mod text;
pub mod trace;
pub mod transition;

pub mod event;

pub mod alert;
