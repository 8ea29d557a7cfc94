//! The HTTP API of a running host, over TCP and over its control socket.

mod asking;
mod client;
mod following;
mod guide;
mod limits;
mod routes;
mod schemathesis;
