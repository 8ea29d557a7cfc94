//! Tests that start the real binary, as a user would.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alerts;
mod api;
mod asking;
mod cli;
mod egress;
mod hostile;
mod inert;
mod keyvalue;
mod ledger;
mod observe;
mod peers;
mod plugins;
mod project;
mod pypi;
mod reload;
mod restart;
mod samples;
mod security;
mod serve;
mod server;
mod service;
mod torture;
