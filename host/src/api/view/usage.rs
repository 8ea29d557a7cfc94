//! What an attempt used.

use serde::Serialize;
use utoipa::ToSchema;

use super::millis;
use crate::model::limits::{self, HttpUsage, LogUsage};

/// What an attempt used.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Usage {
    /// Time.
    pub duration_ms: f64,
    /// Fuel; null where it is not metered.
    pub fuel: Option<u64>,
    /// Bytes of memory at the peak.
    pub peak_memory: u64,
    /// Elements of tables at the peak.
    pub peak_table_elements: u64,
    /// Bytes of output.
    pub output_bytes: u64,
    /// Bytes of log that were kept.
    pub log_bytes: u64,
    /// Lines of log that were kept.
    pub log_lines: u64,
    /// Bytes of log that were dropped.
    pub log_dropped: u64,
    /// HTTP requests.
    pub http_requests: u32,
    /// HTTP requests at once, at the peak.
    pub http_concurrent: u32,
    /// Bytes of the largest HTTP body.
    pub http_largest_body: u64,
    /// Writes to key-value stores.
    pub kv_writes: u32,
}

impl From<&limits::Usage> for Usage {
    fn from(usage: &limits::Usage) -> Self {
        let limits::Usage { duration, fuel, peak_memory, peak_table_elements, output, log, http, kv_writes } = *usage;
        let LogUsage { bytes, lines, dropped } = log;
        let HttpUsage { requests, concurrent, largest_body, statuses: _ } = http;
        Self {
            duration_ms: millis(duration),
            fuel,
            peak_memory,
            peak_table_elements,
            output_bytes: output,
            log_bytes: bytes,
            log_lines: lines,
            log_dropped: dropped,
            http_requests: requests,
            http_concurrent: concurrent,
            http_largest_body: largest_body,
            kv_writes,
        }
    }
}
