//! How causes and outcomes are written down: a code for the kind, and the details as JSON that says its own version.
//!
//! A code, once released, keeps its meaning for ever. Nothing here knows of tables.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::cause::{Cause, CauseKind};
use crate::model::id::{RunId, TaskName};
use crate::model::limits::Limit;
use crate::model::outcome::{
    AttemptOutcome, CancelledBy, Exceeded, Failure, FailureKind, Interruption, Miss, Outcome, OutcomeClass, PassedOver,
    Skip, Trap,
};
use crate::model::payload::Blob;
use crate::model::webhook::HookPathError;

/// Something stored does not have a form that this version knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unreadable(String);

impl Unreadable {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

/// The code of an outcome's class. 0 takes no room in a row, so it is the common one.
pub(super) fn class_code(class: OutcomeClass) -> i64 {
    match class {
        OutcomeClass::Succeeded => 0,
        OutcomeClass::FailedTransient => 1,
        OutcomeClass::FailedPermanent => 2,
        OutcomeClass::Trapped => 3,
        OutcomeClass::Exceeded => 4,
        OutcomeClass::Cancelled => 5,
        OutcomeClass::Interrupted => 6,
        OutcomeClass::Broken => 7,
        OutcomeClass::Skipped => 8,
        OutcomeClass::Missed => 9,
    }
}

/// The class of outcomes behind a code.
pub(super) fn class(code: i64) -> Result<OutcomeClass, Unreadable> {
    let known = OutcomeClass::ALL.into_iter().find(|class| class_code(*class) == code);
    known.ok_or_else(|| Unreadable(format!("no outcome has the code {code}")))
}

/// The codes of reasons for passing over slots: below this for missing them, from it on for skipping them.
pub(super) const SKIPPED: i64 = 100;

/// The code of a reason for passing over slots.
pub(super) fn passed_over_code(why: PassedOver) -> i64 {
    match why {
        PassedOver::Missed(Miss::Down) => 0,
        PassedOver::Missed(Miss::Suspended) => 1,
        PassedOver::Missed(Miss::ClockStep) => 2,
        PassedOver::Missed(Miss::OutsideWindow) => 3,
        PassedOver::Missed(Miss::ScheduleChanged) => 4,
        PassedOver::Skipped(Skip::Overlap) => SKIPPED,
        PassedOver::Skipped(Skip::QueueFull) => SKIPPED + 1,
        PassedOver::Skipped(Skip::PluginUnusable) => SKIPPED + 2,
        PassedOver::Skipped(Skip::ShuttingDown) => SKIPPED + 3,
        PassedOver::Skipped(Skip::TaskRemoved) => SKIPPED + 4,
        PassedOver::Skipped(Skip::Paused) => SKIPPED + 5,
        PassedOver::Skipped(Skip::Disabled) => SKIPPED + 6,
    }
}

/// The reason behind a code.
pub(super) fn passed_over(code: i64) -> Result<PassedOver, Unreadable> {
    let all = Miss::ALL.map(PassedOver::Missed).into_iter().chain(Skip::ALL.map(PassedOver::Skipped));
    all.into_iter()
        .find(|why| passed_over_code(*why) == code)
        .ok_or_else(|| Unreadable(format!("no reason for passing over slots has the code {code}")))
}

/// The code of a kind of cause.
pub(super) fn cause_code(kind: CauseKind) -> i64 {
    match kind {
        CauseKind::Schedule => 0,
        CauseKind::CatchUp => 1,
        CauseKind::Manual => 2,
        CauseKind::Http => 3,
        CauseKind::After => 4,
        CauseKind::Backfill => 5,
    }
}

/// What there is to say about a cause beyond its code.
pub(super) fn cause_detail(cause: &Cause) -> Option<String> {
    match cause {
        Cause::Schedule | Cause::CatchUp | Cause::Manual | Cause::Http => None,
        Cause::Webhook { path } => Some(write(&WebhookDetail::V1 { path: path.to_string() })),
        Cause::After { task, run } => Some(write(&CauseDetail::V1 { task: task.to_string(), run: run.to_string() })),
        Cause::Backfill { max_parallel } => Some(write(&BackfillDetail::V1 { max_parallel: *max_parallel })),
    }
}

/// The cause behind a code and its detail.
pub(super) fn cause(code: i64, detail: Option<&str>) -> Result<Cause, Unreadable> {
    Ok(match (code, detail) {
        (0, _) => Cause::Schedule,
        (1, _) => Cause::CatchUp,
        (2, _) => Cause::Manual,
        (3, None) => Cause::Http,
        (3, Some(detail)) => {
            let WebhookDetail::V1 { path } = read(detail)?;
            Cause::Webhook { path: path.parse().map_err(|error: HookPathError| Unreadable(error.to_string()))? }
        }
        (4, Some(detail)) => {
            let CauseDetail::V1 { task, run } = read(detail)?;
            Cause::After { task: task_name(&task)?, run: run_id(&run)? }
        }
        (5, Some(detail)) => {
            let BackfillDetail::V1 { max_parallel } = read(detail)?;
            Cause::Backfill { max_parallel }
        }
        (code, _) => return Err(Unreadable(format!("no cause has the code {code}"))),
    })
}

/// What there is to say about a run's end beyond its class; for one that had attempts, see [`attempt_detail`].
pub(super) fn outcome_detail(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Attempted(outcome) => attempt_detail(outcome),
        Outcome::Skipped(why) => Some(write(&Detail::V1(DetailV1::Skipped { why: (*why).into() }))),
        Outcome::Missed(_) => None,
    }
}

/// What there is to say about an attempt's end beyond its class. An output is stored apart.
pub(super) fn attempt_detail(outcome: &AttemptOutcome) -> Option<String> {
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
pub(super) fn outcome(code: i64, detail: Option<&str>, output: Option<Blob>) -> Result<Outcome, Unreadable> {
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
pub(super) fn attempt_outcome(
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

/// A task's name as stored.
pub(super) fn task_name(name: &str) -> Result<TaskName, Unreadable> {
    name.parse().map_err(|error| Unreadable(format!("the task name {name:?}: {error}")))
}

fn run_id(id: &str) -> Result<RunId, Unreadable> {
    id.parse().map_err(|error| Unreadable(format!("{error}")))
}

fn millis(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}

fn write(detail: &impl Serialize) -> String {
    serde_json::to_string(detail).expect("strings and numbers under fixed keys always have a JSON form")
}

fn read<'a, T: Deserialize<'a>>(detail: &'a str) -> Result<T, Unreadable> {
    serde_json::from_str(detail).map_err(|error| Unreadable(format!("a stored detail: {error}")))
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "v")]
enum CauseDetail {
    #[serde(rename = "1")]
    V1 { task: String, run: String },
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "v")]
enum WebhookDetail {
    #[serde(rename = "1")]
    V1 { path: String },
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "v")]
enum BackfillDetail {
    #[serde(rename = "1")]
    V1 { max_parallel: NonZeroU32 },
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "v")]
enum Detail {
    #[serde(rename = "1")]
    V1(DetailV1),
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum DetailV1 {
    Failed {
        message: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
    Trapped {
        reason: String,
        backtrace: Vec<String>,
    },
    Exceeded {
        limit: String,
        allowed: u64,
        used: u64,
        backtrace: Vec<String>,
    },
    Cancelled {
        by: CancelledByV1,
    },
    Interrupted {
        why: InterruptionV1,
    },
    Broken {
        message: String,
    },
    Skipped {
        why: SkipV1,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum CancelledByV1 {
    Operator,
    Replaced { by: String },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum InterruptionV1 {
    Crash,
    Shutdown,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum SkipV1 {
    Overlap,
    QueueFull,
    PluginUnusable,
    ShuttingDown,
    TaskRemoved,
    Paused,
    Disabled,
}

impl From<CancelledBy> for CancelledByV1 {
    fn from(by: CancelledBy) -> Self {
        match by {
            CancelledBy::Operator => Self::Operator,
            CancelledBy::Replaced { by } => Self::Replaced { by: by.to_string() },
        }
    }
}

impl TryFrom<CancelledByV1> for CancelledBy {
    type Error = Unreadable;

    fn try_from(by: CancelledByV1) -> Result<Self, Unreadable> {
        Ok(match by {
            CancelledByV1::Operator => Self::Operator,
            CancelledByV1::Replaced { by } => Self::Replaced { by: run_id(&by)? },
        })
    }
}

/// Defines the conversions both ways between an enum of the model and its stored twin.
macro_rules! twins {
    ($model:ident, $stored:ident: $($variant:ident),+) => {
        impl From<$model> for $stored {
            fn from(value: $model) -> Self {
                match value {
                    $($model::$variant => Self::$variant),+
                }
            }
        }

        impl From<$stored> for $model {
            fn from(value: $stored) -> Self {
                match value {
                    $($stored::$variant => Self::$variant),+
                }
            }
        }
    };
}

twins!(Interruption, InterruptionV1: Crash, Shutdown);
twins!(Skip, SkipV1: Overlap, QueueFull, PluginUnusable, ShuttingDown, TaskRemoved, Paused, Disabled);

#[cfg(test)]
mod tests {
    use super::*;

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
            (Outcome::Skipped(Skip::ShuttingDown), Some(r#"{"v":"1","kind":"skipped","why":"shutting-down"}"#)),
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

    #[test]
    fn causes_and_reasons_keep_their_codes() {
        let after = Cause::After { task: "fetch".parse().unwrap(), run: RunId::from_i64(31).unwrap() };
        let webhook = Cause::Webhook { path: "/hooks/deploy".parse().unwrap() };
        for (code, example, detail) in [
            (0, Cause::Schedule, None),
            (1, Cause::CatchUp, None),
            (2, Cause::Manual, None),
            (3, Cause::Http, None),
            (3, webhook, Some(r#"{"v":"1","path":"/hooks/deploy"}"#)),
            (4, after, Some(r#"{"v":"1","task":"fetch","run":"000000000000Z"}"#)),
            (5, Cause::Backfill { max_parallel: NonZeroU32::MIN }, Some(r#"{"v":"1","max_parallel":1}"#)),
        ] {
            assert_eq!((cause_code(example.kind()), cause_detail(&example).as_deref()), (code, detail));
            assert_eq!(cause(code, detail), Ok(example));
        }
        for unknown in 4..7 {
            assert!(cause(unknown, None).is_err());
        }
        for why in Miss::ALL.map(PassedOver::Missed).into_iter().chain(Skip::ALL.map(PassedOver::Skipped)) {
            assert_eq!(passed_over(passed_over_code(why)), Ok(why));
            assert_eq!(passed_over_code(why) >= SKIPPED, matches!(why, PassedOver::Skipped(_)));
        }
        assert!(passed_over(99).is_err());
    }

    #[test]
    fn every_class_has_a_code_of_its_own() {
        let mut codes = OutcomeClass::ALL.map(class_code);
        codes.sort_unstable();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }
}
