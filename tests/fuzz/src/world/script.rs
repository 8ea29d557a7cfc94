//! The guest that does what its standard input says: two bytes for what to call, then its arguments.
//!
//! An argument is one byte for a small number; 250 stands for what is in memory at four times the byte after it, so that
//! handles in results get used; 251 for the last result; 252 to 255 take the four or eight bytes after it.

use std::fmt::Write;

use crate::world::calls::Call;

/// Where a text begins that a script may point at.
pub(super) const TEXTS: usize = 512;

/// The module's text, for a guest that can call these and runs as this export. Memory begins with the script: its length
/// is at 0, its bytes are where the host put them.
pub(super) fn guest(calls: &[Call], export: &str, texts: &str) -> String {
    let number = |of: &str, name: &str| {
        calls.iter().position(|call| call.module.starts_with(of) && call.name == name).expect("every guest imports it")
    };
    let read = number("wasi:io/streams@0.2", "[method]input-stream.blocking-read");
    let stdin = number("wasi:cli/stdin@0.2", "get-stdin");
    let mut text = String::from("(module\n");
    for (number, Call { module, name, parameters, result }) in calls.iter().enumerate() {
        let result = if result.is_empty() { String::new() } else { format!("(result {})", types(result)) };
        let parameters = types(parameters);
        // Writing to a string cannot fail.
        let _ = writeln!(text, r#"(import "{module}" "{name}" (func $call{number} (param {parameters}) {result}))"#);
    }
    let _ = write!(
        text,
        r#"
        (memory (export "memory") 4)
        (data (i32.const {TEXTS}) "{texts}")
        (global $at (mut i32) (i32.const 0))
        (global $end (mut i32) (i32.const 0))
        (global $free (mut i32) (i32.const 1024))
        (global $odd (mut i32) (i32.const 0))
        (global $last (mut i64) (i64.const 0))
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
            (if (global.get $odd) (then (return (i32.wrap_i64 (global.get $last)))))
            (local.set $at (i32.and (i32.add (global.get $free) (i32.const 15)) (i32.const -16)))
            (global.set $free (i32.add (local.get $at) (local.get 3)))
            (local.get $at))
        (func $byte (result i32) (local $byte i32)
            (if (i32.ge_u (global.get $at) (global.get $end)) (then (return (i32.const 0))))
            (local.set $byte (i32.load8_u (global.get $at)))
            (global.set $at (i32.add (global.get $at) (i32.const 1)))
            (local.get $byte))
        (func $l (result i64) (local $tag i32) (local $width i32) (local $value i64)
            (local.set $tag (call $byte))
            (if (i32.lt_u (local.get $tag) (i32.const 250)) (then (return (i64.extend_i32_u (local.get $tag)))))
            (if (i32.eq (local.get $tag) (i32.const 250))
                (then (return (i64.load32_u (i32.mul (call $byte) (i32.const 4))))))
            (if (i32.eq (local.get $tag) (i32.const 251)) (then (return (global.get $last))))
            (local.set $width (select (i32.const 8) (i32.const 4) (i32.and (local.get $tag) (i32.const 1))))
            (if (i32.gt_u (i32.add (global.get $at) (local.get $width)) (global.get $end))
                (then (return (i64.const -1))))
            (local.set $value (i64.load (global.get $at)))
            (global.set $at (i32.add (global.get $at) (local.get $width)))
            (if (i32.eq (local.get $width) (i32.const 4))
                (then (local.set $value (i64.and (local.get $value) (i64.const 0xffffffff)))))
            (local.get $value))
        (func $i (result i32) (i32.wrap_i64 (call $l)))
        (func (export "{export}") (result i32)
            (call $call{read} (call $call{stdin}) (i64.const 65536) (i32.const 16))
            (if (i32.load8_u (i32.const 16)) (then (return (i32.const 0))))
            (global.set $at (i32.load (i32.const 20)))
            (global.set $end (i32.add (global.get $at) (i32.load (i32.const 24))))
            (loop $next
                (if (i32.ge_u (global.get $at) (global.get $end)) (then (return (i32.const 0))))
                (call $step)
                (br $next))
            (unreachable))
        (func $step (block $other
        "#,
    );
    let labels: String = (0..calls.len()).map(|number| format!(" $do{number}")).collect();
    (0..calls.len()).rev().for_each(|number| {
        let _ = write!(text, "(block $do{number} ");
    });
    // One number more than there are calls.
    let what = format!(
        "(i32.rem_u (i32.or (call $byte) (i32.shl (call $byte) (i32.const 8))) (i32.const {}))",
        calls.len() + 1
    );
    let _ = writeln!(text, "(br_table{labels} $other {what})");
    for (number, Call { parameters, result, .. }) in calls.iter().enumerate() {
        let arguments: String = parameters.chars().map(|kind| format!("(call ${kind}) ")).collect();
        let call = format!("(call $call{number} {arguments})");
        let kept = match result.as_str() {
            "i" => format!("(global.set $last (i64.extend_i32_u {call}))"),
            "l" => format!("(global.set $last {call})"),
            _ => call,
        };
        let _ = writeln!(text, ") {kept} (return)");
    }
    // Everything else grows memory, or makes the allocator's answers odd.
    text.push_str(r#") (global.set $odd (call $byte)) (drop (memory.grow (call $byte)))))"#);
    text
}

fn types(kinds: &str) -> String {
    kinds.chars().map(|kind| if kind == 'l' { "i64 " } else { "i32 " }).collect()
}
