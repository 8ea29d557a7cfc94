//! How all tasks do, a line each.

use std::collections::BTreeMap;

use anstyle::Style;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::history::{NOTHING, percentile, rate};
use crate::api::view;
use crate::cli::columns::aligned;
use crate::cli::runs::style;
use crate::ledger::TaskSummary;
use crate::model::id::TaskName;
use crate::model::run::RunState;

/// The tasks of the configuration and those that the ledger knows besides, by name.
pub(super) struct Tasks {
    tasks: BTreeMap<TaskName, Task>,
    /// How many days the summaries are of.
    days: u32,
}

#[derive(Default)]
struct Task {
    configured: bool,
    summary: Option<TaskSummary>,
}

impl Tasks {
    pub(super) fn new(configured: impl IntoIterator<Item = TaskName>, known: Vec<TaskSummary>, days: u32) -> Self {
        let mut tasks: BTreeMap<TaskName, Task> = BTreeMap::new();
        for name in configured {
            tasks.entry(name).or_default().configured = true;
        }
        for summary in known {
            let task = tasks.entry(summary.task.clone()).or_default();
            task.summary = Some(summary);
        }
        Self { tasks, days }
    }

    /// An aligned table.
    pub(super) fn table(&self, zone: &TimeZone) -> String {
        let ended = format!("ENDED {}D", self.days);
        let head = ["TASK", "LAST RUN", "LAST SUCCESS", "FAILED IN A ROW", &ended, "SUCCESS", "P50", "P99"];
        let rows: Vec<[String; 8]> = std::iter::once(head.map(str::to_owned))
            .chain(self.tasks.iter().map(|(name, task)| row(name, task.summary.as_ref(), zone)))
            .collect();
        let lasts = std::iter::once(("LAST OUTCOME", Style::new())).chain(self.tasks.values().map(last));
        // The last column is coloured, and so is not among those that are measured.
        let width = aligned(&rows).lines().map(|line| line.chars().count()).max().unwrap_or(0);
        let line = |(cells, (text, style)): (&str, (&str, Style))| format!("{cells:width$}  {style}{text}{style:#}\n");
        aligned(&rows).lines().zip(lasts).map(line).collect()
    }

    /// An array with an object for each task.
    pub(super) fn json(&self) -> Vec<view::TaskSummary> {
        let of_task = |(name, task): (&TaskName, &Task)| {
            view::TaskSummary::new(name.as_str(), task.configured, task.summary.as_ref(), self.days)
        };
        self.tasks.iter().map(of_task).collect()
    }
}

fn row(name: &TaskName, summary: Option<&TaskSummary>, zone: &TimeZone) -> [String; 8] {
    let time = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string();
    let or_nothing = |text: Option<String>| text.unwrap_or_else(|| NOTHING.to_owned());
    let last_run = summary.and_then(|summary| summary.last_run.as_ref());
    let last_success = summary.and_then(|summary| summary.last_success);
    let of_summary = |of: fn(&TaskSummary) -> String| or_nothing(summary.map(of));
    [
        name.to_string(),
        or_nothing(last_run.map(|run| time(run.started_at.unwrap_or(run.admitted_at)))),
        or_nothing(last_success.map(|success| time(success.at))),
        of_summary(|summary| summary.failures_in_a_row.to_string()),
        of_summary(|summary| summary.recent.ends().to_string()),
        of_summary(|summary| rate(&summary.recent)),
        of_summary(|summary| percentile(&summary.recent, 50)),
        of_summary(|summary| percentile(&summary.recent, 99)),
    ]
}

/// Where a task's last run stands, in a word.
fn last(task: &Task) -> (&'static str, Style) {
    if !task.configured {
        return ("(no longer configured)", Style::new());
    }
    match task.summary.as_ref().and_then(|summary| summary.last_run.as_ref()).map(|run| &run.state) {
        None => (NOTHING, Style::new()),
        Some(RunState::Queued) => ("queued", Style::new()),
        Some(RunState::Running { .. }) => ("running", Style::new()),
        Some(RunState::Waiting { .. }) => ("waiting", Style::new()),
        Some(RunState::Final(outcome)) => (outcome.class().name(), style(outcome.class())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::cli::stats::history::tests::{summary, tally};
    use crate::ledger::RunRecord;
    use crate::model::cause::Cause;
    use crate::model::id::RunId;
    use crate::model::outcome::{Outcome, Skip};

    #[test]
    fn every_task_that_is_configured_or_was_has_a_line() {
        let mut ran = summary("tick", tally(99, 1), Some(1_795_474_800_000), 1);
        let at = Timestamp::from_millisecond(1_795_474_860_000).unwrap();
        ran.last_run = Some(RunRecord {
            id: RunId::from_i64(1_795_474_860_000 << 21).unwrap(),
            task: ran.task.clone(),
            cause: Cause::Schedule,
            slot: None,
            state: RunState::Final(Outcome::Skipped(Skip::Overlap)),
            since: at,
            attempts: 0,
            admitted_at: at,
            started_at: None,
            took: None,
        });
        let known = vec![summary("gone", tally(0, 2), None, 2), ran];
        let configured = ["new", "tick"].map(|name| name.parse().unwrap());
        let tasks = Tasks::new(configured, known, 7);
        let plain = anstream::adapter::strip_str(&tasks.table(&TimeZone::UTC)).to_string();
        insta::assert_snapshot!(plain, @r"
        TASK  LAST RUN             LAST SUCCESS         FAILED IN A ROW  ENDED 7D  SUCCESS  P50     P99     LAST OUTCOME
        gone  -                    -                    2                2         0.0%     1ms     2ms     (no longer configured)
        new   -                    -                    -                -         -        -       -       -
        tick  2026-11-23 23:01:00  2026-11-23 23:00:00  1                100       99.0%    49.6ms  99.3ms  skipped
        ");
        let json = serde_json::to_value(tasks.json()).unwrap();
        let names: Vec<_> = json.as_array().unwrap().iter().map(|task| (&task["task"], &task["configured"])).collect();
        assert_eq!(
            names,
            [(&json!("gone"), &json!(false)), (&"new".into(), &true.into()), (&"tick".into(), &true.into())]
        );
        assert_eq!(json[2]["last_run"]["outcome"]["class"], "skipped");
        assert_eq!(json[1]["recent"]["success_rate"], Json::Null);
    }
}
