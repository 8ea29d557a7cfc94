//! Files that are no plugins, or that take a compiler far too long: made when they are needed, for most are large.

/// A file, and the task that wants to run it.
pub(super) struct File {
    /// The name of both.
    pub name: &'static str,
    /// How its runs end.
    pub class: &'static str,
    /// What the host says of it, if it cannot be used.
    pub reason: &'static str,
    pub content: fn() -> Vec<u8>,
}

const fn refused(name: &'static str, reason: &'static str, content: fn() -> Vec<u8>) -> File {
    File { name, class: "skipped", reason, content }
}

const fn taken(name: &'static str, content: fn() -> Vec<u8>) -> File {
    File { name, class: "succeeded", reason: "", content }
}

pub(super) const FILES: &[File] = &[
    refused("truncated", "ends too early", || b"\0asm\x01\0\0\0\x01\x7f".to_vec()),
    refused("empty", "empty", Vec::new),
    refused("web-page", "HTML", || b"<!DOCTYPE html><title>404</title>".to_vec()),
    // What an engine of this very version would take for its own compiled code, if anybody asked it to.
    refused("precompiled", "compiled ahead of time", || b"\x7fELF\x02\x01\x01\xc8".repeat(100)),
    refused("too-large", "max-size", || module("(memory 1)", 5 << 20)),
    refused("too-many-locals", "too many locals", || module(&locals(60_000), 0)),
    refused("too-many-segments", "exceeds limit", || segments(100_001)),
    taken("custom-sections", || module("(memory 1)", 3 << 20)),
    taken("deep-nesting", || module(&format!("(func {} {})", "(block ".repeat(20_000), ")".repeat(20_000)), 0)),
    taken("many-segments", || segments(90_000)),
];

/// Files that a compiler could be busy with for minutes: it is ended when its time is over.
pub(super) const BOMBS: &[File] = &[
    refused("many-functions", OUT_OF_TIME, || module(&"(func (nop))".repeat(500_000), 0)),
    // The most locals that are allowed are 50,000.
    refused("many-locals", OUT_OF_TIME, || module(&locals(49_000), 0)),
    refused("large-function", OUT_OF_TIME, || module(&operations(800_000), 0)),
];

const OUT_OF_TIME: &str = "compiling it took longer than";

/// A program with more in it, and with so many bytes of custom section.
fn module(content: &str, custom: usize) -> Vec<u8> {
    let start = r#"(memory (export "memory") 1) (func (export "_start"))"#;
    let mut module = wat::parse_str(format!("(module {start} {content})")).unwrap();
    if custom > 0 {
        let mut length = custom;
        module.push(0);
        while length > 0x7f {
            module.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        module.push(length as u8);
        module.extend([1, b'x']);
        module.resize(module.len() + custom - 2, 7);
    }
    module
}

/// A function with many values that are all alive at once.
fn locals(count: usize) -> String {
    let set: String = (0..count).map(|n| format!("(local.set {n} (i64.load (i32.const {n})))")).collect();
    let sum: String = (0..count).map(|n| format!("(local.get {n}) i64.add")).collect();
    format!("(func (result i64) (local {}) {set} (i64.const 0) {sum})", "i64 ".repeat(count))
}

/// One function of so many operations.
fn operations(count: usize) -> String {
    let five = |n| format!("(local.set 0 (i64.mul (local.get 0) (i64.load (i32.const {n}))))");
    format!("(func (param i64) (result i64) {} (local.get 0))", (0..count / 5).map(five).collect::<String>())
}

/// A program with data of so many pieces, each a byte and far from the next.
fn segments(count: usize) -> Vec<u8> {
    let pieces: String = (0..count).map(|n| format!("(data (i32.const {}) \"x\")", n * 160)).collect();
    wat::parse_str(format!(r#"(module (memory (export "memory") 245) (func (export "_start")) {pieces})"#)).unwrap()
}
