//! What is stored of an outcome beside its class, in the form of its version. A form may be added to and is never changed.

use serde::{Deserialize, Serialize};

use super::{Unreadable, run_id};
use crate::model::outcome::{CancelledBy, Interruption, Skip};

#[derive(Serialize, Deserialize)]
#[serde(tag = "v")]
pub(super) enum Detail {
    #[serde(rename = "1")]
    V1(DetailV1),
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(super) enum DetailV1 {
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
pub(super) enum CancelledByV1 {
    Operator,
    Replaced { by: String },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum InterruptionV1 {
    Crash,
    Shutdown,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum SkipV1 {
    Overlap,
    QueueFull,
    PluginUnusable,
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
twins!(Skip, SkipV1: Overlap, QueueFull, PluginUnusable, TaskRemoved, Paused, Disabled);
