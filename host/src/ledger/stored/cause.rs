//! Causes: a code for the kind, and what there is to say of it.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::{Unreadable, read, run_id, task_name, write};
use crate::model::cause::{Cause, CauseKind};
use crate::model::webhook::HookPathError;

/// The code of a kind of cause.
pub(in crate::ledger) fn cause_code(kind: CauseKind) -> i64 {
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
pub(in crate::ledger) fn cause_detail(cause: &Cause) -> Option<String> {
    match cause {
        Cause::Schedule | Cause::CatchUp | Cause::Manual | Cause::Http => None,
        Cause::Webhook { path } => Some(write(&WebhookDetail::V1 { path: path.to_string() })),
        Cause::After { task, run } => Some(write(&CauseDetail::V1 { task: task.to_string(), run: run.to_string() })),
        Cause::Backfill { max_parallel } => Some(write(&BackfillDetail::V1 { max_parallel: *max_parallel })),
    }
}

/// The cause behind a code and its detail.
pub(in crate::ledger) fn cause(code: i64, detail: Option<&str>) -> Result<Cause, Unreadable> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::RunId;

    #[test]
    fn causes_keep_their_codes() {
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
    }
}
