//! The guest's frames where it trapped, as words.
//!
//! The names are the plugin's own, and as hostile as the rest of it. Those of Rust are demangled, into no more than there
//! is room for. Those of C++ stay as they are: 300 bytes of them kept a demangler busy for 0.2 s, and 3 KB became half a
//! gigabyte; either grows exponentially.

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
        // Three tuples, the second of which has the first 400 times, and the third the second: by their places in the name.
        let [first, second] = ["B3_", "B7_"].map(|place| place.repeat(400));
        let nested = format!("_RIC1aTuuET{first}ET{second}EE");
        assert!(format!("{:#}", try_demangle(&nested).unwrap()).len() > 100_000);
        for name in [nested, "x".repeat(100_000), "ä".repeat(100_000)] {
            let shown = named(Some("main"), Some(&name), 0);
            assert!(shown.starts_with("main!") && shown.len() <= bounds::FRAME, "{} bytes", shown.len());
        }
    }
}
