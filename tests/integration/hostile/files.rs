//! Files that are no plugins, or that take a compiler far too long: made when they are needed, for most are large.

/// A file, and the task that wants to run it.
pub(super) struct File {
    /// The name of both.
    pub name: &'static str,
    /// How its runs end.
    pub class: &'static str,
    pub content: fn() -> Vec<u8>,
}

const fn file(name: &'static str, class: &'static str, content: fn() -> Vec<u8>) -> File {
    File { name, class, content }
}

pub(super) const FILES: &[File] = &[
    file("truncated", "skipped", || b"\0asm\x01\0\0\0\x01\x7f".to_vec()),
    file("empty", "skipped", Vec::new),
    file("web-page", "skipped", || b"<!DOCTYPE html><title>404</title>".to_vec()),
    // What an engine of this very version would take for its own compiled code, if anybody asked it to.
    file("precompiled", "skipped", || b"\x7fELF\x02\x01\x01\xc8".repeat(100)),
    file("too-large", "skipped", || module("(memory 1)", 5 << 20)),
    file("custom-sections", "succeeded", || module("(memory 1)", 3 << 20)),
    file("many-functions", "skipped", || module(&"(func (nop))".repeat(500_000), 0)),
    file("many-locals", "skipped", || module(&locals(60_000), 0)),
    file("deep-nesting", "succeeded", || {
        module(&format!("(func {} {})", "(block ".repeat(20_000), ")".repeat(20_000)), 0)
    }),
];

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
