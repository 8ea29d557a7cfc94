//! The compiling child: a process of the same program that compiles one plugin and ends.
//!
//! It takes limits upon itself before it reads the first byte of the plugin, because nobody promises what a compiler
//! does over hostile input. Order and answer are a line of JSON each; the image goes into a file.

use std::fs::File;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal};
use serde::{Deserialize, Serialize};

use super::adapt::{Adapted, adapt, list};
use super::store::read_copy;
use crate::model::id::Digest;
use crate::model::limits::Metering;
use crate::sandbox::{self, Compiled, Contract, Profile};

/// What a child is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Order {
    /// The copy to compile.
    pub input: PathBuf,
    /// Its SHA-256, in hexadecimal digits.
    pub digest: String,
    /// Whether its guests do without fuel.
    pub unmetered: bool,
    /// An existing file that takes the image.
    pub output: PathBuf,
    /// The address space that the child may use, in bytes.
    pub memory: u64,
    /// The processor time that it may use, on all processors together, in seconds.
    pub cpu_seconds: u64,
    /// Whether it is to run only where nobody else wants to.
    pub idle: bool,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Answer {
    /// The image is in the file.
    Compiled {
        /// The name of the profile that it was compiled under.
        profile: String,
    },
    /// The plugin cannot be compiled; why.
    Refused(String),
    /// The child could not do its work; why.
    Failed(String),
}

/// Does one order: reads it from `input`, and writes the answer to `output`. For a process that does nothing else.
///
/// The other end of `input` is to be kept open: when it closes, the host is gone, and the process ends on the spot.
///
/// # Errors
///
/// If there is no order to read, or nobody reads the answer.
pub fn compile_child(input: impl BufRead + Send + 'static, mut output: impl Write) -> io::Result<()> {
    let mut input = input;
    let mut line = String::new();
    input.read_line(&mut line)?;
    let order: Order = serde_json::from_str(&line)?;
    let answer = match limit_process(&order) {
        Ok(()) => {
            end_with_the_host(input)?;
            work(&order)
        }
        Err(error) => Answer::Failed(format!("cannot limit the process: {error}")),
    };
    serde_json::to_writer(&mut output, &answer)?;
    output.flush()
}

/// Compiles as ordered, in this process.
pub(super) fn work(order: &Order) -> Answer {
    let Ok(digest) = order.digest.parse::<Digest>() else {
        return Answer::Failed(format!("{:?} is not a digest", order.digest));
    };
    let bytes = match read_copy(&order.input, digest) {
        Ok(bytes) => bytes,
        Err(error) => return Answer::Failed(chain(&error)),
    };
    match compile(&bytes, order) {
        Ok(compiled) => match write_image(order, compiled.bytes()) {
            Ok(()) => Answer::Compiled { profile: compiled.profile().name().to_owned() },
            Err(error) => Answer::Failed(format!("cannot write the image: {error}")),
        },
        Err(reason) => Answer::Refused(reason),
    }
}

fn compile(bytes: &[u8], order: &Order) -> Result<Compiled, String> {
    let Adapted { component, .. } = adapt(bytes).map_err(|error| error.to_string())?;
    let inspection = sandbox::inspect(&component).map_err(|error| chain(&error))?;
    // Loading would find this out too, but after a minute of compiling.
    if inspection.contract.is_none() {
        let exports = list(&inspection.exports);
        return Err(format!("found a component that exports {exports}; expected {}", Contract::EXPECTED));
    }
    let metering = if order.unmetered { Metering::Epoch } else { Metering::Fuel };
    sandbox::compile(&component, metering).map_err(|error| chain(&error))
}

/// The profile of a name in an [`Answer`].
pub(super) fn profile(name: &str) -> Option<Profile> {
    Profile::ALL.into_iter().find(|profile| profile.name() == name)
}

fn write_image(order: &Order, image: &[u8]) -> io::Result<()> {
    File::options().write(true).truncate(true).open(&order.output)?.write_all(image)
}

/// How soon a compiler gives way to threads of the usual priority: soon, and yet later than the one that fires.
const SLICE: Duration = Duration::from_micros(200);

/// Beside a busy thread of the usual priority this gets a tenth of a processor: enough to come to an end, in time, on a
/// host that is busy for good.
const NICE: i32 = 10;

/// Memory, processor time, the image's size, no core dump, a low priority, and a short slice of time.
fn limit_process(order: &Order) -> io::Result<()> {
    for (resource, limit, at_most) in [
        (Resource::Core, 0, 0),
        // At the second one it is killed without a signal that says why.
        (Resource::Cpu, order.cpu_seconds, order.cpu_seconds.saturating_add(1)),
        (Resource::As, order.memory, order.memory),
        // An image is in memory before it is in a file.
        (Resource::Fsize, order.memory, order.memory),
    ] {
        rustix::process::setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(at_most) })?;
    }
    rustix::process::nice(NICE)?;
    // Where neither can be had, a compiler holds others up for some milliseconds.
    if order.idle {
        let _ = sandclock_slice::idle();
        sandclock_slice::yield_often();
    } else {
        let _ = sandclock_slice::set(SLICE);
    }
    Ok(())
}

/// Ends the process when nobody holds the other end of its input any more.
fn end_with_the_host(mut input: impl BufRead + Send + 'static) -> io::Result<()> {
    let watch = move || {
        let _ = io::copy(&mut input, &mut io::sink());
        // Not an exit: that would run destructors beside a thread that compiles.
        let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::KILL);
    };
    std::thread::Builder::new().name("lifeline".to_owned()).spawn(watch).map(drop)
}

/// An error with its causes, on one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::store::digest;

    /// Has bytes compiled in this process.
    fn compiled(bytes: &[u8], name: &[u8]) -> (Answer, Vec<u8>) {
        let root = tempfile::tempdir().unwrap();
        let (input, output) = (root.path().join("input"), root.path().join("output"));
        std::fs::write(&input, bytes).unwrap();
        std::fs::write(&output, b"what was here before").unwrap();
        let digest = digest(name).to_string();
        let answer = work(&Order {
            input,
            digest,
            unmetered: false,
            output: output.clone(),
            memory: 0,
            cpu_seconds: 0,
            idle: false,
        });
        (answer, std::fs::read(output).unwrap())
    }

    #[test]
    fn a_program_is_compiled_into_the_file() {
        let program = br#"(module (memory (export "memory") 1) (func (export "_start")))"#;
        let (answer, image) = compiled(program, program);
        assert_eq!(answer, Answer::Compiled { profile: "wasi-0.2".to_owned() });
        assert!(image.starts_with(b"\x7fELF"));
    }

    #[test]
    fn a_component_that_nobody_could_call_is_refused_before_it_is_compiled() {
        let component = br#"(component (component $c) (instance $i (instantiate $c)) (export "a:b/c" (instance $i)))"#;
        let (answer, image) = compiled(component, component);
        let Answer::Refused(reason) = answer else { panic!("{answer:?}") };
        assert!(reason.contains("exports `a:b/c`; expected `run`"), "{reason}");
        assert_eq!(image, b"what was here before");
    }

    #[test]
    fn a_copy_that_is_not_what_was_ordered_is_not_compiled() {
        let (answer, _) = compiled(b"(module)", b"something else");
        let Answer::Failed(reason) = answer else { panic!("{answer:?}") };
        assert!(reason.contains("is not what its name says"), "{reason}");
    }

    #[test]
    fn every_profile_is_known_by_its_name() {
        for known in Profile::ALL {
            assert_eq!(profile(known.name()), Some(known));
        }
        assert_eq!(profile("wasi"), None);
    }
}
