//! Room for open files and connections: as much as the configuration can ask for, or a warning.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;
use crate::model::overlap::Overlap;
use crate::sandbox::{IDLE_CONNECTIONS, LOOKUPS, OPEN_FILES};

/// Descriptors of the host itself: ledger, logs, API, compiling children, and some in reserve.
const OWN: u64 = 256;

/// Descriptors of one lookup of a name: the system's resolver asks over one, and reads its files and sorts what it found
/// with another.
const OF_A_LOOKUP: u64 = 2;

/// What guests can ask for at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Asked {
    runs: u64,
    /// The largest `limits.http-concurrent` of a task that may send requests at all.
    requests_of_each: u64,
    /// How many of the runs can be of tasks with a granted folder.
    runs_with_folders: u64,
}

impl Asked {
    fn of(config: &Config) -> Self {
        let runs = config.host.max_concurrent_runs.get().into();
        let sending = config.tasks.iter().filter(|task| !task.grants.http.is_empty());
        let with_folders = config.tasks.iter().filter(|task| !task.grants.folders.is_empty());
        let at_once = with_folders.map(|task| match task.overlap {
            Overlap::Allow => runs,
            _ => task.max_concurrent.get().into(),
        });
        Self {
            runs,
            requests_of_each: sending.map(|task| task.limits.http.concurrent.into()).max().unwrap_or(0),
            runs_with_folders: at_once.fold(0, u64::saturating_add).min(runs),
        }
    }

    fn descriptors(self) -> u64 {
        let shared =
            if self.requests_of_each == 0 { 0 } else { IDLE_CONNECTIONS as u64 + LOOKUPS as u64 * OF_A_LOOKUP };
        self.runs * self.requests_of_each + shared + self.runs_with_folders * OPEN_FILES as u64 + OWN
    }

    /// What is to be said if the host may open only so many.
    fn warning(self, allowed: u64) -> Option<String> {
        let Self { runs, requests_of_each, runs_with_folders } = self;
        let asked = self.descriptors();
        (asked > allowed).then(|| {
            format!(
                "the system lets this host open {allowed} files and connections, and it may want {asked}: {runs} runs \
                 (host.max-concurrent-runs) with {requests_of_each} requests each (limits.http-concurrent), \
                 {IDLE_CONNECTIONS} idle connections, {LOOKUPS} lookups of names, {runs_with_folders} runs of tasks with \
                 granted folders with {OPEN_FILES} open files each, and {OWN} more; what cannot be opened fails. Raise the \
                 limit (LimitNOFILE= in systemd, `ulimit -Hn` in a shell) or lower the number of runs or of requests"
            )
        })
    }
}

/// Raises the number of descriptors to what the system allows, as servers do, and warns if that is too little.
pub(super) fn make_room(config: &Config) {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!("cannot raise the number of files and connections that may be open: {error}");
    }
    let allowed = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if let Some(warning) = Asked::of(config).warning(allowed) {
        tracing::warn!("{warning}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_room_is_told_with_its_numbers() {
        let check = |runs, requests_of_each, runs_with_folders, allowed, expected: Option<&str>| {
            let warning = Asked { runs, requests_of_each, runs_with_folders }.warning(allowed);
            assert_eq!(warning.is_some(), expected.is_some(), "{warning:?}");
            assert!(warning.unwrap_or_default().contains(expected.unwrap_or_default()));
        };
        check(64, 16, 0, 1792, None);
        check(64, 16, 0, 1791, Some("open 1791 files and connections, and it may want 1792: 64 runs"));
        check(10_000, 0, 0, 256, None);
        check(1000, 64, 0, 20_000, Some("with 64 requests each (limits.http-concurrent)"));
        check(64, 0, 3, 1096, None);
        check(64, 0, 3, 1095, Some("3 runs of tasks with granted folders with 280 open files each"));
    }
}
