//! The guest that does what its standard input says: one byte for what to call, then its arguments.
//!
//! An argument is one byte for a small number; 251 stands for the last result, so that handles get used; 252 to 255 take
//! the four or eight bytes after it.

use std::fmt::Write;

/// An import: its interface, its name, its parameters and its result (`i` and `l` for `i32` and `i64`).
struct Call(&'static str, &'static str, &'static str, &'static str);

const CALLS: &[Call] = &[
    Call("wasi:io/poll@0.2.12", "[method]pollable.ready", "i", "i"),
    Call("wasi:io/poll@0.2.12", "[method]pollable.block", "i", ""),
    Call("wasi:io/poll@0.2.12", "poll", "iii", ""),
    Call("wasi:io/poll@0.2.12", "[resource-drop]pollable", "i", ""),
    Call("wasi:io/streams@0.2.12", "[method]input-stream.read", "ili", ""),
    Call("wasi:io/streams@0.2.12", "[method]input-stream.blocking-read", "ili", ""),
    Call("wasi:io/streams@0.2.12", "[method]input-stream.skip", "ili", ""),
    Call("wasi:io/streams@0.2.12", "[method]input-stream.subscribe", "i", "i"),
    Call("wasi:io/streams@0.2.12", "[resource-drop]input-stream", "i", ""),
    Call("wasi:io/streams@0.2.12", "[method]output-stream.check-write", "ii", ""),
    Call("wasi:io/streams@0.2.12", "[method]output-stream.write", "iiii", ""),
    Call("wasi:io/streams@0.2.12", "[method]output-stream.blocking-write-and-flush", "iiii", ""),
    Call("wasi:io/streams@0.2.12", "[method]output-stream.write-zeroes", "ili", ""),
    Call("wasi:io/streams@0.2.12", "[method]output-stream.splice", "iili", ""),
    Call("wasi:io/streams@0.2.12", "[method]output-stream.subscribe", "i", "i"),
    Call("wasi:io/streams@0.2.12", "[resource-drop]output-stream", "i", ""),
    Call("wasi:cli/environment@0.2.12", "get-environment", "i", ""),
    Call("wasi:cli/environment@0.2.12", "get-arguments", "i", ""),
    Call("wasi:cli/stdin@0.2.12", "get-stdin", "", "i"),
    Call("wasi:cli/stdout@0.2.12", "get-stdout", "", "i"),
    Call("wasi:clocks/monotonic-clock@0.2.12", "now", "", "l"),
    Call("wasi:clocks/monotonic-clock@0.2.12", "subscribe-duration", "l", "i"),
    Call("wasi:clocks/monotonic-clock@0.2.12", "subscribe-instant", "l", "i"),
    Call("wasi:random/random@0.2.12", "get-random-bytes", "li", ""),
    Call("wasi:http/types@0.2.12", "[constructor]fields", "", "i"),
    Call("wasi:http/types@0.2.12", "[method]fields.append", "iiiiii", ""),
    Call("wasi:http/types@0.2.12", "[method]fields.entries", "ii", ""),
    Call("wasi:http/types@0.2.12", "[constructor]outgoing-request", "i", "i"),
    Call("wasi:http/types@0.2.12", "[method]outgoing-request.body", "ii", ""),
    Call("wasi:http/types@0.2.12", "[method]outgoing-request.set-authority", "iiii", "i"),
    Call("wasi:http/types@0.2.12", "[method]outgoing-request.set-path-with-query", "iiii", "i"),
    Call("wasi:http/types@0.2.12", "[method]outgoing-body.write", "ii", ""),
    Call("wasi:http/types@0.2.12", "[constructor]request-options", "", "i"),
    Call("wasi:http/types@0.2.12", "[method]request-options.set-connect-timeout", "iil", "i"),
    Call("wasi:logging/logging@0.1.0-draft", "log", "iiiii", ""),
    Call("sandclock:task/log@0.1.0", "log", "iiiii", ""),
    Call("sandclock:task/http@0.1.0", "send", "iiiiiiiiili", ""),
];

/// The module's text. Memory begins with the script: its length is at 0, its bytes are where the host put them.
pub(super) fn guest() -> String {
    let mut text = String::from("(module\n");
    for (number, Call(interface, name, parameters, result)) in CALLS.iter().enumerate() {
        let result = if result.is_empty() { String::new() } else { format!("(result {})", types(result)) };
        let parameters = types(parameters);
        // Writing to a string cannot fail.
        let _ = writeln!(text, r#"(import "{interface}" "{name}" (func $call{number} (param {parameters}) {result}))"#);
    }
    text.push_str(
        r#"
        (memory (export "memory") 4)
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
        (func $l (result i64) (local $tag i32) (local $value i64)
            (local.set $tag (call $byte))
            (if (i32.lt_u (local.get $tag) (i32.const 251)) (then (return (i64.extend_i32_u (local.get $tag)))))
            (if (i32.eq (local.get $tag) (i32.const 251)) (then (return (global.get $last))))
            (if (i32.gt_u (i32.add (global.get $at) (i32.const 8)) (global.get $end)) (then (return (i64.const -1))))
            (local.set $value (i64.load (global.get $at)))
            (global.set $at (i32.add (global.get $at)
                (select (i32.const 8) (i32.const 4) (i32.and (local.get $tag) (i32.const 1)))))
            (local.get $value))
        (func $i (result i32) (i32.wrap_i64 (call $l)))
        (func (export "wasi:cli/run@0.2.12#run") (result i32)
            (call $call5 (call $call18) (i64.const 65536) (i32.const 16))
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
    let labels: String = (0..CALLS.len()).map(|number| format!(" $do{number}")).collect();
    (0..CALLS.len()).rev().for_each(|number| {
        let _ = write!(text, "(block $do{number} ");
    });
    let _ = writeln!(text, "(br_table{labels} $other (call $byte))");
    for (number, Call(_, _, parameters, result)) in CALLS.iter().enumerate() {
        let arguments: String = parameters.chars().map(|kind| format!("(call ${kind}) ")).collect();
        let call = format!("(call $call{number} {arguments})");
        let kept = match *result {
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
