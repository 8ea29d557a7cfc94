//! Tasks as a table, and one as a page.

use anstyle::{AnsiColor, Style};
use jiff::tz::TimeZone;

use crate::cli::columns::aligned;
use crate::cli::runs::{short, style};
use crate::cli::shown::{Record, Task, TaskDetail};
use crate::cli::trouble::time;
use crate::model::text::inert;

/// What stands where there is nothing to say, or nobody knows.
const NOTHING: &str = "-";

const BAD: Style = AnsiColor::Red.on_default();

/// The tasks as an aligned table.
pub(super) fn table(tasks: &[Task], zone: &TimeZone) -> String {
    if tasks.is_empty() {
        return String::new();
    }
    let head = ["TASK", "SCHEDULE", "NEXT", "STATE", "RUNNING", "WAITING", "FAILED IN A ROW", "LAST RUN"];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(tasks.iter().map(|task| cells(task, zone)));
    let lasts = std::iter::once(("LAST OUTCOME".to_owned(), Style::new())).chain(tasks.iter().map(last_outcome));
    let width = |line: &str| line.chars().count();
    let lines = aligned(&rows);
    let widest = lines.lines().map(width).max().unwrap_or(0);
    let line = |(line, (last, style)): (&str, (String, Style))| {
        format!("{line}{:pad$}  {style}{last}{style:#}\n", "", pad = widest - width(line))
    };
    lines.lines().zip(lasts).map(line).collect()
}

fn cells(task: &Task, zone: &TimeZone) -> [String; 8] {
    let count = |count: Option<u64>| count.map_or(NOTHING.to_owned(), |count| count.to_string());
    let last = match &task.last_run {
        Some(Record::Run(run)) => time(run.started_at.unwrap_or(run.admitted_at), zone),
        _ => NOTHING.to_owned(),
    };
    [
        inert(&task.task).to_string(),
        inert(&task.schedule).to_string(),
        task.next.filter(|_| comes(task)).map_or(NOTHING.to_owned(), |next| time(next, zone)),
        state(task).to_owned(),
        count(task.running),
        count(task.waiting),
        task.failures_in_a_row.to_string(),
        last,
    ]
}

/// Whether its slots are run.
fn comes(task: &Task) -> bool {
    task.enabled && task.paused.is_none()
}

/// How a task stands, in a word or two.
fn state(task: &Task) -> &'static str {
    match task {
        Task { enabled: false, .. } => "disabled",
        Task { paused: Some(_), .. } => "paused",
        Task { plugin_trouble: Some(_), .. } => "plugin unusable",
        _ => "enabled",
    }
}

fn last_outcome(task: &Task) -> (String, Style) {
    match &task.last_run {
        Some(Record::Run(run)) => match &run.outcome {
            Some(outcome) => (short(&outcome.message), style(outcome.class())),
            None => (inert(&run.state).to_string(), Style::new()),
        },
        _ => (NOTHING.to_owned(), Style::new()),
    }
}

/// All about a task.
pub(super) fn page(TaskDetail { task, settings, next }: &TaskDetail, zone: &TimeZone) -> String {
    let mut rows: Vec<[String; 2]> = Vec::new();
    let mut add = |what: &str, said: String| rows.push([what.to_owned(), said]);
    let state = match &task.paused {
        Some(pause) if task.enabled => format!("paused since {} by {}", time(pause.since, zone), inert(&pause.by)),
        _ => state(task).to_owned(),
    };
    add("state", state);
    add("schedule", inert(&task.schedule).to_string());
    let slots = next.iter().map(|slot| format!("{} ({})", inert(&slot.local), inert(&slot.timezone)));
    for (index, slot) in slots.enumerate() {
        let passes = if comes(task) { "" } else { ", passes without a run" };
        add(if index == 0 { "next" } else { "" }, format!("{slot}{passes}"));
    }
    if !settings.after.is_empty() {
        add("after", inert(&settings.after.join(", ")).to_string());
    }
    add("plugin", inert(&task.plugin).to_string());
    if let Some(reason) = &task.plugin_trouble {
        add("", format!("{BAD}cannot be used:{BAD:#} {}", inert(reason)));
    }
    if let (Some(running), Some(waiting)) = (task.running, task.waiting) {
        add("runs", format!("{running} running, {waiting} waiting"));
    }
    if let Some(Record::Run(run)) = &task.last_run {
        let at = time(run.started_at.unwrap_or(run.admitted_at), zone);
        let (outcome, style) = last_outcome(task);
        add("last run", format!("{} at {at}: {style}{outcome}{style:#}", inert(&run.id)));
    }
    if let Some(success) = &task.last_success {
        add("last success", format!("{} at {}", inert(&success.run), time(success.at, zone)));
    }
    add("failed in a row", task.failures_in_a_row.to_string());
    add("overlap", inert(&settings.overlap).to_string());
    add("missed slots", inert(&settings.misfire.policy).to_string());
    add("attempts", format!("{} at the most", settings.attempts));
    if !settings.alerts.is_empty() {
        add("alerts", inert(&settings.alerts.join(", ")).to_string());
    }
    format!("{}\n{}", inert(&task.task), aligned(&rows))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::shown;
    use crate::cli::trouble::tests::{failed, task};

    #[test]
    fn a_line_tells_how_a_task_stands() {
        let mut report = task("report", 3);
        report["last_run"] = failed("report", "38GAMCYR00003", "2026-11-28T02:00:00Z");
        let mut off = task("off", 0);
        off["enabled"] = false.into();
        let mut held = task("held", 0);
        held["paused"] = json!({ "since": "2026-11-28T02:00:00Z", "by": "uid 0" });
        let mut unusable = task("unusable", 0);
        unusable["plugin_trouble"] = "not wasm".into();
        (unusable["running"], unusable["waiting"]) = (json!(null), json!(null));
        let tasks = [report, off, held, unusable].map(|task| shown::read(task).unwrap());
        let plain = anstream::adapter::strip_str(&table(&tasks, &TimeZone::UTC)).to_string();
        insta::assert_snapshot!(plain, @r"
        TASK      SCHEDULE   NEXT                 STATE            RUNNING  WAITING  FAILED IN A ROW  LAST RUN             LAST OUTCOME
        report    0 2 * * *  2026-11-29 02:00:00  enabled          0        0        3                2026-11-28 02:00:00  trapped: \u{1b}[2J …
        off       0 2 * * *  -                    disabled         0        0        0                -                    -
        held      0 2 * * *  -                    paused           0        0        0                -                    -
        unusable  0 2 * * *  2026-11-29 02:00:00  plugin unusable  -        -        0                -                    -
        ");
        assert_eq!(table(&[], &TimeZone::UTC), "");
    }

    #[test]
    fn a_page_tells_all_about_one() {
        let mut report = task("report", 3);
        report["last_run"] = failed("report", "38GAMCYR00003", "2026-11-28T02:00:00Z");
        report["last_success"] = json!({ "run": "38GAMCYR00001", "at": "2026-11-27T02:00:00Z" });
        let slot = |time| {
            let (due, local) = (format!("{time}Z"), format!("{time}+00:00"));
            json!({ "task": "report", "due": due, "local": local, "timezone": "UTC", "clocks": null })
        };
        let detail = json!({
            "task": report,
            "settings": {
                "overlap": "skip", "attempts": 3, "misfire": { "policy": "once" }, "after": [], "alerts": ["mail"],
            },
            "next": [slot("2026-11-29T02:00:00"), slot("2026-11-30T02:00:00")],
        });
        let plain = page(&shown::read(detail).unwrap(), &TimeZone::UTC);
        insta::assert_snapshot!(anstream::adapter::strip_str(&plain).to_string(), @r"
        report
        state            enabled
        schedule         0 2 * * *
        next             2026-11-29T02:00:00+00:00 (UTC)
                         2026-11-30T02:00:00+00:00 (UTC)
        plugin           report
        runs             0 running, 0 waiting
        last run         38GAMCYR00003 at 2026-11-28 02:00:00: trapped: \u{1b}[2J …
        last success     38GAMCYR00001 at 2026-11-27 02:00:00
        failed in a row  3
        overlap          skip
        missed slots     once
        attempts         3 at the most
        alerts           mail
        ");
    }
}
