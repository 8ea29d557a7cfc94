//! `retention`: how much of a task's past the ledger keeps.

use crate::config::table::table;
use crate::config::values::{Bytes, Count, Time};
use crate::model::retention::Retention;

table! {
    /// How much of a task's past the ledger keeps. What exceeds one of these bounds is removed, oldest first, some minutes
    /// later. Runs that are not over stay, and so do the last success and the last failure. `docs/ledger.md` says more.
    pub(in crate::config) struct RetentionTable {
        /// How old a run may be.
        "age" => age: Time<1000> = default("90d"), example "1d";
        /// How many runs are kept.
        "runs" => runs: Count<1> = default(100_000), example "10k";
        /// How much of the ledger the task's runs may take, with their logs, payloads and outputs.
        "bytes" => bytes: Bytes<{ 64 << 10 }> = default("100MiB"), example "1GiB";
        /// How old the log of a run may be. The run itself may be kept longer.
        "logs" => logs: Time<1000> = default("14d"), example "2d";
    }
}

impl RetentionTable {
    pub(in crate::config) fn build(&self) -> Retention {
        let default = Retention::default();
        Retention {
            age: self.age.value().map_or(default.age, |time| time.0),
            runs: self.runs.value().map_or(default.runs, |count| count.0),
            bytes: self.bytes.value().map_or(default.bytes, |bytes| bytes.0),
            logs: self.logs.value().map_or(default.logs, |time| time.0),
        }
    }
}
