//! The guest's frames where it trapped, as words.
//!
//! The names are the plugin's own, and as hostile as the rest of it. Those of Rust are demangled, into no more than there
//! is room for. Those of C++ stay as they are: 300 bytes of them can be made to keep a demangler busy for ever, or to become
//! gigabytes.

use std::fmt::{self, Write as _};

use rustc_demangle::try_demangle;
use wasmtime::{FrameInfo, WasmBacktrace};

use crate::sandbox::bounds;

/// The guest's frames, innermost first, as `module!function`.
pub(crate) fn backtrace(error: &wasmtime::Error) -> Vec<String> {
    error.downcast_ref().map_or_else(Vec::new, |trace: &WasmBacktrace| trace.frames().iter().map(frame).collect())
}

fn frame(frame: &FrameInfo) -> String {
    named(frame.module().name(), frame.func_name(), frame.func_index())
}

fn named(module: Option<&str>, function: Option<&str>, index: u32) -> String {
    let mut text = Capped { text: String::new(), room: bounds::FRAME };
    let module = module.unwrap_or("<unknown>");
    // What does not fit is left out.
    let _ = match function {
        Some(name) => match try_demangle(name) {
            // Without the compiler's hash at its end.
            Ok(demangled) => write!(text, "{module}!{demangled:#}"),
            Err(_) => write!(text, "{module}!{name}"),
        },
        None => write!(text, "{module}!<wasm function {index}>"),
    };
    text.text
}

/// Text that takes no more than there is room for.
struct Capped {
    text: String,
    room: usize,
}

impl fmt::Write for Capped {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let taken = piece.floor_char_boundary(self.room);
        self.text.push_str(&piece[..taken]);
        self.room -= taken;
        if taken < piece.len() { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_demangled_where_that_is_safe() {
        let check = |module, function, expected: &str| assert_eq!(named(module, function, 3), expected);
        check(Some("report"), Some("_ZN4core5panic17h0123456789abcdefE"), "report!core::panic");
        check(Some("report"), Some("_RNvCs1234_7mycrate3foo"), "report!mycrate::foo");
        check(Some("report"), Some("work"), "report!work");
        check(Some("report"), Some("_ZN3foo3barEv"), "report!_ZN3foo3barEv");
        check(None, None, "<unknown>!<wasm function 3>");
    }

    #[test]
    fn no_name_takes_more_than_its_room() {
        // As functions from functions: each parameter is what the level before had a hundred times.
        let tower = |levels: usize| {
            let level = |level: usize| format!("PFv{}E", format!("S{}_", 2 * level).repeat(100));
            format!("_Z1fPFviiE{}", (0..levels).map(level).collect::<String>())
        };
        // A tuple of tuples: each refers back to the one before.
        let doubling = format!("_RYTTTTTTuuEB1_EB0_EB_ETuuEE{}", "B_".repeat(1000));
        for name in [tower(3), doubling, "x".repeat(100_000), "ä".repeat(100_000)] {
            let shown = named(Some("main"), Some(&name), 0);
            assert!(shown.starts_with("main!") && shown.len() <= bounds::FRAME, "{} bytes", shown.len());
        }
    }
}
