//! Sees everything that a program does to the files of a folder, as the kernel is asked for it.
//!
//! By ptrace, from this process: it needs no privilege, no file system of its own and nothing installed, and the program
//! is the one that users run. What a program could do to a file without being seen here ends the recording.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use nix::sys::ptrace::{self, Options};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use rustix::process::Signal;

use super::disk::Operation;

/// Calls of the system on x86-64, by their numbers.
mod call {
    pub(super) const WRITE: u64 = 1;
    pub(super) const MMAP: u64 = 9;
    pub(super) const PWRITE: u64 = 18;
    pub(super) const FSYNC: u64 = 74;
    pub(super) const FDATASYNC: u64 = 75;
    pub(super) const FTRUNCATE: u64 = 77;
    pub(super) const RENAME: u64 = 82;
    pub(super) const UNLINK: u64 = 87;
    pub(super) const OPENAT: u64 = 257;
    pub(super) const UNLINKAT: u64 = 263;
    /// On descriptors, and not understood here: writev, sendfile, fallocate, pwritev, pwritev2.
    pub(super) const UNKNOWN: [u64; 5] = [20, 40, 285, 296, 328];
}

/// How long a program may take that is recorded.
const LIMIT: Duration = Duration::from_secs(300);
const STDERR: u64 = 2;
/// The error of a call that does not exist.
const ENOSYS: i64 = 38;

/// Runs a program to its end. `watch` sees each operation, and can have the program sent a signal.
#[expect(clippy::zombie_processes, reason = "whoever traces a process waits for it by its number")]
pub(super) fn record(
    command: &Command,
    folder: &Path,
    mut watch: impl FnMut(&Operation) -> Option<Signal>,
) -> Vec<Operation> {
    // The shell waits until we look on, and then becomes the program.
    let mut child = Command::new("/bin/sh")
        .args(["-c", "read -r _ && exec \"$0\" \"$@\" < /dev/null"])
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(command.get_current_dir().unwrap_or(Path::new(".")))
        .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let options = Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEEXEC
        | Options::PTRACE_O_EXITKILL;
    ptrace::seize(pid, options).expect("a child can be traced");
    ptrace::interrupt(pid).unwrap();
    let process = rustix::process::Pid::from_child(&child);
    let (ended, wait) = mpsc::channel::<()>();
    let guard = std::thread::spawn(move || {
        if wait.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
            // It may have ended this instant.
            let _ = rustix::process::kill_process(process, Signal::KILL);
        }
    });

    let mut tracer =
        Tracer { pid, folder: folder.to_owned(), entered: HashMap::new(), operations: Vec::new(), seen: 0 };
    let mut start = child.stdin.take();
    // Of this thread only: other tests have children too.
    let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
    loop {
        let thread = match waitpid(None, Some(flags)).unwrap() {
            WaitStatus::PtraceSyscall(thread) => {
                tracer.stopped(thread);
                thread
            }
            WaitStatus::PtraceEvent(thread, ..) => thread,
            WaitStatus::Stopped(thread, signal) => {
                let _ = ptrace::syscall(thread, signal);
                continue;
            }
            WaitStatus::Exited(ended, _) | WaitStatus::Signaled(ended, ..) if ended == pid => break,
            _ => continue,
        };
        for operation in &tracer.operations[tracer.seen..] {
            if let Some(signal) = watch(operation) {
                rustix::process::kill_process(process, signal).unwrap();
            }
        }
        tracer.seen = tracer.operations.len();
        // A thread that is gone in the meantime is told by the next status.
        let _ = ptrace::syscall(thread, None);
        if let Some(mut start) = start.take() {
            writeln!(start).unwrap();
        }
    }
    let _ = ended.send(());
    guard.join().unwrap();
    tracer.operations
}

struct Tracer {
    pid: Pid,
    folder: PathBuf,
    /// The calls that threads are in.
    entered: HashMap<Pid, Call>,
    operations: Vec<Operation>,
    /// How many of the operations were watched.
    seen: usize,
}

#[derive(Clone, Copy)]
struct Call {
    number: u64,
    arguments: [u64; 6],
}

impl Tracer {
    /// A thread enters a call of the system, or leaves one.
    fn stopped(&mut self, thread: Pid) {
        let Ok(registers) = ptrace::getregs(thread) else { return };
        // A call that is entered shows this; so a stop is never taken for the other one, whatever came between.
        if registers.rax.cast_signed() != -ENOSYS {
            if let Some(call) = self.entered.remove(&thread) {
                self.left(call, registers.rax.cast_signed());
            }
            return;
        }
        let arguments = [registers.rdi, registers.rsi, registers.rdx, registers.r10, registers.r8, registers.r9];
        let call = Call { number: registers.orig_rax, arguments };
        if call.number == call::WRITE && call.arguments[0] == STDERR {
            // Before it is out: whatever it says was so before.
            let said = self.read(call.arguments[1], call.arguments[2]);
            self.operations.push(Operation::Said(said));
        }
        self.entered.insert(thread, call);
    }

    fn left(&mut self, Call { number, arguments }: Call, result: i64) {
        if result < 0 {
            return;
        }
        let [first, second, third, fourth, ..] = arguments;
        let operation = match number {
            call::PWRITE | call::WRITE => {
                let Some(name) = self.named(first) else { return };
                assert!(number == call::PWRITE, "{name} is written to without a place");
                Operation::Write { name, at: fourth, bytes: self.read(second, result.unsigned_abs()) }
            }
            call::FTRUNCATE => {
                let Some(name) = self.named(first) else { return };
                Operation::Truncate { name, length: second }
            }
            call::FSYNC | call::FDATASYNC => match self.path(first) {
                Some(path) if path == self.folder => Operation::SyncFolder,
                _ => {
                    let Some(name) = self.named(first) else { return };
                    Operation::Sync { name }
                }
            },
            call::OPENAT => {
                let Some(name) = self.named(result.unsigned_abs()) else { return };
                Operation::Create { name }
            }
            call::UNLINK | call::UNLINKAT => {
                let path = if number == call::UNLINK { first } else { second };
                let Some(name) = self.name(&self.text(path)) else { return };
                Operation::Unlink { name }
            }
            call::RENAME => {
                let names = (self.name(&self.text(first)), self.name(&self.text(second)));
                let (Some(from), Some(to)) = names else { return };
                Operation::Rename { from, to }
            }
            call::MMAP => {
                let (writes, is_shared) = (third & 2 != 0, fourth & 3 == 1);
                let name = if writes && is_shared { self.named(arguments[4]) } else { None };
                // The index of the write-ahead log is made anew after a power cut.
                assert!(name.is_none(), "writes to {name:?} could not be seen");
                return;
            }
            _ if call::UNKNOWN.contains(&number) => {
                let name = self.named(first);
                assert!(name.is_none(), "the call {number} on {name:?} is not understood");
                return;
            }
            _ => return,
        };
        self.operations.push(operation);
    }

    /// The file that a descriptor is of, if it is one that we record.
    fn named(&self, descriptor: u64) -> Option<String> {
        self.name(&self.path(descriptor)?)
    }

    fn path(&self, descriptor: u64) -> Option<PathBuf> {
        fs::read_link(format!("/proc/{}/fd/{descriptor}", self.pid)).ok()
    }

    /// The database's files; that of shared memory says nothing that counts.
    fn name(&self, path: &Path) -> Option<String> {
        let name = path.strip_prefix(&self.folder).ok()?.to_str()?;
        (name.starts_with("ledger.db") && !name.ends_with("-shm") && !name.contains('/')).then(|| name.to_owned())
    }

    fn read(&self, address: u64, length: u64) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(length).unwrap()];
        File::open(format!("/proc/{}/mem", self.pid)).unwrap().read_exact_at(&mut bytes, address).unwrap();
        bytes
    }

    /// A path among the arguments of a call.
    fn text(&self, address: u64) -> PathBuf {
        let memory = File::open(format!("/proc/{}/mem", self.pid)).unwrap();
        let mut text = Vec::new();
        let mut byte = [0];
        while memory.read_at(&mut byte, address + text.len() as u64).unwrap_or(0) == 1 && byte != [0] {
            text.push(byte[0]);
        }
        let path = PathBuf::from(String::from_utf8(text).unwrap());
        fs::read_link(format!("/proc/{}/cwd", self.pid)).unwrap().join(path)
    }
}
