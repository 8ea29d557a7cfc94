//! The command line as a user sees it: what is printed where, how commands exit, and what they do to each other.

mod asking;
mod elsewhere;
mod first_steps;
mod foreground;
mod last_night;
mod ledger;
mod pty;
mod strays;
mod streams;
mod top;
mod transcript;
