//! Has plugins compiled: in child processes with limits, a few at a time.
//!
//! Knows what the end of a child means. What it compiles to is not opened here.

use std::io;
use std::num::NonZeroUsize;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::NamedTempFile;
use tokio::sync::Semaphore;

use super::child::{Answer, Order, profile};
use super::private::StateError;
use super::running::Running;
use crate::model::id::Digest;
use crate::model::limits::Metering;
use crate::model::quantity::{bytes, duration};
use crate::sandbox::Profile;

/// How plugins are compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileSettings {
    /// How long one may take.
    pub timeout: Duration,
    /// How much address space its compiler may use, in bytes.
    pub memory: u64,
    /// How large a plugin's file may be, in bytes.
    pub max_size: u64,
    /// How much of the disk compiled plugins and the copies of their files may take together, in bytes.
    pub kept: u64,
    /// How many are compiled at once.
    pub parallel: NonZeroUsize,
    /// The program whose command `compile-child` does the work.
    pub program: PathBuf,
}

impl Default for CompileSettings {
    /// What `[host] compile` says where it says nothing. The program is this one, and stays this one when its file is
    /// replaced while it runs.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(60),
            memory: 2 << 30,
            max_size: 32 << 20,
            kept: 2 << 30,
            parallel: NonZeroUsize::MIN,
            program: "/proc/self/exe".into(),
        }
    }
}

/// A plugin was not compiled. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum CompileFailure {
    /// The plugin is not one that can be compiled.
    #[error("{0}")]
    Refused(String),
    /// It took too long.
    #[error(
        "compiling it took longer than {}: if you trust the plugin, raise host.compile.timeout",
        duration(*.allowed)
    )]
    OutOfTime {
        /// How long it may take.
        allowed: Duration,
    },
    /// It took too much memory.
    #[error(
        "compiling it took more than {} of memory: if you trust the plugin, raise host.compile.memory",
        bytes(*.allowed)
    )]
    OutOfMemory {
        /// How many bytes it may take.
        allowed: u64,
    },
    /// The compiler broke over it.
    #[error("the compiler was ended by signal {signal}{}", said(.last_words))]
    Crashed {
        /// The number of the signal.
        signal: i32,
        /// The end of what it wrote to stderr.
        last_words: String,
    },
    /// The compiler did not do its work.
    #[error("the compiler failed: {0}")]
    Failed(String),
    /// The compiler could not be started or watched.
    #[error("cannot {0} the compiler")]
    Process(&'static str, #[source] io::Error),
    /// The state folder cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
}

fn said(last_words: &str) -> String {
    if last_words.is_empty() { String::new() } else { format!(" after it said: {last_words}") }
}

/// Threads of one compiler. More are little faster, and each takes address space from the others.
const THREADS: usize = 4;

/// Starts compilers.
pub(super) struct Compiler {
    settings: CompileSettings,
    permits: Semaphore,
    threads: usize,
}

impl Compiler {
    pub(super) fn new(settings: CompileSettings) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(THREADS);
        Self { permits: Semaphore::new(settings.parallel.get()), settings, threads }
    }

    /// Waits for a turn, then compiles a copy into a draft of an image. Dropping the future ends the compiler.
    pub(super) async fn compile(
        &self,
        copy: &Path,
        digest: Digest,
        metering: Metering,
        draft: impl Fn() -> Result<NamedTempFile, StateError>,
        started: impl FnOnce(),
    ) -> Result<(Profile, NamedTempFile), CompileFailure> {
        let _permit = self.permits.acquire().await.map_err(|_| CompileFailure::Failed("it is closed".to_owned()))?;
        started();
        let order = Order {
            input: copy.to_owned(),
            digest: digest.to_string(),
            unmetered: metering == Metering::Epoch,
            output: PathBuf::new(),
            memory: self.settings.memory,
            // What the clock on the wall allows, on all its threads: a stop that works without the host.
            cpu_seconds: (self.settings.timeout.as_secs() + 1).saturating_mul(self.threads as u64),
            idle: true,
        };
        let Ok(compiled) = tokio::time::timeout(self.settings.timeout, self.carry_out(order, draft)).await else {
            return Err(CompileFailure::OutOfTime { allowed: self.settings.timeout });
        };
        let (status, mut running, image) = compiled?;
        let (output, errors) =
            running.written().map_err(|error| CompileFailure::Process("read the output of", error))?;
        Ok((verdict(status, &output, &errors, &self.settings)?, image))
    }

    /// Has an order carried out where nobody else wants to run, which holds nobody up. On a busy host that gets nowhere, and
    /// has no way back; so the compiler begins anew then, with a share of the processors.
    async fn carry_out(
        &self,
        mut order: Order,
        draft: impl Fn() -> Result<NamedTempFile, StateError>,
    ) -> Result<(ExitStatus, Running, NamedTempFile), CompileFailure> {
        let watched = |error| CompileFailure::Process("watch", error);
        // Each has a draft of its own: one that is killed may still be writing.
        let mut start = |idle| {
            let image = draft()?;
            (order.output, order.idle) = (image.path().to_owned(), idle);
            let folder = image.path().parent().unwrap_or(Path::new("."));
            let running = Running::start(&self.settings.program, &order, self.threads, folder)?;
            Ok::<_, CompileFailure>((running, image))
        };
        let (mut running, image) = start(true)?;
        if let Some(status) = running.ended_unless_starved().await.map_err(watched)? {
            return Ok((status, running, image));
        }
        drop((running, image));
        tracing::debug!("the host is busy: a compiler begins anew, with a share of the processors");
        let (mut running, image) = start(false)?;
        Ok((running.ended().await.map_err(watched)?, running, image))
    }
}

/// Decides what the end of a compiler means.
fn verdict(
    status: ExitStatus,
    output: &str,
    errors: &str,
    settings: &CompileSettings,
) -> Result<Profile, CompileFailure> {
    let out_of_time = CompileFailure::OutOfTime { allowed: settings.timeout };
    let out_of_memory = CompileFailure::OutOfMemory { allowed: settings.memory };
    // What Rust's allocator and the compiler's own maps say when there is no more.
    let wants_memory = |text: &str| text.contains("memory allocation of") || text.contains("Cannot allocate memory");
    match (status.signal().map(Signal::from_named_raw), serde_json::from_str(output)) {
        (Some(Some(Signal::XCPU)), _) => Err(out_of_time),
        (Some(Some(Signal::XFSZ)), _) => Err(out_of_memory),
        (Some(_), _) if wants_memory(errors) => Err(out_of_memory),
        (Some(_), _) => {
            Err(CompileFailure::Crashed { signal: status.signal().unwrap_or_default(), last_words: last_words(errors) })
        }
        (None, Ok(Answer::Compiled { profile: name })) => {
            profile(&name).ok_or_else(|| CompileFailure::Failed(format!("it answered with the profile {name:?}")))
        }
        (None, Ok(Answer::Refused(reason) | Answer::Failed(reason))) if wants_memory(&reason) => Err(out_of_memory),
        (None, Ok(Answer::Refused(reason))) => Err(CompileFailure::Refused(reason)),
        (None, Ok(Answer::Failed(reason))) => Err(CompileFailure::Failed(reason)),
        (None, Err(_)) => Err(CompileFailure::Failed(format!("{status}{}", said(&last_words(errors))))),
    }
}

/// The last lines that fit into a message.
fn last_words(errors: &str) -> String {
    let errors = errors.trim();
    let start = errors.len().saturating_sub(500);
    let start = (start..errors.len()).find(|at| errors.is_char_boundary(*at)).unwrap_or(0);
    errors[start..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: ExitStatus, output: &str, errors: &str, expected: Result<Profile, &str>) {
        let settings =
            CompileSettings { timeout: Duration::from_secs(5), memory: 1 << 30, ..CompileSettings::default() };
        match (verdict(status, output, errors, &settings), expected) {
            (Ok(profile), Ok(expected)) => assert_eq!(profile, expected),
            (Err(failure), Err(expected)) => assert!(failure.to_string().contains(expected), "{failure}"),
            (found, expected) => panic!("found {found:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn each_end_of_a_compiler_has_its_meaning() {
        let exit = |code: i32| ExitStatus::from_raw(code << 8);
        let signal = ExitStatus::from_raw;
        let compiled = r#"{"compiled":{"profile":"wasi-0.2"}}"#;
        check(
            exit(0),
            compiled,
            "a warning",
            Ok(Profile { wasi: crate::sandbox::Wasi::V02, metering: Metering::Fuel }),
        );
        check(exit(0), r#"{"compiled":{"profile":"wasi-9"}}"#, "", Err("answered with the profile \"wasi-9\""));
        check(exit(0), r#"{"refused":"found JSON"}"#, "", Err("found JSON"));
        check(
            exit(0),
            r#"{"refused":"mmap: Cannot allocate memory (os error 12)"}"#,
            "",
            Err("raise host.compile.memory"),
        );
        check(exit(0), r#"{"failed":"cannot limit the process"}"#, "", Err("the compiler failed: cannot limit"));
        check(exit(0), "", "", Err("the compiler failed: exit status: 0"));
        check(exit(101), "", "thread main panicked", Err("exit status: 101 after it said: thread main panicked"));
        check(signal(24), "", "", Err("took longer than 5s: if you trust the plugin, raise host.compile.timeout"));
        check(signal(25), "", "", Err("took more than 1GiB of memory"));
        check(signal(6), "", "memory allocation of 64 bytes failed", Err("raise host.compile.memory"));
        check(signal(11), compiled, "stack overflow", Err("ended by signal 11 after it said: stack overflow"));
        check(signal(9), "", "", Err("ended by signal 9"));
    }

    #[test]
    fn last_words_are_whole_characters() {
        assert_eq!(last_words(" short \n"), "short");
        assert_eq!(last_words(&"\u{20ac}".repeat(400)).chars().count(), 166);
    }
}
