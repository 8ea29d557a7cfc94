//! Turns what happened to a guest into an outcome. Pure: every rule about what counts as what is here.

use std::time::Duration;

use crate::model::limits::{Limit, Limits};
use crate::model::outcome::{AttemptOutcome, Exceeded, Failure, FailureKind, Stop, Trap};
use crate::model::payload::Blob;
use crate::model::task::ExitCodes;
use crate::sandbox::meter::Hit;

/// What happened to a guest in the end.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ending {
    /// The typed contract's `run` returned.
    Returned(Result<Option<Blob>, Failure>),
    /// A plain program ended with this code.
    Exited(i32),
    /// The engine or a host function stopped it at a limit. How much it asked for in all, if that is known.
    AtLimit { limit: Limit, used: Option<u64>, backtrace: Vec<String> },
    /// An instruction of its own stopped it.
    Trapped(Trap),
    /// The engine or a host function said no to it, in words.
    Refused(Trap),
    /// Its time was over.
    DeadlinePassed,
    /// Somebody stopped it.
    Stopped(Stop),
    /// The host failed, and says how.
    HostFailed(String),
}

/// What else is known about an attempt when it is judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evidence<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) exit_codes: &'a ExitCodes,
    /// What a call could carry: with HTTP it is more than the limit of that name.
    pub(crate) hostcall: u64,
    /// A request for memory or tables that was refused.
    pub(crate) hit: Option<Hit>,
    pub(crate) duration: Duration,
    pub(crate) fuel: Option<u64>,
}

/// The outcome of an attempt that ended like this.
///
/// Refused memory reaches the guest as a failed `memory.grow`, as WebAssembly has it. Most programs then abort, each in its
/// own way: a trap, or an exit code that the task gives no meaning. What they really died of is the limit.
pub(crate) fn verdict(ending: Ending, evidence: Evidence<'_>) -> AttemptOutcome {
    let Evidence { limits, exit_codes, hostcall, hit, duration, fuel } = evidence;
    match ending {
        Ending::Returned(Ok(output)) => match output.as_ref().map_or(0, Blob::size) {
            used if used > limits.output => exceeded(Limit::Output, limits.output, used, Vec::new()),
            _ => AttemptOutcome::Succeeded { output },
        },
        Ending::Returned(Err(failure)) => AttemptOutcome::Failed(failure),
        Ending::Exited(code) => match (meaning(code, exit_codes), hit) {
            (ExitMeaning::Success, _) => AttemptOutcome::Succeeded { output: None },
            (ExitMeaning::Transient, _) => failed(FailureKind::Transient { retry_after: None }, code),
            (ExitMeaning::None, Some(hit)) => exceeded(hit.limit, hit.allowed, hit.used, Vec::new()),
            (ExitMeaning::None, None) => failed(FailureKind::Permanent, code),
        },
        Ending::AtLimit { limit, used, backtrace } => {
            let allowed = match limit {
                Limit::Hostcall => hostcall,
                _ => limits.allowed(limit).unwrap_or_default(),
            };
            let used = match limit {
                Limit::Fuel => fuel.map(|burned| burned.max(allowed)),
                _ => used,
            };
            exceeded(limit, allowed, used.unwrap_or_else(|| allowed.saturating_add(1)), backtrace)
        }
        Ending::Trapped(trap) => match hit {
            Some(hit) if follows_refusal(&trap) => exceeded(hit.limit, hit.allowed, hit.used, trap.backtrace),
            _ => AttemptOutcome::Trapped(trap),
        },
        Ending::Refused(trap) => match hit {
            Some(hit) if never_began(&trap) => exceeded(hit.limit, hit.allowed, hit.used, trap.backtrace),
            _ => AttemptOutcome::Trapped(trap),
        },
        Ending::DeadlinePassed => {
            let allowed = milliseconds(limits.timeout);
            exceeded(Limit::Timeout, allowed, milliseconds(duration).max(allowed), Vec::new())
        }
        Ending::Stopped(stop) => stop.into(),
        Ending::HostFailed(message) => AttemptOutcome::Broken { message },
    }
}

/// Whether a program that was refused memory may have died of that: most abort, some use what they did not get. None
/// miscalculates for it.
fn follows_refusal(trap: &Trap) -> bool {
    const OTHERS: [&str; 4] = ["divide by zero", "integer overflow", "invalid conversion", "call stack exhausted"];
    !OTHERS.iter().any(|other| trap.reason.contains(other))
}

/// Whether the engine refused the memories or tables that a plugin begins with.
fn never_began(refusal: &Trap) -> bool {
    ["exceeds memory limits", "exceeds table limits"].iter().any(|words| refusal.reason.ends_with(words))
}

enum ExitMeaning {
    Success,
    Transient,
    None,
}

fn meaning(code: i32, exit_codes: &ExitCodes) -> ExitMeaning {
    let listed = |codes: &[u8]| u8::try_from(code).is_ok_and(|code| codes.contains(&code));
    if listed(&exit_codes.success) {
        ExitMeaning::Success
    } else if listed(&exit_codes.transient) {
        ExitMeaning::Transient
    } else {
        ExitMeaning::None
    }
}

fn failed(kind: FailureKind, code: i32) -> AttemptOutcome {
    AttemptOutcome::Failed(Failure { kind, message: format!("exit code {code}") })
}

fn exceeded(limit: Limit, allowed: u64, used: u64, backtrace: Vec<String>) -> AttemptOutcome {
    AttemptOutcome::Exceeded(Exceeded { limit, allowed, used, backtrace })
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::limits::Fuel;
    use crate::model::outcome::{CancelledBy, Interruption};

    const HIT: Option<Hit> = Some(Hit { limit: Limit::Memory, allowed: 100, used: 164 });

    fn check(ending: Ending, hit: Option<Hit>, expected: AttemptOutcome) {
        let limits = Limits {
            timeout: Duration::from_secs(2),
            fuel: Fuel::Metered(1000),
            output: 10,
            instances: 5,
            ..Limits::default()
        };
        let exit_codes = ExitCodes { success: vec![0, 3], transient: vec![75] };
        let evidence = Evidence {
            limits: &limits,
            exit_codes: &exit_codes,
            hostcall: 70,
            hit,
            duration: Duration::from_millis(2001),
            fuel: Some(1003),
        };
        let description = format!("{ending:?} {hit:?}");
        assert_eq!(verdict(ending, evidence), expected, "{description}");
    }

    fn blob(bytes: usize) -> Option<Blob> {
        Some(Blob { content_type: "a/b".to_owned(), bytes: vec![0; bytes] })
    }

    #[test]
    fn a_typed_task_is_taken_at_its_word() {
        let transient = Failure { kind: FailureKind::Transient { retry_after: None }, message: "later".to_owned() };
        check(Ending::Returned(Ok(None)), HIT, AttemptOutcome::Succeeded { output: None });
        check(Ending::Returned(Ok(blob(7))), None, AttemptOutcome::Succeeded { output: blob(7) });
        check(Ending::Returned(Ok(blob(8))), None, exceeded(Limit::Output, 10, 11, Vec::new()));
        check(Ending::Returned(Err(transient.clone())), HIT, AttemptOutcome::Failed(transient));
    }

    #[test]
    fn exit_codes_mean_what_the_task_says() {
        let permanent = |code| failed(FailureKind::Permanent, code);
        check(Ending::Exited(0), None, AttemptOutcome::Succeeded { output: None });
        check(Ending::Exited(3), HIT, AttemptOutcome::Succeeded { output: None });
        check(Ending::Exited(75), HIT, failed(FailureKind::Transient { retry_after: None }, 75));
        check(Ending::Exited(1), None, permanent(1));
        check(Ending::Exited(256), None, permanent(256));
        check(Ending::Exited(-1), None, permanent(-1));
        check(Ending::Exited(2), HIT, exceeded(Limit::Memory, 100, 164, Vec::new()));
    }

    #[test]
    fn limits_are_named() {
        let backtrace = vec!["main".to_owned()];
        let trap = Trap { reason: "unreachable".to_owned(), backtrace: backtrace.clone() };
        check(Ending::Trapped(trap.clone()), None, AttemptOutcome::Trapped(trap.clone()));
        check(Ending::Trapped(trap), HIT, exceeded(Limit::Memory, 100, 164, backtrace));
        let other = Trap { reason: "integer divide by zero".to_owned(), backtrace: Vec::new() };
        check(Ending::Trapped(other.clone()), HIT, AttemptOutcome::Trapped(other));
        let refused = |reason: &str| Trap { reason: reason.to_owned(), backtrace: Vec::new() };
        let other = refused("more than 64 HTTP fields at once");
        check(Ending::Refused(other.clone()), HIT, AttemptOutcome::Trapped(other));
        let first = refused("memory minimum size of 300 pages exceeds memory limits");
        check(Ending::Refused(first), HIT, exceeded(Limit::Memory, 100, 164, Vec::new()));
        let at = |limit, used| Ending::AtLimit { limit, used, backtrace: Vec::new() };
        check(at(Limit::Fuel, None), HIT, exceeded(Limit::Fuel, 1000, 1003, Vec::new()));
        check(at(Limit::Instances, Some(6)), None, exceeded(Limit::Instances, 5, 6, Vec::new()));
        check(at(Limit::Handles, None), HIT, exceeded(Limit::Handles, 1024, 1025, Vec::new()));
        check(at(Limit::Hostcall, None), None, exceeded(Limit::Hostcall, 70, 71, Vec::new()));
        check(Ending::DeadlinePassed, HIT, exceeded(Limit::Timeout, 2000, 2001, Vec::new()));
    }

    #[test]
    fn others_can_end_an_attempt_too() {
        let operator = CancelledBy::Operator;
        check(Ending::Stopped(Stop::Cancel(operator)), HIT, AttemptOutcome::Cancelled(operator));
        let shutdown = Interruption::Shutdown;
        check(Ending::Stopped(Stop::Interrupt(shutdown)), None, AttemptOutcome::Interrupted(shutdown));
        check(Ending::HostFailed("no disk".to_owned()), HIT, AttemptOutcome::Broken { message: "no disk".to_owned() });
    }
}
