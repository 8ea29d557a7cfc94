//! What a process holds, as `/proc` has it.

use std::fs;

/// What a process holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Footprint {
    /// Bytes of memory now.
    pub memory: u64,
    pub threads: u64,
    pub descriptors: u64,
}

impl Footprint {
    pub(super) fn of(process: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let field = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_ascii_whitespace().next().unwrap().parse().unwrap()
        };
        Self {
            memory: field("VmRSS:") << 10,
            threads: field("Threads:"),
            descriptors: fs::read_dir(format!("/proc/{process}/fd")).unwrap().count() as u64,
        }
    }
}
