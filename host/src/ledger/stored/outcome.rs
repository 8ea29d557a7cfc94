//! Outcomes: the code of their class, and what there is to say of them.

use std::time::Duration;

use super::detail::{Detail, DetailV1};
use super::{Unreadable, class_code, read, write};
use crate::model::limits::Limit;
use crate::model::outcome::{AttemptOutcome, Exceeded, Failure, FailureKind, Outcome, OutcomeClass, Trap};
use crate::model::payload::Blob;

/// What there is to say about a run's end beyond its class; for one that had attempts, see [`attempt_detail`].
pub(in crate::ledger) fn outcome_detail(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Attempted(outcome) => attempt_detail(outcome),
        Outcome::Skipped(why) => Some(write(&Detail::V1(DetailV1::Skipped { why: (*why).into() }))),
        Outcome::Missed(_) => None,
    }
}

/// What there is to say about an attempt's end beyond its class. An output is stored apart.
pub(in crate::ledger) fn attempt_detail(outcome: &AttemptOutcome) -> Option<String> {
    let detail = match outcome {
        AttemptOutcome::Succeeded { .. } => return None,
        AttemptOutcome::Failed(Failure { kind, message }) => DetailV1::Failed {
            message: message.clone(),
            retry_after_ms: match kind {
                FailureKind::Transient { retry_after } => retry_after.map(millis),
                FailureKind::Permanent => None,
            },
        },
        AttemptOutcome::Trapped(Trap { reason, backtrace }) => {
            DetailV1::Trapped { reason: reason.clone(), backtrace: backtrace.clone() }
        }
        AttemptOutcome::Exceeded(Exceeded { limit, allowed, used, backtrace }) => DetailV1::Exceeded {
            limit: limit.name().to_owned(),
            allowed: *allowed,
            used: *used,
            backtrace: backtrace.clone(),
        },
        AttemptOutcome::Cancelled(by) => DetailV1::Cancelled { by: (*by).into() },
        AttemptOutcome::Interrupted(why) => DetailV1::Interrupted { why: (*why).into() },
        AttemptOutcome::Broken { message } => DetailV1::Broken { message: message.clone() },
    };
    Some(write(&Detail::V1(detail)))
}

/// The outcome behind a class's code and its detail.
pub(in crate::ledger) fn outcome(code: i64, detail: Option<&str>, output: Option<Blob>) -> Result<Outcome, Unreadable> {
    if code == class_code(OutcomeClass::Succeeded) {
        return Ok(Outcome::Attempted(AttemptOutcome::Succeeded { output }));
    }
    let detail = detail.ok_or_else(|| Unreadable(format!("the outcome with the code {code} has no detail")))?;
    let Detail::V1(detail) = read(detail)?;
    let outcome = match detail {
        DetailV1::Failed { message, retry_after_ms } => {
            let transient = code == class_code(OutcomeClass::FailedTransient);
            let retry_after = retry_after_ms.map(Duration::from_millis);
            let kind = if transient { FailureKind::Transient { retry_after } } else { FailureKind::Permanent };
            Outcome::Attempted(AttemptOutcome::Failed(Failure { kind, message }))
        }
        DetailV1::Trapped { reason, backtrace } => {
            Outcome::Attempted(AttemptOutcome::Trapped(Trap { reason, backtrace }))
        }
        DetailV1::Exceeded { limit, allowed, used, backtrace } => {
            let limit = Limit::ALL
                .into_iter()
                .find(|known| known.name() == limit)
                .ok_or_else(|| Unreadable(format!("no limit is called {limit:?}")))?;
            Outcome::Attempted(AttemptOutcome::Exceeded(Exceeded { limit, allowed, used, backtrace }))
        }
        DetailV1::Cancelled { by } => Outcome::Attempted(AttemptOutcome::Cancelled(by.try_into()?)),
        DetailV1::Interrupted { why } => Outcome::Attempted(AttemptOutcome::Interrupted(why.into())),
        DetailV1::Broken { message } => Outcome::Attempted(AttemptOutcome::Broken { message }),
        DetailV1::Skipped { why } => Outcome::Skipped(why.into()),
    };
    match class_code(outcome.class()) == code {
        true => Ok(outcome),
        false => Err(Unreadable(format!("the outcome with the code {code} has the detail of another"))),
    }
}

/// The outcome of an attempt behind a class's code and its detail.
pub(in crate::ledger) fn attempt_outcome(
    code: i64,
    detail: Option<&str>,
    output: Option<Blob>,
) -> Result<AttemptOutcome, Unreadable> {
    match outcome(code, detail, output)? {
        Outcome::Attempted(outcome) => Ok(outcome),
        Outcome::Skipped(_) | Outcome::Missed(_) => {
            Err(Unreadable(format!("an attempt cannot have the outcome with the code {code}")))
        }
    }
}

fn millis(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::RunId;
    use crate::model::outcome::{CancelledBy, Interruption, Skip};

    fn attempted(outcome: AttemptOutcome) -> Outcome {
        Outcome::Attempted(outcome)
    }

    /// One of every kind, and beside it what is stored: a form that may be added to and never changed.
    fn examples() -> Vec<(Outcome, Option<&'static str>)> {
        let backtrace = vec!["<hello>::run".to_owned()];
        let transient = |retry_after| FailureKind::Transient { retry_after };
        let failed = |kind| attempted(AttemptOutcome::Failed(Failure { kind, message: "no \u{1b}[31m".into() }));
        vec![
            (attempted(AttemptOutcome::Succeeded { output: None }), None),
            (failed(transient(None)), Some(r#"{"v":"1","kind":"failed","message":"no \u001b[31m"}"#)),
            (
                failed(transient(Some(Duration::from_millis(1500)))),
                Some(r#"{"v":"1","kind":"failed","message":"no \u001b[31m","retry_after_ms":1500}"#),
            ),
            (failed(FailureKind::Permanent), Some(r#"{"v":"1","kind":"failed","message":"no \u001b[31m"}"#)),
            (
                attempted(AttemptOutcome::Trapped(Trap { reason: "unreachable".into(), backtrace: backtrace.clone() })),
                Some(r#"{"v":"1","kind":"trapped","reason":"unreachable","backtrace":["<hello>::run"]}"#),
            ),
            (
                attempted(AttemptOutcome::Exceeded(Exceeded {
                    limit: Limit::TableElements,
                    allowed: 1,
                    used: u64::MAX,
                    backtrace,
                })),
                Some(
                    r#"{"v":"1","kind":"exceeded","limit":"table-elements","allowed":1,"used":18446744073709551615,"backtrace":["<hello>::run"]}"#,
                ),
            ),
            (
                attempted(AttemptOutcome::Cancelled(CancelledBy::Operator)),
                Some(r#"{"v":"1","kind":"cancelled","by":"operator"}"#),
            ),
            (
                attempted(AttemptOutcome::Cancelled(CancelledBy::Replaced { by: RunId::from_i64(33).unwrap() })),
                Some(r#"{"v":"1","kind":"cancelled","by":{"replaced":{"by":"0000000000011"}}}"#),
            ),
            (
                attempted(AttemptOutcome::Interrupted(Interruption::Crash)),
                Some(r#"{"v":"1","kind":"interrupted","why":"crash"}"#),
            ),
            (
                attempted(AttemptOutcome::Interrupted(Interruption::Shutdown)),
                Some(r#"{"v":"1","kind":"interrupted","why":"shutdown"}"#),
            ),
            (
                attempted(AttemptOutcome::Broken { message: "host".into() }),
                Some(r#"{"v":"1","kind":"broken","message":"host"}"#),
            ),
            (Outcome::Skipped(Skip::Overlap), Some(r#"{"v":"1","kind":"skipped","why":"overlap"}"#)),
            (Outcome::Skipped(Skip::QueueFull), Some(r#"{"v":"1","kind":"skipped","why":"queue-full"}"#)),
            (Outcome::Skipped(Skip::PluginUnusable), Some(r#"{"v":"1","kind":"skipped","why":"plugin-unusable"}"#)),
            (Outcome::Skipped(Skip::TaskRemoved), Some(r#"{"v":"1","kind":"skipped","why":"task-removed"}"#)),
            (Outcome::Skipped(Skip::Paused), Some(r#"{"v":"1","kind":"skipped","why":"paused"}"#)),
            (Outcome::Skipped(Skip::Disabled), Some(r#"{"v":"1","kind":"skipped","why":"disabled"}"#)),
        ]
    }

    #[test]
    fn outcomes_keep_their_stored_form() {
        for (example, detail) in examples() {
            assert_eq!(outcome_detail(&example).as_deref(), detail, "{example:?}");
            assert_eq!(outcome(class_code(example.class()), detail, None), Ok(example));
        }
    }

    #[test]
    fn outcomes_of_other_versions_and_mismatches_are_unreadable() {
        for (code, detail) in [
            (1, None),
            (9, None),
            (3, Some(r#"{"v":"2","kind":"trapped","reason":"","backtrace":[]}"#)),
            (3, Some(r#"{"v":"1","kind":"broken","message":""}"#)),
            (4, Some(r#"{"v":"1","kind":"exceeded","limit":"luck","allowed":1,"used":2,"backtrace":[]}"#)),
            (3, Some("")),
        ] {
            assert!(outcome(code, detail, None).is_err(), "{code} {detail:?}");
        }
        assert!(attempt_outcome(8, Some(r#"{"v":"1","kind":"skipped","why":"overlap"}"#), None).is_err());
    }
}
