//! The proof of the ledger's promises from outside: hosts are killed, the power fails, the clock is set, and afterwards
//! every slot has one entry and everything that was done is accounted for.
//!
//! `cargo xtask test` runs a short form of each, `cargo xtask torture` a long one.

mod account;
mod clock;
mod disk;
pub(crate) mod extent;
mod kills;
mod people;
mod power;
mod recorder;
