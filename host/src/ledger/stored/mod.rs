//! How causes and outcomes are written down: a code for the kind, and the details as JSON that says its own version.
//!
//! A code, once released, keeps its meaning for ever. Nothing here knows of tables.

mod cause;
mod codes;
mod detail;
mod outcome;

use serde::{Deserialize, Serialize};

use crate::model::id::{RunId, TaskName};

pub(super) use self::cause::{cause, cause_code, cause_detail};
pub(super) use self::codes::{SKIPPED, class, class_code, passed_over, passed_over_code};
pub(super) use self::outcome::{attempt_detail, attempt_outcome, outcome, outcome_detail};

/// Something stored does not have a form that this version knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unreadable(String);

impl Unreadable {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

/// A task's name as stored.
pub(super) fn task_name(name: &str) -> Result<TaskName, Unreadable> {
    name.parse().map_err(|error| Unreadable(format!("the task name {name:?}: {error}")))
}

fn run_id(id: &str) -> Result<RunId, Unreadable> {
    id.parse().map_err(|error| Unreadable(format!("{error}")))
}

fn write(detail: &impl Serialize) -> String {
    serde_json::to_string(detail).expect("strings and numbers under fixed keys always have a JSON form")
}

fn read<'a, T: Deserialize<'a>>(detail: &'a str) -> Result<T, Unreadable> {
    serde_json::from_str(detail).map_err(|error| Unreadable(format!("a stored detail: {error}")))
}
