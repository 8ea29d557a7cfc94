//! Random programs over WASI preview 1, from the module to the end of an attempt.

use arbitrary::Unstructured;
use sandclock_host::fuzzing;
use wasm_smith::{Config, Module};

use crate::attempt::{SANDBOX, run};

pub(crate) fn feed(bytes: &[u8]) {
    let Some(module) = smith(&mut Unstructured::new(bytes)) else { return };
    let component = fuzzing::component(&module).expect("a program can be made into a component");
    if let Some(Ok(prepared)) = fuzzing::prepared(&SANDBOX, &component) {
        run(&prepared, b"");
    }
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
