//! Which tasks are in trouble, and what leads on from there: for `status`, `tasks` and `top`.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::control::Asked;
use super::runs::short;
use super::shown::{Outcome, Record, Run, Task};

/// How far back failures and missed slots are told of.
const LOOK_BACK: Duration = Duration::from_secs(24 * 60 * 60);

/// What is wrong with a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) task: String,
    /// In words that cannot act on a terminal.
    pub(super) what: String,
}

/// Asks for what went wrong lately.
pub(super) fn recent(now: Timestamp) -> Asked {
    let since = now.saturating_sub(LOOK_BACK).unwrap_or(Timestamp::MIN);
    Asked::get(format!(
        "/api/v1/runs?outcome=failed,trapped,exceeded,interrupted,broken,missed&since={since}&limit=1000"
    ))
}

/// What went wrong lately with one task.
#[derive(Default)]
struct Lately<'a> {
    /// The runs that failed, newest first.
    failed: Vec<&'a Run>,
    missed: u64,
    /// The slot that was missed last, and why.
    last_missed: Option<(Timestamp, &'a Outcome)>,
}

/// What is wrong with tasks, given what went wrong [lately](recent), newest first.
pub(super) fn of(tasks: &[Task], recent: &[Record], zone: &TimeZone) -> Vec<Trouble> {
    let mut lately: HashMap<&str, Lately<'_>> = HashMap::new();
    for record in recent {
        let of_task = lately.entry(record.task()).or_default();
        match record {
            Record::Run(run) => of_task.failed.push(run),
            Record::Missed(missed) => {
                of_task.missed += missed.count;
                of_task.last_missed.get_or_insert((missed.last, &missed.outcome));
            }
        }
    }
    let none = Lately::default();
    let of_task = |task| of_one(task, lately.get(task.task.as_str()).unwrap_or(&none), zone);
    tasks.iter().flat_map(of_task).collect()
}

fn of_one(task: &Task, lately: &Lately<'_>, zone: &TimeZone) -> Vec<Trouble> {
    let mut found = Vec::new();
    if let Some(reason) = &task.plugin_trouble {
        found.push(format!("the plugin cannot be used: {}", short(reason)));
    }
    let last = lately.failed.first().copied().or_else(|| last_failure(task));
    let last = last.map(|run| {
        let what = run.outcome.as_ref().map(|outcome| short(&outcome.message)).unwrap_or_default();
        format!(", last {}: {what}", time(run.since, zone))
    });
    let last = last.unwrap_or_default();
    match (task.failures_in_a_row, lately.failed.len()) {
        (0, 0) => {}
        (0, 1) => found.push(format!("failed once in the last day{last}; it has succeeded since")),
        (0, count) => found.push(format!("failed {count} times in the last day{last}; it has succeeded since")),
        (1, _) => found.push(format!("failed{last}")),
        (streak, _) => found.push(format!("failed {streak} times in a row{last}")),
    }
    if let Some((slot, outcome)) = lately.last_missed {
        let slots = if lately.missed == 1 { "1 slot".to_owned() } else { format!("{} slots", lately.missed) };
        found.push(format!("{slots} in the last day {}, the last {}", short(&outcome.message), time(slot, zone)));
    }
    found.into_iter().map(|what| Trouble { task: task.task.clone(), what }).collect()
}

fn last_failure(task: &Task) -> Option<&Run> {
    match &task.last_run {
        Some(Record::Run(run)) => {
            run.outcome.as_ref().is_some_and(|outcome| outcome.class().is_failure()).then_some(run)
        }
        _ => None,
    }
}

/// A time for people.
pub(super) fn time(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cli::shown;

    pub(in crate::cli) fn task(name: &str, failures: u64) -> Value {
        json!({
            "task": name, "plugin": name, "plugin_trouble": null, "enabled": true, "schedule": "0 2 * * *",
            "paused": null, "next": "2026-11-29T02:00:00Z", "running": 0, "waiting": 0, "last_run": null,
            "last_success": null, "failures_in_a_row": failures,
        })
    }

    pub(in crate::cli) fn failed(task: &str, id: &str, at: &str) -> Value {
        json!({
            "kind": "run", "id": id, "task": task, "due": at, "state": "final", "since": at, "admitted_at": at,
            "started_at": at, "retry_at": null, "took_ms": 3.0, "attempts": 1,
            "outcome": { "class": "trapped", "message": "trapped: \u{1b}[2J\nmore" },
        })
    }

    #[test]
    fn each_trouble_is_told_with_what_happened_last() {
        let mut unusable = task("unusable", 0);
        unusable["plugin_trouble"] = "not wasm".into();
        let mut old = task("old", 2);
        old["last_run"] = failed("old", "38GAMCYR00001", "2026-11-01T02:00:00Z");
        let tasks = [task("fine", 0), task("broken", 3), task("mended", 0), unusable, old, task("late", 0)];
        let missed = json!({
            "kind": "missed", "id": "38GAMCYR00009", "task": "late", "first": "2026-11-28T01:00:00Z",
            "last": "2026-11-28T03:00:00Z", "count": 3,
            "outcome": { "class": "missed", "message": "missed: the host was not running" },
        });
        let recent = [
            failed("broken", "38GAMCYR00003", "2026-11-28T02:00:01Z"),
            missed,
            failed("mended", "38GAMCYR00002", "2026-11-28T01:00:00Z"),
        ];
        let tasks: Vec<Task> = tasks.into_iter().map(|task| shown::read(task).unwrap()).collect();
        let recent: Vec<Record> = recent.into_iter().map(|record| shown::read(record).unwrap()).collect();
        let found = of(&tasks, &recent, &TimeZone::UTC);
        let found: String = found.iter().map(|Trouble { task, what }| format!("{task}: {what}\n")).collect();
        insta::assert_snapshot!(found, @r"
        broken: failed 3 times in a row, last 2026-11-28 02:00:01: trapped: \u{1b}[2J …
        mended: failed once in the last day, last 2026-11-28 01:00:00: trapped: \u{1b}[2J …; it has succeeded since
        unusable: the plugin cannot be used: not wasm
        old: failed 2 times in a row, last 2026-11-01 02:00:00: trapped: \u{1b}[2J …
        late: 3 slots in the last day missed: the host was not running, the last 2026-11-28 03:00:00
        ");
    }
}
