//! `limits`: what an attempt may use.

use toml::de::DeValue;

use crate::config::read::{Node, Reader, Value};
use crate::config::shape::Shape;
use crate::config::table::table;
use crate::config::values::{Bytes, Count, Time, Whole};
use crate::model::limits::{Fuel, HttpLimits, Limits};

table! {
    /// What one attempt may use. Each limit has a safe default, and none can be left out. `docs/limits.md` says of each what
    /// it counts, what becomes of a guest that reaches it, and how to choose it.
    pub(in crate::config) struct LimitsTable {
        /// Time from the guest's start to its end, host calls and waiting included. Time in the queue does not count.
        "timeout" => timeout: Time<1> = default("1m"), example "5m";
        /// Units of fuel: about one per WebAssembly instruction. A tight loop burns some 1G a second. `"unmetered"` leaves it
        /// to the timeout to end the guest.
        "fuel" => fuel: Fuel = default("100G"), example "10G";
        /// Linear memory, summed over all memories of the attempt.
        "memory" => memory: Bytes<{ 64 << 10 }> = default("64MiB"), example "256MiB";
        /// Elements, summed over all tables of the attempt.
        "table-elements" => table_elements: Count<1> = default(100_000), example "500k";
        /// Core instances in one attempt.
        "instances" => instances: Whole<1, 10_000> = default(100), example 200;
        /// Handles to streams, requests, timers and the like that the guest has open at once.
        "handles" => handles: Whole<16, 1_000_000> = default(1024), example 4096;
        /// Entries at once in the host's own table of what it holds for the guest.
        "resources" => resources: Whole<16, 1_000_000> = default(2048), example 8192;
        /// What one call may carry from the guest to the host. Where HTTP is granted, `http-body` comes on top.
        "hostcall" => hostcall: Bytes<{ 4 << 10 }> = default("1MiB"), example "4MiB";
        /// Random bytes in one call.
        "random" => random: Bytes<32> = default("64KiB"), example "1MiB";
        /// Log kept of an attempt: lines on stdout, on stderr and through a log interface. What is above it is counted
        /// and dropped.
        "log" => log: Bytes<0> = default("256KiB"), example "1MiB";
        /// Lines of log kept of an attempt. Those above it are counted and dropped.
        "log-lines" => log_lines: Whole<0, 1_000_000> = default(10_000), example 1000;
        /// Output of an attempt, which is stored with the run and handed to the tasks after it.
        "output" => output: Bytes<0> = default("1MiB"), example "4MiB";
        /// HTTP requests begun by an attempt. One more is refused.
        "http-requests" => http_requests: Whole<0, 1_000_000> = default(100), example 50;
        /// HTTP requests in flight at once. One more waits.
        "http-concurrent" => http_concurrent: Whole<1, 1000> = default(16), example 4;
        /// Body of one HTTP request or response.
        "http-body" => http_body: Bytes<0> = default("8MiB"), example "64MiB";
        /// Headers of one HTTP request, and status line and headers of one response.
        "http-headers" => http_headers: Bytes<{ 8 << 10 }> = default("32KiB"), example "128KiB";
        /// Time to resolve a name and connect to one of its addresses.
        "http-connect" => http_connect: Time<1> = default("10s"), example "3s";
        /// Time for a TLS handshake.
        "http-tls" => http_tls: Time<1> = default("10s"), example "3s";
        /// Time from an HTTP request's first byte to the head of the response.
        "http-first-byte" => http_first_byte: Time<1> = default("1m"), example "10s";
        /// Time between two pieces of the body of an HTTP response.
        "http-between-bytes" => http_between_bytes: Time<1> = default("30s"), example "5s";
        /// Time for all of one HTTP request, to the last byte of its body and of the response.
        "http-total" => http_total: Time<1> = default("5m"), example "30s";
        /// Writes of an attempt to key-value stores. One more is refused.
        "kv-writes" => kv_writes: Whole<0, 1_000_000> = default(1000), example 5000;
    }
}

impl LimitsTable {
    pub(in crate::config) fn build(&self) -> Limits {
        let default = Limits::default();
        Limits {
            timeout: self.timeout.value().map_or(default.timeout, |time| time.0),
            fuel: self.fuel.value().unwrap_or(default.fuel),
            memory: self.memory.value().map_or(default.memory, |bytes| bytes.0),
            table_elements: self.table_elements.value().map_or(default.table_elements, |count| count.0),
            instances: self.instances.value().map_or(default.instances, |number| number.u32()),
            handles: self.handles.value().map_or(default.handles, |number| number.u32()),
            resources: self.resources.value().map_or(default.resources, |number| number.u32()),
            hostcall: self.hostcall.value().map_or(default.hostcall, |bytes| bytes.0),
            random: self.random.value().map_or(default.random, |bytes| bytes.0),
            log: self.log.value().map_or(default.log, |bytes| bytes.0),
            log_lines: self.log_lines.value().map_or(default.log_lines, |number| number.u32()),
            output: self.output.value().map_or(default.output, |bytes| bytes.0),
            http: self.build_http(default.http),
            kv_writes: self.kv_writes.value().map_or(default.kv_writes, |number| number.u32()),
        }
    }

    fn build_http(&self, default: HttpLimits) -> HttpLimits {
        HttpLimits {
            requests: self.http_requests.value().map_or(default.requests, |number| number.u32()),
            concurrent: self.http_concurrent.value().map_or(default.concurrent, |number| number.u32()),
            body: self.http_body.value().map_or(default.body, |bytes| bytes.0),
            headers: self.http_headers.value().map_or(default.headers, |bytes| bytes.0),
            connect: self.http_connect.value().map_or(default.connect, |time| time.0),
            tls: self.http_tls.value().map_or(default.tls, |time| time.0),
            first_byte: self.http_first_byte.value().map_or(default.first_byte, |time| time.0),
            between_bytes: self.http_between_bytes.value().map_or(default.between_bytes, |time| time.0),
            total: self.http_total.value().map_or(default.total, |time| time.0),
        }
    }
}

impl Value for Fuel {
    fn shape() -> Shape {
        match Count::<1>::shape() {
            Shape::Either(mut shapes) => {
                shapes.push(Shape::Text { what: "\"unmetered\"".into() });
                Shape::Either(shapes)
            }
            shape => shape,
        }
    }

    fn read(node: Node<'_>, reader: &mut Reader) -> Option<Self> {
        match node.get_ref() {
            DeValue::String(word) if word == "unmetered" => Some(Fuel::Unmetered),
            _ => Count::<1>::read(node, reader).map(|count| Fuel::Metered(count.0)),
        }
    }
}
