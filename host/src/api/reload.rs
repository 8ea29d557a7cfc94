//! `POST /api/v1/reload`: reads the configuration anew, and answers with what that changes.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::Problem;
use super::requests::Answer;
use crate::daemon::Handle;
use crate::daemon::reload::ReloadMode;
use crate::model::outcome::{Outcome, PassedOver};
use crate::model::plan::{Change, Counted, Counts, HostPlan, Plan, TaskPlan};
use crate::model::slot::Slot;

/// What a reload is asked for with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    /// Only the plan is of interest.
    #[serde(default)]
    dry_run: bool,
}

pub(super) async fn reload(
    State(daemon): State<Handle>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Answer {
    let Query(Parameters { dry_run }) = parameters.map_err(|rejection| Problem::malformed(rejection.body_text()))?;
    let mode = if dry_run { ReloadMode::DryRun } else { ReloadMode::Apply };
    let plan = daemon.reload(mode).await??;
    let mut answer = to_json(&plan);
    answer["dry_run"] = dry_run.into();
    Ok((StatusCode::OK, Json(answer)))
}

fn to_json(plan: &Plan) -> Value {
    json!({
        "tasks": plan.tasks.iter().map(task).collect::<Vec<_>>(),
        "unchanged": plan.unchanged,
        "plugins": plan.plugins.iter().map(|plugin| plugin.as_str()).collect::<Vec<_>>(),
        "host": plan.host.iter().map(host).collect::<Vec<_>>(),
    })
}

fn task(plan: &TaskPlan) -> Value {
    let TaskPlan { task, change, slots, runs } = plan;
    let settings = match change {
        Change::Changed(settings) => settings.as_slice(),
        Change::Added | Change::Removed => &[],
    };
    let (counted, from) = match slots.counted {
        Counted::AsBefore => ("as-before", None),
        Counted::From(from) => ("anew", Some(from)),
        Counted::Ended => ("no-more", None),
    };
    let passed = slots.passed.map(|passed| {
        let why = match passed.why {
            PassedOver::Missed(why) => why.name(),
            PassedOver::Skipped(why) => why.name(),
        };
        json!({ "count": passed.count, "outcome": Outcome::from(passed.why).class().name(), "why": why })
    });
    let time = |slot: Option<Slot>| slot.map(|slot| slot.time().to_string());
    json!({
        "task": task.as_str(),
        "change": change.name(),
        "settings": settings,
        "slots": {
            "counted": counted,
            "from": from.as_ref().map(Timestamp::to_string),
            "passed": passed,
            "next": time(slots.next),
            "next_before": time(slots.next_before),
        },
        "runs": { "running": runs.running, "renewed": runs.renewed, "ended": runs.ended },
    })
}

fn host(plan: &HostPlan) -> Value {
    let counts = match plan.counts {
        Counts::Now => "now",
        Counts::AfterRestart => "after-restart",
    };
    json!({ "key": plan.key, "before": plan.before, "after": plan.after, "counts": counts })
}
