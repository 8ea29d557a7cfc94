//! What the system says of this process, under the names that every exporter has for it.

use std::fs;

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// What the system says of this process. What it does not say is none.
#[derive(Debug, Default)]
pub(super) struct Process {
    pub(super) cpu_seconds: f64,
    pub(super) resident: Option<u64>,
    pub(super) virtual_size: Option<u64>,
    pub(super) threads: Option<u64>,
    pub(super) open_files: Option<u64>,
    pub(super) most_files: Option<u64>,
}

impl Process {
    pub(super) fn look() -> Self {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let kibibytes = |key| field(&status, key).map(|number| number << 10);
        Self {
            cpu_seconds: time.tv_sec as f64 + time.tv_nsec as f64 / 1e9,
            resident: kibibytes("VmRSS:"),
            virtual_size: kibibytes("VmSize:"),
            threads: field(&status, "Threads:"),
            // The descriptor of the listing itself is one of them.
            open_files: fs::read_dir("/proc/self/fd").ok().map(|files| (files.count() as u64).saturating_sub(1)),
            most_files: getrlimit(Resource::Nofile).current,
        }
    }
}

/// The number behind a key of `/proc/self/status`.
fn field(status: &str, key: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix(key))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_knows_itself() {
        let Process { cpu_seconds, resident, virtual_size, threads, open_files, most_files } = Process::look();
        assert!(cpu_seconds > 0.0 && threads > Some(0) && open_files > Some(2) && most_files >= open_files);
        assert!(resident > Some(1 << 20) && virtual_size >= resident);
    }
}
