//! Reads the engine's errors: an exit, a limit, a trap, or a fault of the host.

use wasmtime::PoolConcurrencyLimitError;
use wasmtime_wasi::{I32Exit, ResourceTableError};

use crate::model::limits::Limit;
use crate::model::outcome::Trap;
use crate::sandbox::backtrace::backtrace;
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
                    None => Ending::Refused(Trap { reason, backtrace }),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_become_endings() {
        let check = |error: wasmtime::Error, expected: Ending| assert_eq!(Ending::from(error), expected);
        let trap = |reason: &str| Trap { reason: reason.to_owned(), backtrace: Vec::new() };
        let trapped = |reason: &str| Ending::Trapped(trap(reason));
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
            Ending::Refused(trap("too many random bytes")),
        );
    }
}
