//! A plan for people: a line for each task, plugin and setting that is changed.

use std::fmt::Write;

use serde::Deserialize;

/// What a host answers.
#[derive(Debug, Deserialize)]
pub(super) struct Plan {
    dry_run: bool,
    tasks: Vec<Task>,
    unchanged: usize,
    plugins: Vec<String>,
    alerts: Vec<Alert>,
    host: Vec<Host>,
}

#[derive(Debug, Deserialize)]
struct Task {
    task: String,
    change: Change,
    settings: Vec<String>,
    slots: Slots,
    runs: Runs,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Change {
    Added,
    Removed,
    Changed,
}

#[derive(Debug, Deserialize)]
struct Slots {
    counted: Counted,
    passed: Option<Passed>,
    next: Option<String>,
    next_before: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Counted {
    AsBefore,
    Anew,
    NoMore,
}

#[derive(Debug, Deserialize)]
struct Passed {
    count: u64,
    outcome: String,
    why: String,
}

#[derive(Debug, Deserialize)]
struct Runs {
    running: usize,
    renewed: usize,
    ended: usize,
}

#[derive(Debug, Deserialize)]
struct Alert {
    alert: String,
    change: Change,
    settings: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Host {
    key: String,
    before: Option<String>,
    after: Option<String>,
    counts: Counts,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Counts {
    Now,
    AfterRestart,
}

/// The plan as text.
pub(super) fn plan(plan: &Plan) -> String {
    let mut text = String::new();
    for task in &plan.tasks {
        task_lines(task, &mut text);
    }
    for plugin in &plan.plugins {
        line(&mut text, format_args!("* plugin {plugin}: the content of its file"));
    }
    for Alert { alert, change, settings } in &plan.alerts {
        changed(*change, format_args!("alert {alert}"), settings, &mut text);
    }
    for Host { key, before, after, counts } in &plan.host {
        let [before, after] = [before, after].map(|value| value.as_deref().unwrap_or("not set"));
        let when = match counts {
            Counts::Now => "",
            Counts::AfterRestart => ", once the host is started again",
        };
        line(&mut text, format_args!("~ {key}: {before} -> {after}{when}"));
    }
    let is_nothing = text.is_empty();
    let unchanged = match plan.unchanged {
        1 => "1 task stays as it is".to_owned(),
        count => format!("{count} tasks stay as they are"),
    };
    let done = match (is_nothing, plan.dry_run) {
        (true, _) => "nothing has changed",
        (false, true) => "a dry run, so nothing was changed",
        (false, false) => "this is in force now",
    };
    line(&mut text, format_args!("{unchanged}; {done}"));
    text
}

fn task_lines(task: &Task, text: &mut String) {
    let Task { task: name, change, settings, slots, runs } = task;
    changed(*change, format_args!("task {name}"), settings, text);
    let or_none = |slot: &Option<String>| slot.clone().unwrap_or_else(|| "none".to_owned());
    let next = or_none(&slots.next);
    let was =
        if slots.next == slots.next_before { String::new() } else { format!(", was {}", or_none(&slots.next_before)) };
    match (slots.counted, change) {
        (Counted::Anew, Change::Added) => line(text, format_args!("    slots count from now; next {next}")),
        (Counted::Anew, _) => line(text, format_args!("    slots count anew from now; next {next}{was}")),
        (Counted::AsBefore, _) => line(text, format_args!("    slots go on as before; next {next}")),
        (Counted::NoMore, _) => line(text, format_args!("    no more slots; next {next}{was}")),
    }
    if let Some(Passed { count, outcome, why }) = &slots.passed {
        line(text, format_args!("    slots that passed: {count}, entered as {outcome} ({why})"));
    }
    for (stage, count, fate) in [
        ("running", runs.running, "with what they began with"),
        ("waiting", runs.renewed, "by the new settings"),
        ("waiting", runs.ended, "end as skipped"),
    ] {
        if count > 0 {
            line(text, format_args!("    runs {stage}: {count}, {fate}"));
        }
    }
}

fn changed(change: Change, what: std::fmt::Arguments<'_>, settings: &[String], text: &mut String) {
    match change {
        Change::Added => line(text, format_args!("+ {what}")),
        Change::Removed => line(text, format_args!("- {what}")),
        Change::Changed => line(text, format_args!("~ {what}: {}", settings.join(", "))),
    }
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plan_says_what_becomes_of_everything() {
        let task = |task, change, settings: &[&str], slots, runs: [usize; 3]| {
            let [running, renewed, ended] = runs;
            json!({
                "task": task, "change": change, "settings": settings, "slots": slots,
                "runs": { "running": running, "renewed": renewed, "ended": ended },
            })
        };
        let slots = |counted, passed, next: Option<&str>, next_before: Option<&str>| json!({ "counted": counted, "passed": passed, "next": next, "next_before": next_before });
        let (nine, ten) = (Some("2026-11-23T09:00:00Z"), Some("2026-11-23T10:00:00Z"));
        let passed = json!({ "count": 3, "outcome": "skipped", "why": "disabled" });
        let answer = json!({
            "dry_run": true,
            "tasks": [
                task("new", "added", &[], slots("anew", passed, nine, None), [0, 0, 0]),
                task("old", "removed", &[], slots("no-more", json!(null), None, nine), [1, 0, 2]),
                task("report", "changed", &["schedule"], slots("anew", json!(null), ten, nine), [0, 4, 0]),
                task("tick", "changed", &["grants.http", "overlap"], slots("as-before", json!(null), nine, nine), [1, 0, 0]),
            ],
            "unchanged": 1,
            "plugins": ["hello"],
            "alerts": [
                { "alert": "new", "change": "added", "settings": [] },
                { "alert": "ops", "change": "changed", "settings": ["smtp.to", "reminder"] },
            ],
            "host": [
                { "key": "host.grace-period", "before": "\"30s\"", "after": "\"1m\"", "counts": "now" },
                { "key": "host.tls-roots", "before": null, "after": "\"roots.pem\"", "counts": "after-restart" },
            ],
        });
        let expected = "\
+ task new
    slots count from now; next 2026-11-23T09:00:00Z
    slots that passed: 3, entered as skipped (disabled)
- task old
    no more slots; next none, was 2026-11-23T09:00:00Z
    runs running: 1, with what they began with
    runs waiting: 2, end as skipped
~ task report: schedule
    slots count anew from now; next 2026-11-23T10:00:00Z, was 2026-11-23T09:00:00Z
    runs waiting: 4, by the new settings
~ task tick: grants.http, overlap
    slots go on as before; next 2026-11-23T09:00:00Z
    runs running: 1, with what they began with
* plugin hello: the content of its file
+ alert new
~ alert ops: smtp.to, reminder
~ host.grace-period: \"30s\" -> \"1m\"
~ host.tls-roots: not set -> \"roots.pem\", once the host is started again
1 task stays as it is; a dry run, so nothing was changed
";
        assert_eq!(plan(&serde_json::from_value(answer).unwrap()), expected);
        let nothing = json!({ "dry_run": false, "tasks": [], "unchanged": 2, "plugins": [], "alerts": [], "host": [] });
        let nothing = plan(&serde_json::from_value(nothing).unwrap());
        assert_eq!(nothing, "2 tasks stay as they are; nothing has changed\n");
    }
}
