//! sandclock: cron for WebAssembly.
//!
//! The modules in reading order, from the nouns to the command line. Each may use those above it as the table in
//! `ARCHITECTURE.md` says, and a test holds the code to that table.
#![warn(missing_docs)]

pub mod model;

pub mod clock;

pub mod ledger;
pub mod observe;
pub mod sandbox;

pub mod plugins;

pub mod daemon;

pub mod config;

pub mod api;

pub mod cli;

#[doc(hidden)]
pub mod fuzzing;
