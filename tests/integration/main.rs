//! Tests that start the real binary, as a user would.

mod hostile;
mod project;
mod restart;
mod serve;
mod server;
