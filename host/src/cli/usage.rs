//! What an attempt used, as JSON: the same wherever it is shown.

use serde_json::{Value as Json, json};

use super::runs::millis;
use crate::model::limits::{HttpUsage, LogUsage, Usage};

/// The JSON of what an attempt used.
pub(super) fn usage_json(usage: &Usage) -> Json {
    let Usage { duration, fuel, peak_memory, peak_table_elements, output, log, http, kv_writes } = usage;
    let LogUsage { bytes, lines, dropped } = log;
    let HttpUsage { requests, concurrent, largest_body, statuses: _ } = http;
    json!({
        "duration_ms": millis(*duration),
        "fuel": fuel,
        "peak_memory": peak_memory,
        "peak_table_elements": peak_table_elements,
        "output_bytes": output,
        "log_bytes": bytes,
        "log_lines": lines,
        "log_dropped": dropped,
        "http_requests": requests,
        "http_concurrent": concurrent,
        "http_largest_body": largest_body,
        "kv_writes": kv_writes,
    })
}
