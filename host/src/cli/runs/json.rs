//! Records of the ledger as JSON. Times are UTC in RFC 3339; texts of guests are as the guests wrote them.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::ledger::Record;
use crate::model::cause::Cause;
use crate::model::outcome::{Outcome, OutcomeClass, PassedOver};
use crate::model::run::RunState;

/// The records as an array of objects.
pub(super) fn of_records(records: &[Record]) -> Json {
    records.iter().map(of_record).collect()
}

/// One record.
pub(in crate::cli) fn of_record(record: &Record) -> Json {
    match record {
        Record::Run(run) => json!({
            "kind": "run",
            "id": run.id.to_string(),
            "task": run.task.as_str(),
            "cause": cause_json(&run.cause),
            "due": run.slot.map(|slot| slot.to_string()),
            "state": run.state.name(),
            "since": run.since.to_string(),
            "admitted_at": run.admitted_at.to_string(),
            "started_at": run.started_at.map(|at| at.to_string()),
            "retry_at": match &run.state {
                RunState::Waiting { until, .. } => Some(until.to_string()),
                _ => None,
            },
            "took_ms": run.took.map(millis),
            "attempts": run.attempts,
            "outcome": match &run.state {
                RunState::Final(outcome) => outcome_json(outcome.class(), &outcome.to_string()),
                _ => Json::Null,
            },
        }),
        Record::Missed(missed) => json!({
            "kind": "missed",
            "id": missed.id.to_string(),
            "task": missed.task.as_str(),
            "first": missed.first.to_string(),
            "last": missed.last.to_string(),
            "count": missed.count,
            "entered_at": missed.entered_at.to_string(),
            "outcome": passed_over_json(missed.why),
        }),
    }
}

/// An outcome in JSON: its class, and a line for people.
pub(in crate::cli) fn outcome_json(class: OutcomeClass, message: &str) -> Json {
    json!({ "class": class.name(), "message": message })
}

fn passed_over_json(why: PassedOver) -> Json {
    let outcome = Outcome::from(why);
    outcome_json(outcome.class(), &outcome.to_string())
}

fn cause_json(cause: &Cause) -> Json {
    match cause {
        Cause::After { task, run } => json!({ "kind": cause.name(), "task": task.as_str(), "run": run.to_string() }),
        Cause::Webhook { path } => json!({ "kind": cause.name(), "webhook": path.as_str() }),
        Cause::Backfill { max_parallel } => json!({ "kind": cause.name(), "max_parallel": max_parallel }),
        Cause::Schedule | Cause::CatchUp | Cause::Manual | Cause::Http => json!({ "kind": cause.name() }),
    }
}

/// Milliseconds with their fraction.
pub(in crate::cli) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
