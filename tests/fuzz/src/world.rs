//! The host as guests see it: whatever a guest asks of it, an attempt ends as the guest's fault, and soon.
//!
//! An even first byte makes a script of the rest: a fixed guest reads it and calls what the host serves, with the numbers
//! and pointers that it finds there. An odd one makes a random program over WASI preview 1.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arbitrary::Unstructured;
use jiff::Timestamp;
use sandclock_host::clock::Clock;
use sandclock_host::fuzzing;
use sandclock_host::model::cause::Cause;
use sandclock_host::model::id::RunId;
use sandclock_host::model::limits::{Fuel, Limits};
use sandclock_host::model::outcome::AttemptOutcome;
use sandclock_host::model::payload::Blob;
use sandclock_host::model::run::Run;
use sandclock_host::model::task::Task;
use sandclock_host::sandbox::{AttemptReport, AttemptRequest, Prepared, Sandbox, Settings};
use tokio::sync::watch;
use wasm_smith::{Config, Module};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

mod script;

/// Small, so that every limit is within reach of a script.
const LIMITS: fn() -> Limits = || Limits {
    timeout: Duration::from_millis(250),
    fuel: Fuel::Metered(3_000_000),
    memory: 4 << 20,
    handles: 64,
    resources: 64,
    hostcall: 64 << 10,
    log: 16 << 10,
    output: 1 << 10,
    ..Limits::default()
};

pub(crate) fn feed(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    if kind % 2 == 0 {
        drop(run(&SCRIPTED, rest));
    } else if let Some(module) = smith(&mut Unstructured::new(rest)) {
        let component = fuzzing::component(&module).expect("a program can be made into a component");
        if let Some(Ok(prepared)) = fuzzing::prepared(&SANDBOX, &component) {
            drop(run(&prepared, b""));
        }
    }
}

static SANDBOX: LazyLock<Sandbox> =
    LazyLock::new(|| Sandbox::new(Settings::for_limits(1, [&LIMITS()]), Clock::system()));

static SCRIPTED: LazyLock<Prepared> = LazyLock::new(|| {
    let component = scripted().expect("the guest is well-formed");
    fuzzing::prepared(&SANDBOX, &component).expect("it compiles").expect("the host serves what it imports")
});

fn run(prepared: &Prepared, stdin: &[u8]) -> AttemptReport {
    let task = fuzzing::task("fuzzed".parse().expect("a name"), "fuzzed".parse().expect("a name"));
    let payload = Blob { content_type: Blob::BYTES.to_owned(), bytes: stdin.to_vec() };
    let run = Run {
        id: RunId::next(0, 0, None),
        task: Arc::new(Task { limits: LIMITS(), ..task }),
        cause: Cause::Manual,
        slot: None,
        payload: Some(Arc::new(payload)),
        admitted_at: Timestamp::UNIX_EPOCH,
    };
    let (_stop, stop) = watch::channel(None);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let request = AttemptRequest { run: Arc::new(run), attempt: 1, stop };
    let report = runtime.block_on(prepared.attempt(request));
    assert!(!matches!(report.outcome, AttemptOutcome::Broken { .. }), "the host is at fault: {:?}", report.outcome);
    let Limits { memory, log, .. } = LIMITS();
    assert!(report.usage.peak_memory <= memory && report.usage.log.bytes <= log, "{:?}", report.usage);
    report
}

/// A program over WASI preview 1 with a memory and a `_start`, made of what is there.
pub(crate) fn smith(input: &mut Unstructured<'_>) -> Option<Vec<u8>> {
    let imports = wat::parse_str(
        r#"(module
            (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_read" (func (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_close" (func (param i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_seek" (func (param i32 i64 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_readdir" (func (param i32 i32 i32 i64 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_prestat_get" (func (param i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "path_open"
                (func (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "poll_oneoff" (func (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "environ_get" (func (param i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "clock_time_get" (func (param i32 i64 i32) (result i32)))
            (import "wasi_snapshot_preview1" "proc_exit" (func (param i32))))"#,
    );
    let exports = wat::parse_str(r#"(module (memory (export "memory") 1) (func (export "_start")))"#);
    let config = Config {
        available_imports: Some(imports.expect("a module")),
        exports: Some(exports.expect("a module")),
        max_memories: 1,
        min_memories: 1,
        gc_enabled: false,
        reference_types_enabled: false,
        exceptions_enabled: false,
        memory64_enabled: false,
        threads_enabled: false,
        tail_call_enabled: false,
        custom_page_sizes_enabled: false,
        ..Config::default()
    };
    Module::new(config, input).ok().map(|module| module.to_bytes())
}

/// The guest that does what its standard input says.
fn scripted() -> anyhow::Result<Vec<u8>> {
    let mut resolve = Resolve::default();
    resolve.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit"))?;
    let package = resolve.push_str("world.wit", include_str!("world.wit"))?;
    let world = resolve.select_world(&[package], None)?;
    let mut module = wat::parse_str(script::guest())?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    ComponentEncoder::default().module(&module)?.encode()
}

#[cfg(test)]
mod tests {
    use sandclock_host::model::outcome::AttemptOutcome;

    use super::*;

    #[test]
    fn a_script_is_carried_out() {
        let report = run(&SCRIPTED, include_bytes!("../seeds/world/log")[1..].as_ref());
        assert_eq!(report.outcome, AttemptOutcome::Succeeded { output: None });
        assert_eq!(report.usage.log.lines, 1);
        // A handle that is not there.
        let report = run(&SCRIPTED, &[0, 77]);
        assert!(matches!(report.outcome, AttemptOutcome::Trapped(_)), "{:?}", report.outcome);
    }
}
