//! Guests that hand on whatever they are given.

use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A plain program that copies its payload to stdout and to stderr.
pub(super) const COPIES: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "_start")
        (loop $again
            (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 4096))
            (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
            (i32.store (i32.const 4) (i32.load (i32.const 8)))
            (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)))
            (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 12)))
            (br_if $again (i32.load (i32.const 8))))))"#;

/// A typed task that logs its payload, as message, as name and as value of a field, asks for it as a URL, and fails with
/// it.
const SAYS: &str = r#"(module
    (import "sandclock:task/log@0.1.0" "log" (func $log (param i32 i32 i32 i32 i32)))
    (import "sandclock:task/http@0.1.0" "send" (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i64 i32)))
    (memory (export "memory") 4)
    (global $top (mut i32) (i32.const 65536))
    (data (i32.const 16) "GET")
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
        (local.set $at (i32.and (i32.add (global.get $top) (i32.const 15)) (i32.const -16)))
        (global.set $top (i32.add (local.get $at) (local.get 3)))
        (local.get $at))
    (func (export "run") (param $info i32) (result i32) (local $text i32) (local $length i32)
        (local.set $text (i32.load offset=108 (local.get $info)))
        (local.set $length (i32.load offset=112 (local.get $info)))
        (i32.store (i32.const 800) (local.get $text)) (i32.store (i32.const 804) (local.get $length))
        (i32.store (i32.const 808) (local.get $text)) (i32.store (i32.const 812) (local.get $length))
        (call $log (i32.const 3) (local.get $text) (local.get $length) (i32.const 800) (i32.const 1))
        (call $send (i32.const 16) (i32.const 3) (local.get $text) (local.get $length) (i32.const 0) (i32.const 0)
            (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 0) (i32.const 2048))
        (i32.store (i32.const 1000) (i32.const 1)) (i32.store (i32.const 1008) (i32.const 1))
        (i32.store (i32.const 1016) (local.get $text)) (i32.store (i32.const 1020) (local.get $length))
        (i32.const 1000)))"#;

/// The component of the task that says what it is told to.
pub(super) fn says() -> Vec<u8> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit")).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mut module = wat::parse_str(SAYS).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
}

/// A text as WebAssembly's text format quotes it.
fn quoted(text: &str) -> String {
    text.bytes().map(|byte| format!("\\{byte:02x}")).collect()
}

/// A program that traps in functions of this name.
pub(super) fn traps_in(name: &str) -> String {
    let name = quoted(name);
    format!(
        r#"(module (@name "{name}") (memory (export "memory") 1) (func $inner (@name "{name}") unreachable)
            (func (@name "_R{name}") (export "_start") (call $inner)))"#
    )
}

/// A program that imports something of this name.
pub(super) fn imports(name: &str) -> String {
    let name = quoted(name);
    format!(r#"(module (import "{name}" "{name}" (func)) (memory (export "memory") 1) (func (export "_start")))"#)
}

/// A module that exports nothing but this name.
pub(super) fn exports(name: &str) -> String {
    format!(r#"(module (memory (export "memory") 1) (func (export "{}")))"#, quoted(name))
}
