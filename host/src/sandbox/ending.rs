//! Reads the engine's errors: an exit, a limit, a trap, or a fault of the host.

use std::fmt::{self, Write as _};

use wasmtime::{PoolConcurrencyLimitError, WasmBacktrace};
use wasmtime_wasi::{I32Exit, ResourceTableError};

use crate::model::limits::Limit;
use crate::model::outcome::Trap;
use crate::sandbox::bounds;
use crate::sandbox::verdict::Ending;

impl From<wasmtime::Error> for Ending {
    fn from(error: wasmtime::Error) -> Self {
        if let Some(exit) = error.downcast_ref::<I32Exit>() {
            return Ending::Exited(exit.0);
        }
        if error.is::<PoolConcurrencyLimitError>() || error.is::<wasmtime::OutOfMemory>() {
            return Ending::HostFailed(format!("{error:#}"));
        }
        let backtrace = backtrace(&error);
        match error.downcast_ref::<wasmtime::Trap>() {
            Some(wasmtime::Trap::OutOfFuel) => Ending::AtLimit { limit: Limit::Fuel, used: None, backtrace },
            Some(trap) => {
                let reason = trap.to_string();
                let reason = reason.strip_prefix("wasm trap: ").unwrap_or(&reason).to_owned();
                Ending::Trapped(Trap { reason, backtrace })
            }
            None => {
                let reason = error.root_cause().to_string();
                match refusal(&reason) {
                    Some((limit, used)) => Ending::AtLimit { limit, used, backtrace },
                    None => Ending::Trapped(Trap { reason, backtrace }),
                }
            }
        }
    }
}

/// The limit at which the engine or its WASI refused something, and how much there would have been. They have no error
/// types for these refusals, only words; each is provoked in a test with a real guest.
fn refusal(reason: &str) -> Option<(Limit, Option<u64>)> {
    let number_after = |prefix: &str| {
        let rest = reason.strip_prefix(prefix)?;
        rest.split_once(' ').map_or(rest, |(number, _)| number).parse::<u64>().ok()
    };
    if let Some(count) = number_after("resource limit exceeded: instance count too high at ") {
        Some((Limit::Instances, Some(count)))
    } else if let Some(length) = number_after("requested len ") {
        Some((Limit::Random, Some(length)))
    } else if reason.ends_with("store handle limit exceeded") {
        Some((Limit::Handles, None))
    } else if reason.ends_with("fuel allocated for hostcalls has been exhausted") {
        Some((Limit::Hostcall, None))
    } else if reason == ResourceTableError::Full.to_string() {
        Some((Limit::Resources, None))
    } else {
        None
    }
}

/// The guest's frames, innermost first, as `module!function` with demangled names.
fn backtrace(error: &wasmtime::Error) -> Vec<String> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else {
        return Vec::new();
    };
    let mut text = Capped { text: String::new(), room: bounds::BACKTRACE };
    // The engine demangles names only where it shows a backtrace, so its picture is what there is to read. A name can be
    // made to demangle into gigabytes: past the cap, the rest is missing.
    let _ = write!(text, "{backtrace}");
    frames(&text.text)
}

/// Reads the engine's picture of a backtrace: a heading, then lines such as `  0:   0x1f - module!function`.
fn frames(picture: &str) -> Vec<String> {
    let name = |line: &str| line.split_once(" - ").or_else(|| line.split_once(": ")).map(|(_, name)| name.to_owned());
    picture.lines().skip(1).take(bounds::BACKTRACE_FRAMES.get()).filter_map(name).collect()
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
    fn frames_are_read_from_the_engines_picture() {
        let picture = "error while executing at wasm backtrace:\n    0:     0x1f - report!core::panic - inner\n    1: <unknown>!<wasm function 3>";
        assert_eq!(frames(picture), ["report!core::panic - inner", "<unknown>!<wasm function 3>"]);
    }

    #[test]
    fn errors_become_endings() {
        let check = |error: wasmtime::Error, expected: Ending| assert_eq!(Ending::from(error), expected);
        let trapped = |reason: &str| Ending::Trapped(Trap { reason: reason.to_owned(), backtrace: Vec::new() });
        check(I32Exit(75).into(), Ending::Exited(75));
        check(wasmtime::Error::from(I32Exit(0)).context("in a host function"), Ending::Exited(0));
        let at_limit = |limit, used| Ending::AtLimit { limit, used, backtrace: Vec::new() };
        check(wasmtime::Trap::OutOfFuel.into(), at_limit(Limit::Fuel, None));
        check(wasmtime::Trap::UnreachableCodeReached.into(), trapped("wasm `unreachable` instruction executed"));
        check(wasmtime::Trap::StackOverflow.into(), trapped("call stack exhausted"));
        check(
            wasmtime::Error::msg("resource limit exceeded: instance count too high at 6"),
            at_limit(Limit::Instances, Some(6)),
        );
        check(wasmtime::Error::msg("requested len 70000 exceeds limit 65536"), at_limit(Limit::Random, Some(70_000)));
        check(ResourceTableError::Full.into(), at_limit(Limit::Resources, None));
        check(
            wasmtime::Error::msg("too many random bytes").context("calling random"),
            trapped("too many random bytes"),
        );
    }
}
