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
        Self {
            memory: field(process, "VmRSS:") << 10,
            threads: field(process, "Threads:"),
            descriptors: fs::read_dir(format!("/proc/{process}/fd")).unwrap().count() as u64,
        }
    }
}

/// The most memory that this process has held since its peak was forgotten, in bytes.
pub(super) fn peak() -> u64 {
    field(std::process::id(), "VmHWM:") << 10
}

/// Makes the memory that this process holds now its peak.
pub(super) fn forget_peak() {
    fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// A number of a process's status.
fn field(process: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_ascii_whitespace().next().unwrap().parse().unwrap()
}
