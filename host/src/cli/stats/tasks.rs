//! How all tasks do, a line each.

use anstyle::Style;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::history::{NOTHING, duration, rate};
use crate::cli::columns::aligned;
use crate::cli::runs::style;
use crate::cli::shown::{Record, TaskSummary};
use crate::model::text::inert;

/// An aligned table of tasks.
pub(super) fn table(tasks: &[TaskSummary], days: u32, zone: &TimeZone) -> String {
    let ended = format!("ENDED {days}D");
    let head = ["TASK", "LAST RUN", "LAST SUCCESS", "FAILED IN A ROW", &ended, "SUCCESS", "P50", "P99"];
    let rows: Vec<[String; 8]> =
        std::iter::once(head.map(str::to_owned)).chain(tasks.iter().map(|task| row(task, zone))).collect();
    let lasts = std::iter::once(("LAST OUTCOME".to_owned(), Style::new())).chain(tasks.iter().map(last));
    // The last column is coloured, and so is not among those that are measured.
    let width = aligned(&rows).lines().map(|line| line.chars().count()).max().unwrap_or(0);
    let line = |(cells, (text, style)): (&str, (String, Style))| format!("{cells:width$}  {style}{text}{style:#}\n");
    aligned(&rows).lines().zip(lasts).map(line).collect()
}

fn row(task: &TaskSummary, zone: &TimeZone) -> [String; 8] {
    let time = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string();
    let or_nothing = |text: Option<String>| text.unwrap_or_else(|| NOTHING.to_owned());
    let last_run = task.last_run.as_ref().map(|record| match record {
        Record::Run(run) => run.started_at.unwrap_or(run.admitted_at),
        Record::Missed(missed) => missed.last,
    });
    [
        inert(&task.task).to_string(),
        or_nothing(last_run.map(time)),
        or_nothing(task.last_success.as_ref().map(|success| time(success.at))),
        task.failures_in_a_row.to_string(),
        task.recent.ended.to_string(),
        rate(&task.recent),
        duration(task.recent.p50_ms),
        duration(task.recent.p99_ms),
    ]
}

/// Where a task's last run stands, in a word.
fn last(task: &TaskSummary) -> (String, Style) {
    if !task.configured {
        return ("(no longer configured)".to_owned(), Style::new());
    }
    let (state, outcome) = match &task.last_run {
        None => return (NOTHING.to_owned(), Style::new()),
        Some(Record::Run(run)) => (run.state.as_str(), run.outcome.as_ref()),
        Some(Record::Missed(missed)) => ("final", Some(&missed.outcome)),
    };
    match outcome {
        Some(outcome) => (outcome.class().name().to_owned(), style(outcome.class())),
        None => (inert(state).to_string(), Style::new()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::api::view;
    use crate::cli::shown;
    use crate::cli::stats::history::tests::{summary, tally};
    use crate::ledger::RunRecord;
    use crate::model::cause::Cause;
    use crate::model::id::RunId;
    use crate::model::outcome::{Outcome, Skip};
    use crate::model::run::RunState;

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
        let told = view::summaries(configured.iter(), &known, 7);
        let tasks: Vec<TaskSummary> = shown::of(&told).unwrap();
        let plain = anstream::adapter::strip_str(&table(&tasks, 7, &TimeZone::UTC)).to_string();
        insta::assert_snapshot!(plain, @r"
        TASK  LAST RUN             LAST SUCCESS         FAILED IN A ROW  ENDED 7D  SUCCESS  P50     P99     LAST OUTCOME
        gone  -                    -                    2                2         0.0%     1ms     2ms     (no longer configured)
        new   -                    -                    0                0         -        -       -       -
        tick  2026-11-23 23:01:00  2026-11-23 23:00:00  1                100       99.0%    49.6ms  99.3ms  skipped
        ");
        let json = serde_json::to_value(told).unwrap();
        let names: Vec<_> = json.as_array().unwrap().iter().map(|task| (&task["task"], &task["configured"])).collect();
        assert_eq!(
            names,
            [(&json!("gone"), &json!(false)), (&"new".into(), &true.into()), (&"tick".into(), &true.into())]
        );
        assert_eq!(json[2]["last_run"]["outcome"]["class"], "skipped");
        assert_eq!(json[1]["recent"]["success_rate"], Json::Null);
    }
}
