//! What one attempt did use, measured by the host.

use std::time::Duration;

/// What one attempt did use, measured by the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// From the guest's start to its end.
    pub duration: Duration,
    /// Fuel burned; none where it is not metered.
    pub fuel: Option<u64>,
    /// The most linear memory it had at once, in bytes, over all memories.
    pub peak_memory: u64,
    /// The most elements that its tables had at once, over all tables.
    pub peak_table_elements: u64,
    /// Bytes of output.
    pub output: u64,
    /// What it logged.
    pub log: LogUsage,
    /// Its HTTP requests.
    pub http: HttpUsage,
    /// Writes to key-value stores, refused ones included.
    pub kv_writes: u32,
}

/// What an attempt logged, without the host's own lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogUsage {
    /// Bytes kept.
    pub bytes: u64,
    /// Lines kept.
    pub lines: u64,
    /// Bytes dropped because a limit was reached.
    pub dropped: u64,
}

/// The HTTP requests of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HttpUsage {
    /// Requests begun, refused ones included.
    pub requests: u32,
    /// The most that were in flight at once.
    pub concurrent: u32,
    /// Bytes of the largest body, of a request or a response.
    pub largest_body: u64,
    /// Responses by the first digit of their status, from 2 to 5. Metrics count them; the ledger does not keep them.
    pub statuses: [u32; 4],
}
