//! The real program as a process of its own, and what the kernel tells of it: memory, processor time, wake-ups.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use sandclock_host::clock::Clock;

/// The argument that makes this program be `sandclock`.
pub(crate) const AS_HOST: &str = "host";
/// How long a host may take to come to rest.
const PATIENCE: Duration = Duration::from_secs(120);
/// A host is at rest when a look after this long finds that it did next to nothing.
const LOOK: Duration = Duration::from_millis(500);
/// What next to nothing is.
const REST: Duration = Duration::from_millis(2);

/// `sandclock serve`. Dropping it kills it.
pub(crate) struct Hosted {
    child: Child,
    log: BufReader<ChildStderr>,
}

/// What threads have done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Work {
    pub processor: Duration,
    /// How often a thread came back after it had gone to sleep.
    pub wake_ups: u64,
}

/// What each thread of a process has done since it began.
pub(crate) struct Threads(BTreeMap<OsString, Work>);

impl Threads {
    /// What was done since an earlier look; by a thread that has ended meanwhile, nothing.
    pub(crate) fn since(&self, earlier: &Threads) -> Work {
        let mut all = Work::default();
        for (thread, work) in &self.0 {
            let before = earlier.0.get(thread).copied().unwrap_or_default();
            // The number of a thread that has ended may be another one's.
            all.processor += work.processor.saturating_sub(before.processor);
            all.wake_ups += work.wake_ups.saturating_sub(before.wake_ups);
        }
        all
    }
}

impl Hosted {
    /// Starts it, with a log of these levels.
    pub(crate) fn start(config: &Path, log: &str) -> anyhow::Result<Self> {
        let mut child = Command::new("/proc/self/exe")
            .args([AS_HOST, "serve", "--log", log, "--config"])
            .arg(config)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("start the host")?;
        let log = BufReader::new(child.stderr.take().context("the host has no log")?);
        Ok(Self { child, log })
    }

    /// Reads its log until so many lines have had these words.
    pub(crate) fn says(&mut self, words: &str, times: usize) -> anyhow::Result<()> {
        let mut heard = String::new();
        let mut missing = times;
        while missing > 0 {
            let before = heard.len();
            if self.log.read_line(&mut heard)? == 0 {
                bail!("the host ended before it said {words:?}: {heard}");
            }
            missing -= usize::from(heard[before..].contains(words));
        }
        Ok(())
    }

    /// Waits until it does next to nothing.
    pub(crate) fn rests(&self, clock: Clock) -> anyhow::Result<()> {
        let started = clock.monotonic();
        let mut last = self.threads()?;
        while started.elapsed() < PATIENCE {
            pause(LOOK);
            let threads = self.threads()?;
            if threads.since(&last).processor <= REST {
                return Ok(());
            }
            last = threads;
        }
        bail!("the host does not come to rest")
    }

    /// What its threads have done.
    pub(crate) fn threads(&self) -> anyhow::Result<Threads> {
        let mut all = BTreeMap::new();
        for thread in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let thread = thread?;
            let read = |name| fs::read_to_string(thread.path().join(name));
            // A thread may end between being listed and being read.
            let (Ok(scheduled), Ok(status)) = (read("schedstat"), read("status")) else { continue };
            let work = Work {
                processor: on_processor(&scheduled).context("cannot read schedstat")?,
                wake_ups: number(&status, "voluntary_ctxt_switches:").context("cannot read status")?,
            };
            all.insert(thread.file_name(), work);
        }
        Ok(Threads(all))
    }

    /// Bytes of memory that are its own, and in no file.
    pub(crate) fn memory(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        Ok(number(&status, "RssAnon:").context("cannot read status")? * 1024)
    }
}

impl Drop for Hosted {
    fn drop(&mut self) {
        // It has ended by itself if it cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How often the kernel had to find a page for this process so far, without reading it from a disk: `minflt` of proc(5).
pub(crate) fn page_faults() -> anyhow::Result<u64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    minor_faults(&stat).context("cannot read /proc/self/stat")
}

/// The tenth field of `/proc/PID/stat`; the second is a name in brackets, which may hold anything.
fn minor_faults(stat: &str) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(7)?.parse().ok()
}

/// How long the one thread of this process that has this name had a processor.
pub(crate) fn time_of_thread(name: &str) -> anyhow::Result<Duration> {
    for thread in fs::read_dir("/proc/self/task")? {
        let thread = thread?.path();
        if fs::read_to_string(thread.join("comm"))?.trim_end() == name {
            return time_of(&thread);
        }
    }
    bail!("there is no thread called {name}")
}

/// How long a thread had a processor, by its folder under `/proc`.
pub(crate) fn time_of(thread: &Path) -> anyhow::Result<Duration> {
    on_processor(&fs::read_to_string(thread.join("schedstat"))?).context("cannot read schedstat")
}

/// Lets a process go on while it is looked at.
pub(crate) fn pause(length: Duration) {
    #[expect(clippy::disallowed_methods, reason = "how long it is looked at is part of the measurement")]
    std::thread::sleep(length);
}

/// The number after a key at the beginning of a line, as in `/proc/PID/status`.
fn number(status: &str, key: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(key))?;
    value.split_whitespace().next()?.parse().ok()
}

/// How long a thread had a processor: the first number of its `schedstat`, in nanoseconds.
fn on_processor(scheduled: &str) -> Option<Duration> {
    scheduled.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        let status =
            "Name:\tsandclock\nRssAnon:\t   12345 kB\nvoluntary_ctxt_switches:\t17\nnonvoluntary_ctxt_switches:\t4\n";
        assert_eq!(number(status, "RssAnon:"), Some(12345));
        assert_eq!(number(status, "voluntary_ctxt_switches:"), Some(17));
        assert_eq!(number(status, "RssFile:"), None);
        assert_eq!(on_processor("1234567 89 3\n"), Some(Duration::from_nanos(1_234_567)));
        assert_eq!(on_processor(""), None);
        assert_eq!(minor_faults("7 (a) b) S 1 7 7 0 -1 4194560 120 0 3 0 5 6"), Some(120));
    }
}
