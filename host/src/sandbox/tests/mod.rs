//! Guests of every temper, each with the report that it has to end in.

mod blocked;
mod bound_headers;
mod cancel;
mod connections;
mod early_answers;
mod http;
mod http_limits;
mod http_malformed;
mod keyvalue;
mod limits;
mod programs;
mod tasks;
mod tls;
mod turns;
mod waiting;
