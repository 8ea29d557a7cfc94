//! How something ended, and why it exists.

use serde::Serialize;
use utoipa::ToSchema;

use crate::model;

/// How a run or an attempt ended.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Outcome {
    /// One of `succeeded`, `failed-transient`, `failed-permanent`, `trapped`, `exceeded`, `cancelled`, `skipped`, `missed`,
    /// `interrupted` and `broken`.
    #[schema(example = "succeeded")]
    pub class: &'static str,
    /// A line for people, in which a guest may have a say.
    pub message: String,
}

/// Why a run exists.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Cause {
    /// One of `schedule`, `catch-up`, `manual`, `http`, `after` and `backfill`.
    #[schema(example = "http")]
    pub kind: &'static str,
    /// The task that it follows, if its kind is `after`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The run that it follows, if its kind is `after`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The path of the webhook by which it was asked for, if it was by one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<String>,
    /// How many runs of its backfill may go on at once, if its kind is `backfill`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_parallel: Option<u32>,
}

impl From<&model::outcome::Outcome> for Outcome {
    fn from(outcome: &model::outcome::Outcome) -> Self {
        Self { class: outcome.class().name(), message: outcome.to_string() }
    }
}

impl From<&model::outcome::AttemptOutcome> for Outcome {
    fn from(outcome: &model::outcome::AttemptOutcome) -> Self {
        Self { class: outcome.class().name(), message: outcome.to_string() }
    }
}

impl From<&model::cause::Cause> for Cause {
    fn from(cause: &model::cause::Cause) -> Self {
        let plain = Self { kind: cause.name(), task: None, run: None, webhook: None, max_parallel: None };
        match cause {
            model::cause::Cause::After { task, run } => {
                Self { task: Some(task.to_string()), run: Some(run.to_string()), ..plain }
            }
            model::cause::Cause::Webhook { path } => Self { webhook: Some(path.to_string()), ..plain },
            model::cause::Cause::Backfill { max_parallel } => Self { max_parallel: Some(max_parallel.get()), ..plain },
            _ => plain,
        }
    }
}
