//! A compiler that runs: how the child is started, watched and ended. What its end means is not known here.
//!
//! One that runs only where nobody else wants to would never end on a host that is busy for good, so what it gets of the
//! processors is watched.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::pin::pin;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions};

use super::blocking;
use super::child::Order;
use super::compile::CompileFailure;

/// A compiler that runs.
pub(super) struct Running {
    group: Group,
    /// The child. Unlike the number of a process, it never comes to mean another.
    pidfd: OwnedFd,
    output: File,
    errors: File,
}

impl Running {
    pub(super) fn start(program: &Path, order: &Order, threads: usize, folder: &Path) -> Result<Self, CompileFailure> {
        let failed = |what| move |error: io::Error| CompileFailure::Process(what, error);
        // Files rather than pipes: however much it says, it is not held up, and there is no reader to keep going.
        let file = || tempfile::tempfile_in(folder).map_err(failed("make room for the output of"));
        let (output, errors) = (file()?, file()?);
        let child = Command::new(program)
            .arg0("sandclock")
            .arg("compile-child")
            // What a plugin might get out of a compiler should not be the host's secrets.
            .env_clear()
            .env("RAYON_NUM_THREADS", threads.to_string())
            // Threads of the allocator's own would start before the child gives way, and not give way; and where the limit
            // on memory leaves no room for them, it complains so much that nothing else can be read.
            .env("_RJEM_MALLOC_CONF", "background_thread:false,narenas:2")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(output.try_clone().map_err(failed("start"))?)
            .stderr(errors.try_clone().map_err(failed("start"))?)
            .spawn()
            .map_err(failed("start"))?;
        let mut group = Group(Some(child));
        let pidfd = group.pidfd().map_err(failed("watch"))?;
        group.order(order).map_err(failed("give an order to"))?;
        Ok(Self { group, pidfd, output, errors })
    }

    /// Waits until it has ended.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.gone()?.await?;
        self.group.reap()
    }

    /// The same, unless it is starved: then none.
    pub(super) async fn ended_unless_starved(&mut self) -> io::Result<Option<ExitStatus>> {
        let mut gone = pin!(self.gone()?);
        let mut before = Duration::ZERO;
        loop {
            if let Ok(gone) = tokio::time::timeout(LOOK, &mut gone).await {
                gone?;
                return self.group.reap().map(Some);
            }
            let now = self.group.processor_time()?;
            if starved(now.saturating_sub(before)) {
                return Ok(None);
            }
            before = now;
        }
    }

    /// Waits without reaping: until the group is reaped, or killed and reaped, its number stays its own.
    fn gone(&self) -> io::Result<impl Future<Output = io::Result<()>> + use<>> {
        let pidfd = self.pidfd.try_clone()?;
        Ok(blocking(move || {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            rustix::io::retry_on_intr(|| rustix::process::waitid(WaitId::PidFd(pidfd.as_fd()), options))?;
            Ok(())
        }))
    }

    /// What it wrote to stdout and to stderr, as far as somebody may want to know it.
    pub(super) fn written(&mut self) -> io::Result<(String, String)> {
        let read = |file: &mut File| -> io::Result<String> {
            let mut bytes = Vec::new();
            file.rewind()?;
            file.take(1 << 20).read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        Ok((read(&mut self.output)?, read(&mut self.errors)?))
    }
}

/// How often it is looked at what a compiler gets.
const LOOK: Duration = Duration::from_secs(1);

/// Whether a compiler that had so much time on processors between two looks is starved: less than a quarter of one, which
/// is about what it would get of two that are busy if it had a share.
fn starved(had: Duration) -> bool {
    had < LOOK / 4
}

/// A child and what it may have started; none when it is reaped. They are ended when this is dropped.
struct Group(Option<Child>);

impl Group {
    fn child(&mut self) -> io::Result<&mut Child> {
        self.0.as_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn pidfd(&mut self) -> io::Result<OwnedFd> {
        let pid = pid(self.child()?).ok_or(io::ErrorKind::NotFound)?;
        Ok(rustix::process::pidfd_open(pid, PidfdFlags::empty())?)
    }

    /// Hands the order over. A pipe takes it at once; and the pipe stays open, as the sign that the host lives.
    fn order(&mut self, order: &Order) -> io::Result<()> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        match self.child()?.stdin.as_mut().map(|pipe| pipe.write_all(&line)) {
            // A child that is gone already says more by how it ended.
            Some(Err(error)) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }

    /// How long it had a processor so far, on all its threads.
    fn processor_time(&mut self) -> io::Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child()?.id()))?;
        processor_time(&stat).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Takes note of the end of the child.
    fn reap(&mut self) -> io::Result<ExitStatus> {
        // Waiting closes the child's input, so it comes after the end.
        let status = self.child()?.wait()?;
        self.0 = None;
        Ok(status)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let Some(mut child) = self.0.take() else { return };
        // It is not reaped, so the number is still its own.
        if let Some(group) = pid(&child) {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
        // On a busy host a process that was starved takes its time to end as well, and nobody is to wait for it.
        let reaping = std::thread::Builder::new().name("reaper".to_owned()).spawn(move || child.wait());
        if let Err(error) = reaping {
            tracing::debug!("a compiler that was ended stays listed until the host ends: {error}");
        }
    }
}

fn pid(child: &Child) -> Option<Pid> {
    Pid::from_raw(child.id().cast_signed())
}

/// `utime` and `stime` of proc(5), which has them in hundredths of a second; a name in brackets before may hold anything.
fn processor_time(stat: &str) -> Option<Duration> {
    let mut numbers = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut time = || numbers.next()?.parse::<u64>().ok();
    Some(Duration::from_millis((time()? + time()?) * 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_on_processors_is_read() {
        let check = |stat: &str, expected: Option<u64>| {
            assert_eq!(processor_time(stat), expected.map(Duration::from_millis), "{stat}");
        };
        check("7 (a) b) R 1 7 7 0 -1 4194560 120 0 3 0 150 25 0 0 30 10 4", Some(1750));
        check("7 (a) R 1 7 7 0 -1 4194560 120 0 3 0 150", None);
        check("", None);
        assert!(processor_time(&fs::read_to_string("/proc/self/stat").unwrap()).is_some());
    }

    #[test]
    fn who_gets_next_to_nothing_is_starved() {
        for (milliseconds, expected) in [(0, true), (240, true), (250, false), (2000, false)] {
            assert_eq!(starved(Duration::from_millis(milliseconds)), expected, "{milliseconds} ms");
        }
    }
}
