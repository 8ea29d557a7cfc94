//! Lines of the history as a table for people, in the time of a zone.

use std::time::Duration;

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cli::shown::{Missed, Record, Run};
use crate::model::outcome::OutcomeClass;
use crate::model::quantity;
use crate::model::text::inert;

/// The records as an aligned table.
pub(super) fn of_records(records: &[Record], zone: &TimeZone) -> String {
    let head = ["RUN", "TASK", "DUE", "STARTED", "TOOK", "ATTEMPTS"].map(str::to_owned);
    let rows: Vec<Row> = records.iter().map(|record| Row::of(record, zone)).collect();
    let widths: [usize; 6] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| &row.cells[column]).chain([&head[column]]);
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    });
    let line = |cells: &[String; 6], last: &str, style: Style| {
        let cells: Vec<String> = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}  {style}{last}{style:#}\n", cells.join("  "))
    };
    let head = (!rows.is_empty()).then(|| line(&head, "OUTCOME", Style::new()));
    head.into_iter().chain(rows.iter().map(|row| line(&row.cells, &row.outcome, row.style))).collect()
}

/// A line of the table.
struct Row {
    cells: [String; 6],
    outcome: String,
    style: Style,
}

/// What stands where there is nothing to say.
const NOTHING: &str = "-";

impl Row {
    fn of(record: &Record, zone: &TimeZone) -> Self {
        match record {
            Record::Run(run) => Self::of_run(run, zone),
            Record::Missed(missed) => Self::of_missed(missed, zone),
        }
    }

    fn of_run(run: &Run, zone: &TimeZone) -> Self {
        let due = run.due.map(|due| due.to_zoned(zone.clone()));
        let started = run.started_at.map(|at| at.to_zoned(zone.clone()));
        let started = started.map(|started| match &due {
            Some(due) if due.date() == started.date() => started.strftime("%H:%M:%S%.3f").to_string(),
            _ => started.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string(),
        });
        let or_nothing = |text: Option<String>| text.unwrap_or_else(|| NOTHING.to_owned());
        let (outcome, style) = stands(run, zone);
        Self {
            cells: [
                inert(&run.id).to_string(),
                inert(&run.task).to_string(),
                or_nothing(due.map(|due| due.strftime("%Y-%m-%d %H:%M:%S").to_string())),
                or_nothing(started),
                or_nothing(run.took_ms.map(|took| quantity::duration(Duration::from_secs_f64(took / 1e3)).to_string())),
                run.attempts.to_string(),
            ],
            outcome,
            style,
        }
    }

    fn of_missed(missed: &Missed, zone: &TimeZone) -> Self {
        let time = |slot: Timestamp| slot.to_zoned(zone.clone());
        let slots = match missed.count {
            1 => String::new(),
            count => format!(" ({count} slots, until {})", time(missed.last).strftime("%Y-%m-%d %H:%M:%S")),
        };
        Self {
            cells: [
                inert(&missed.id).to_string(),
                inert(&missed.task).to_string(),
                time(missed.first).strftime("%Y-%m-%d %H:%M:%S").to_string(),
                NOTHING.to_owned(),
                NOTHING.to_owned(),
                "0".to_owned(),
            ],
            outcome: format!("{}{slots}", short(&missed.outcome.message)),
            style: style(OutcomeClass::Missed),
        }
    }
}

/// Where a run stands, in words.
fn stands(run: &Run, zone: &TimeZone) -> (String, Style) {
    match (&run.outcome, run.state.as_str(), run.retry_at) {
        (Some(outcome), ..) => (short(&outcome.message), style(outcome.class())),
        (None, "running", _) => (format!("running: attempt {}", run.attempts), YELLOW),
        (None, "waiting", Some(until)) => {
            let until = until.to_zoned(zone.clone());
            (format!("waiting: attempt {} at {}", run.attempts + 1, until.strftime("%H:%M:%S")), YELLOW)
        }
        (None, state, _) => (inert(state).to_string(), YELLOW),
    }
}

const YELLOW: Style = AnsiColor::Yellow.on_default();

/// The colour of an outcome.
pub(in crate::cli) fn style(class: OutcomeClass) -> Style {
    match class {
        OutcomeClass::Succeeded => AnsiColor::Green.on_default(),
        OutcomeClass::Cancelled | OutcomeClass::Skipped | OutcomeClass::Missed => YELLOW,
        OutcomeClass::FailedTransient
        | OutcomeClass::FailedPermanent
        | OutcomeClass::Trapped
        | OutcomeClass::Exceeded
        | OutcomeClass::Interrupted
        | OutcomeClass::Broken => AnsiColor::Red.on_default(),
    }
}

/// How much of an outcome a line of the table shows.
const SHORT: usize = 100;

/// The beginning of a text of a guest, inert and on one line.
pub(in crate::cli) fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(SHORT) {
        Some((end, _)) => format!("{}…", inert(&line[..end])),
        None if line.len() < text.len() => format!("{} …", inert(line)),
        None => inert(line).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::view;
    use crate::cli::shown;
    use crate::ledger::{MissedRecord, Record, RunRecord};
    use crate::model::cause::Cause;
    use crate::model::id::RunId;
    use crate::model::outcome::{AttemptOutcome, Failure, FailureKind, Miss, Outcome, PassedOver, Skip};
    use crate::model::run::RunState;
    use crate::model::slot::Slot;

    fn time(seconds: i64) -> Timestamp {
        Timestamp::from_millisecond(1_795_474_800_000 + seconds * 1000 + 12).unwrap()
    }

    fn run(number: i64, task: &str, slot: Option<i64>, state: RunState) -> Record {
        let started = matches!(state, RunState::Final(Outcome::Attempted(_)) | RunState::Waiting { .. });
        Record::Run(RunRecord {
            id: RunId::from_i64((1_795_474_800_000 << 21) + number).unwrap(),
            task: task.parse().unwrap(),
            cause: Cause::Schedule,
            slot: slot.map(|slot| Slot::from_millis(1_795_474_800_000 + slot * 1000).unwrap()),
            since: time(number),
            attempts: u32::from(started),
            admitted_at: time(number),
            started_at: started.then(|| time(number)),
            took: matches!(state, RunState::Final(Outcome::Attempted(_))).then_some(Duration::from_micros(14_321)),
            state,
        })
    }

    #[test]
    fn records_line_up_and_texts_of_guests_are_inert() {
        let failed = |message: &str| {
            let failure = Failure { kind: FailureKind::Permanent, message: message.to_owned() };
            RunState::Final(Outcome::Attempted(AttemptOutcome::Failed(failure)))
        };
        let done = RunState::Final(Outcome::Attempted(AttemptOutcome::Succeeded { output: None }));
        let missed = Record::Missed(MissedRecord {
            id: RunId::from_i64(1_795_474_800_000 << 21).unwrap(),
            task: "tick".parse().unwrap(),
            first: Slot::at(time(-86_400)),
            last: Slot::at(time(-60)),
            count: 1439,
            why: PassedOver::Missed(Miss::Down),
            entered_at: time(0),
        });
        let records = [
            run(9, "a-longer-name", None, done.clone()),
            run(8, "tick", Some(8), RunState::Queued),
            run(7, "tick", Some(7), RunState::Waiting { next_attempt: 2, until: time(67) }),
            run(6, "tick", Some(-86_400), failed(&format!("two\u{1b}[31m\nlines, {}", "x".repeat(200)))),
            run(5, "tick", Some(5), failed(&"x".repeat(200))),
            run(4, "tick", Some(4), RunState::Final(Outcome::Skipped(Skip::TaskRemoved))),
            run(3, "tick", Some(3), done),
            missed,
        ];
        let told = records.each_ref().map(view::Record::from);
        let table = of_records(&told.map(|record| shown::of(&record).unwrap()), &TimeZone::UTC);
        let plain = anstream::adapter::strip_str(&table).to_string();
        insta::assert_snapshot!(plain, @r"
        RUN            TASK           DUE                  STARTED                  TOOK    ATTEMPTS  OUTCOME
        38GAMCYR00009  a-longer-name  -                    2026-11-23 23:00:09.012  14.3ms  1         succeeded
        38GAMCYR00008  tick           2026-11-23 23:00:08  -                        -       0         queued
        38GAMCYR00007  tick           2026-11-23 23:00:07  23:00:07.012             -       1         waiting: attempt 2 at 23:01:07
        38GAMCYR00006  tick           2026-11-22 23:00:00  2026-11-23 23:00:06.012  14.3ms  1         failed for good: two\u{1b}[31m …
        38GAMCYR00005  tick           2026-11-23 23:00:05  23:00:05.012             14.3ms  1         failed for good: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
        38GAMCYR00004  tick           2026-11-23 23:00:04  -                        -       0         skipped: the task is no longer configured
        38GAMCYR00003  tick           2026-11-23 23:00:03  23:00:03.012             14.3ms  1         succeeded
        38GAMCYR00000  tick           2026-11-22 23:00:00  -                        -       0         missed: the host was not running (1439 slots, until 2026-11-23 22:59:00)
        ");
    }

    #[test]
    fn no_records_make_no_table() {
        assert_eq!(of_records(&[], &TimeZone::UTC), "");
    }
}
