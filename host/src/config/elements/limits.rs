//! `limits`: what an attempt may use.

use crate::config::table::table;
use crate::config::values::{Bytes, Count, Time, Whole};
use crate::model::limits::Limits;

table! {
    /// What one attempt may use. Each limit has a safe default, and none can be switched off.
    pub(in crate::config) struct LimitsTable {
        /// Time from the guest's start to its end, host calls and waiting included. Time in the queue does not count.
        "timeout" => timeout: Time<1> = default("1m"), example "5m";
        /// Units of fuel: about one per WebAssembly instruction. A tight loop burns some 1G a second.
        "fuel" => fuel: Count<1> = default("100G"), example "10G";
        /// Linear memory, summed over all memories of the attempt.
        "memory" => memory: Bytes<{ 64 << 10 }> = default("64MiB"), example "256MiB";
        /// Elements, summed over all tables of the attempt.
        "table-elements" => table_elements: Count<1> = default(100_000), example "500k";
        /// Core instances in one attempt.
        "instances" => instances: Whole<1, 10_000> = default(100), example 200;
        /// Log kept of an attempt: lines on stdout, on stderr and through a log interface. What is above it is counted
        /// and dropped.
        "log" => log: Bytes<0> = default("256KiB"), example "1MiB";
        /// Output of an attempt, which is stored with the run and handed to the tasks after it.
        "output" => output: Bytes<0> = default("1MiB"), example "4MiB";
        /// HTTP requests begun by an attempt. One more is refused.
        "http-requests" => http_requests: Whole<0, 1_000_000> = default(100), example 50;
        /// Body of one HTTP request or response.
        "http-body" => http_body: Bytes<0> = default("8MiB"), example "64MiB";
    }
}

impl LimitsTable {
    pub(in crate::config) fn build(&self) -> Limits {
        let default = Limits::default();
        Limits {
            timeout: self.timeout.value().map_or(default.timeout, |time| time.0),
            fuel: self.fuel.value().map_or(default.fuel, |count| count.0),
            memory: self.memory.value().map_or(default.memory, |bytes| bytes.0),
            table_elements: self.table_elements.value().map_or(default.table_elements, |count| count.0),
            instances: self.instances.value().map_or(default.instances, |number| number.u32()),
            log: self.log.value().map_or(default.log, |bytes| bytes.0),
            output: self.output.value().map_or(default.output, |bytes| bytes.0),
            http_requests: self.http_requests.value().map_or(default.http_requests, |number| number.u32()),
            http_body: self.http_body.value().map_or(default.http_body, |bytes| bytes.0),
        }
    }
}
