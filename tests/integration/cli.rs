//! The command line as a user sees it: what is printed where, how commands exit, and what they do to each other.

mod first_steps;
mod foreground;
mod ledger;
mod strays;
mod streams;
mod transcript;
