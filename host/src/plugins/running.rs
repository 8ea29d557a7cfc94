//! A compiler that runs: how the child is started, watched and ended. What its end means is not known here.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

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
            // Against the settings of the host: a thread of the allocator that the limit on memory leaves no room for has
            // it complain so much that nothing else can be read.
            .env("_RJEM_MALLOC_CONF", "background_thread:false")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(output.try_clone().map_err(failed("start"))?)
            .stderr(errors.try_clone().map_err(failed("start"))?)
            .spawn()
            .map_err(failed("start"))?;
        let mut group = Group { child, reaped: false };
        let pidfd = group.pidfd().map_err(failed("watch"))?;
        group.order(order).map_err(failed("give an order to"))?;
        Ok(Self { group, pidfd, output, errors })
    }

    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        let pidfd = self.pidfd.try_clone()?;
        // Waits without reaping: until the group is reaped, or killed and reaped, its number stays its own.
        let wait = move || {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            rustix::io::retry_on_intr(|| rustix::process::waitid(WaitId::PidFd(pidfd.as_fd()), options))
        };
        blocking(wait).await?;
        self.group.reap()
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

/// A child and what it may have started. They are ended when this is dropped.
struct Group {
    child: Child,
    reaped: bool,
}

impl Group {
    fn pid(&self) -> Option<Pid> {
        Pid::from_raw(self.child.id().cast_signed())
    }

    fn pidfd(&self) -> io::Result<OwnedFd> {
        let pid = self.pid().ok_or(io::ErrorKind::NotFound)?;
        Ok(rustix::process::pidfd_open(pid, PidfdFlags::empty())?)
    }

    /// Hands the order over. A pipe takes it at once; and the pipe stays open, as the sign that the host lives.
    fn order(&mut self, order: &Order) -> io::Result<()> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        match self.child.stdin.as_mut().map(|pipe| pipe.write_all(&line)) {
            // A child that is gone already says more by how it ended.
            Some(Err(error)) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }

    /// Takes note of the end of the child.
    fn reap(&mut self) -> io::Result<ExitStatus> {
        // Waiting closes the child's input, so it comes after the end.
        let status = self.child.wait()?;
        self.reaped = true;
        Ok(status)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.reaped {
            return;
        }
        // It is not reaped, so the number is still its own.
        if let Some(group) = self.pid() {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
        let _ = self.reap();
    }
}
