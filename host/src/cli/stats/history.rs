//! What became of a task's runs day by day, as a table.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::cli::columns::aligned;
use crate::cli::shown::{History, Success, Tally};
use crate::model::outcome::OutcomeClass;
use crate::model::quantity;
use crate::model::text::inert;

/// What stands where there is nothing to say.
pub(super) const NOTHING: &str = "-";

/// A line about the task's last success, and a table with a line for each day.
pub(super) fn text(task: &str, history: &History, zone: &TimeZone) -> String {
    let (task, days) = (inert(task), &history.days);
    let streak = match history.failures_in_a_row {
        0 => "no failure since".to_owned(),
        1 => "1 failure since".to_owned(),
        failures => format!("{failures} failures in a row since"),
    };
    let about = match &history.last_success {
        Some(Success { run, at }) => {
            let (run, at) = (inert(run), at.to_zoned(zone.clone()));
            format!("{task}: last success {} (run {run}), {streak}\n", at.strftime("%Y-%m-%d %H:%M:%S"))
        }
        None => format!("{task}: no success yet, {} failures\n", history.failures_in_a_row),
    };
    if days.is_empty() {
        return about;
    }
    let head = ["DAY (UTC)", "SUCCEEDED", "FAILED", "CANCELLED", "SKIPPED", "MISSED", "SUCCESS", "P50", "P90", "P99"];
    let missed = days.iter().map(|day| day.missed).sum();
    let rows: Vec<_> = std::iter::once(head.map(str::to_owned))
        .chain(days.iter().map(|day| row(inert(&day.day).to_string(), &day.tally, day.missed)))
        .chain((days.len() > 1).then(|| row("all".to_owned(), &history.recent, missed)))
        .collect();
    format!("{about}\n{}", aligned(&rows))
}

fn row(label: String, tally: &Tally, missed: u64) -> [String; 10] {
    let count = |class: OutcomeClass| tally.outcomes.get(class.name()).copied().unwrap_or(0).to_string();
    [
        label,
        tally.succeeded.to_string(),
        tally.failed.to_string(),
        count(OutcomeClass::Cancelled),
        count(OutcomeClass::Skipped),
        missed.to_string(),
        rate(tally),
        duration(tally.p50_ms),
        duration(tally.p90_ms),
        duration(tally.p99_ms),
    ]
}

/// How long runs took, for people.
pub(super) fn duration(millis: Option<f64>) -> String {
    let duration = millis.and_then(|millis| Duration::try_from_secs_f64(millis / 1e3).ok());
    duration.map_or_else(|| NOTHING.to_owned(), |duration| quantity::duration(duration).to_string())
}

/// A success rate for people, rounded down: 100 % means that nothing failed.
pub(super) fn rate(tally: &Tally) -> String {
    let Some(rate) = tally.success_rate else { return NOTHING.to_owned() };
    match (rate * 1000.0).floor() {
        1000.0 => "100%".to_owned(),
        tenths => format!("{:.1}%", tenths / 10.0),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use jiff::civil::Date;
    use serde_json::json;

    use super::*;
    use crate::api::view;
    use crate::cli::shown;
    use crate::ledger::{self, DaySummary, TaskSummary};
    use crate::model::id::RunId;
    use crate::model::tally::{Bucket, Tally};

    /// As a host tells it.
    fn text(summary: &TaskSummary, days: &[DaySummary], zone: &TimeZone) -> String {
        let history = shown::of(&view::History::new(summary, days)).unwrap();
        super::text(summary.task.as_str(), &history, zone)
    }

    /// So many successes and failures, from a millisecond up.
    pub(in crate::cli::stats) fn tally(succeeded: u64, failed: u64) -> Tally {
        let mut tally = Tally::default();
        let ends = (0..succeeded).map(|_| OutcomeClass::Succeeded).chain((0..failed).map(|_| OutcomeClass::Trapped));
        ends.zip(1..).for_each(|(class, millis)| tally.add(class, Some(Bucket::of(Duration::from_millis(millis))), 1));
        tally
    }

    /// A task that succeeded in the end, or never.
    pub(in crate::cli::stats) fn summary(
        name: &str,
        recent: Tally,
        success: Option<i64>,
        failures: u64,
    ) -> TaskSummary {
        let success = success.map(|millis| ledger::Success {
            run: RunId::from_i64(millis << 21).unwrap(),
            at: Timestamp::from_millisecond(millis).unwrap(),
        });
        let task = name.parse().unwrap();
        TaskSummary { task, last_run: None, last_success: success, failures_in_a_row: failures, recent }
    }

    fn days() -> Vec<DaySummary> {
        let mut quiet = tally(0, 0);
        quiet.add(OutcomeClass::Skipped, None, 7);
        [(21, tally(1999, 1), 0), (22, quiet, 1439), (23, tally(3, 0), 0)]
            .map(|(day, tally, missed)| DaySummary { day: Date::constant(2026, 11, day), tally, missed })
            .into()
    }

    #[test]
    fn a_history_has_a_line_for_each_day() {
        let mut recent = Tally::default();
        days().iter().for_each(|day| recent.merge(&day.tally));
        let summary = summary("tick", recent, Some(1_795_474_800_000), 0);
        insta::assert_snapshot!(text(&summary, &days(), &TimeZone::UTC), @r"
        tick: last success 2026-11-23 23:00:00 (run 38GAMCYR00000), no failure since

        DAY (UTC)   SUCCEEDED  FAILED  CANCELLED  SKIPPED  MISSED  SUCCESS  P50    P90     P99
        2026-11-21  1999       1       0          0        0       99.9%    1s     1.78s   1.98s
        2026-11-22  0          0       0          7        1439    -        -      -       -
        2026-11-23  3          0       0          0        0       100%     2ms    2.97ms  2.97ms
        all         2002       1       0          7        1439    99.9%    991ms  1.78s   1.98s
        ");
        let json = serde_json::to_value(view::History::new(&summary, &days())).unwrap();
        assert_eq!(json["last_success"], json!({ "run": "38GAMCYR00000", "at": "2026-11-23T23:00:00Z" }));
        assert_eq!((&json["failures_in_a_row"], &json["recent"]["ended"]), (&json!(0), &json!(2010)));
        assert_eq!(
            json["days"][1],
            json!({
                "day": "2026-11-22", "ended": 7, "succeeded": 0, "failed": 0, "success_rate": null, "missed": 1439,
                "outcomes": { "skipped": 7 }, "p50_ms": null, "p90_ms": null, "p99_ms": null,
            })
        );
    }

    #[test]
    fn a_streak_is_told_in_words() {
        let about = |success, failures| text(&summary("tick", tally(0, 0), success, failures), &[], &TimeZone::UTC);
        assert_eq!(about(None, 3), "tick: no success yet, 3 failures\n");
        assert!(about(Some(0), 1).ends_with("(run 0000000000000), 1 failure since\n"));
        assert!(about(Some(0), 2).ends_with(", 2 failures in a row since\n"));
    }

    #[test]
    fn a_rate_of_all_means_that_nothing_failed() {
        for (succeeded, failed, rounded) in
            [(1, 0, "100%"), (999_999, 1, "99.9%"), (1, 1, "50.0%"), (0, 1, "0.0%"), (0, 0, "-")]
        {
            let mut tally = Tally::default();
            tally.add(OutcomeClass::Succeeded, None, succeeded);
            tally.add(OutcomeClass::Broken, None, failed);
            assert_eq!(rate(&shown::of(&view::Tally::from(&tally)).unwrap()), rounded, "{succeeded} {failed}");
        }
    }
}
