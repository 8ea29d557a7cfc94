//! Lists of runs and of missed slots as SQL: which index leads to them, and in what order they come.
//!
//! The index is named and not left to SQLite, whose guess without statistics may read ten million rows to show one. What
//! no index answers in order is asked in parts.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::types::Value;

use super::record::Filter;
use super::stored;
use crate::model::cause::CauseKind;
use crate::model::id::{RunId, TaskName};
use crate::model::outcome::OutcomeClass;

/// Where a record stands in a list, which begins with the largest: by its id, or by its slot and its task's key.
pub(super) type Place = (i64, i64);

/// A query put together from the parts of a filter.
pub(super) struct Query {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

/// How a list gets to its runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lead {
    Id,
    Slot,
    Task,
    Outcome,
    TaskOutcome,
    TaskCause,
}

/// Divides a question into such as one index answers in order: by outcome, and for a rare cause by task.
pub(super) fn parts<E>(
    filter: &Filter,
    all_tasks: impl FnOnce() -> Result<Vec<TaskName>, E>,
) -> Result<Vec<Filter>, E> {
    let by_outcome: Vec<Filter> = match &filter.outcomes[..] {
        [] | [_] => vec![filter.clone()],
        several => {
            // One that is named twice is asked for once.
            let classes: BTreeSet<_> = several.iter().copied().collect();
            classes.into_iter().map(|class| Filter { outcomes: vec![class], ..filter.clone() }).collect()
        }
    };
    let needs_task = |part: &Filter| part.task.is_none() && Lead::of(part) == Lead::TaskCause;
    if !by_outcome.iter().any(needs_task) {
        return Ok(by_outcome);
    }
    let tasks = all_tasks()?;
    let by_task = |part: Filter| match needs_task(&part) {
        true => tasks.iter().map(|task| Filter { task: Some(task.clone()), ..part.clone() }).collect(),
        false => vec![part],
    };
    Ok(by_outcome.into_iter().flat_map(by_task).collect())
}

/// The runs of one of the [`parts`] of a question.
pub(super) fn runs(filter: &Filter) -> Query {
    let lead = Lead::of(filter);
    let mut query = Query { sql: select_runs(lead.clause()), values: Vec::new() };
    if let Some(class) = filter.outcomes.first() {
        query.and("runs.outcome = ?", stored::class_code(*class));
    }
    if let Some(kind) = filter.cause {
        query.and("runs.cause = ?", stored::cause_code(kind));
    }
    // Says in constants what a partial index holds, so that it can be used.
    query.sql.push_str(match lead {
        Lead::Outcome | Lead::TaskOutcome => " AND runs.outcome > 0",
        Lead::TaskCause => " AND runs.cause > 0",
        Lead::Slot => " AND runs.slot IS NOT NULL",
        Lead::Id | Lead::Task => "",
    });
    query.common(filter, "runs.id", "runs.task");
    if let (Lead::Task, [OutcomeClass::Succeeded], Some(task)) = (lead, &filter.outcomes[..], &filter.task) {
        // All that a broken task did since has no success among it.
        let newest = "SELECT newest FROM streaks WHERE task = (SELECT id FROM tasks WHERE name = ?)";
        query.and(&format!("runs.id <= ({newest})"), task.as_str().to_owned());
    }
    if filter.by_slot() {
        query.due(filter, "runs.slot", "runs.slot");
        query.in_order_of_slots(filter, "runs.slot", "runs.task");
    } else {
        query.newest_first(filter, "runs.id");
    }
    query
}

/// What the columns of a run are, from a table of runs that is read in the way that `lead` names.
pub(super) fn select_runs(lead: &str) -> String {
    // `CROSS JOIN` keeps SQLite from beginning with the tasks.
    format!(
        "SELECT runs.id, tasks.name, cause, cause_detail, slot, state, since, runs.attempts, admitted_at,
             runs.started_at, retry_at, runs.outcome, coalesce(runs.detail, last.detail),
             iif(runs.attempts = 1 AND runs.detail IS NULL AND last.plugin IS NOT NULL, last.duration_us, NULL), runs.task
         FROM runs {lead} CROSS JOIN tasks ON tasks.id = runs.task
             LEFT JOIN attempts AS last ON last.run = runs.id AND last.attempt = runs.attempts
         WHERE 1"
    )
}

/// The ranges of slots that were passed over, as far as a filter lets them through; none if it wants none.
pub(super) fn missed(filter: &Filter) -> Option<Query> {
    let wants = |class| filter.outcomes.is_empty() || filter.outcomes.contains(&class);
    let (missed, skipped) = (wants(OutcomeClass::Missed), wants(OutcomeClass::Skipped));
    if !missed && !skipped || filter.cause.is_some_and(|kind| kind != CauseKind::Schedule) {
        return None;
    }
    let mut query = Query::new(
        "SELECT missed.id, tasks.name, first_slot, last_slot, count, why, entered_at, missed.task
         FROM missed CROSS JOIN tasks ON tasks.id = missed.task WHERE 1",
    );
    // A range that was entered earlier may have grown since.
    query.common(&Filter { since: None, ..filter.clone() }, "missed.id", "missed.task");
    if let Some(since) = filter.since {
        query.and("max(missed.entered_at, missed.last_slot) >= ?", since.as_millisecond());
    }
    match (missed, skipped) {
        (true, false) => query.and("missed.why < ?", stored::SKIPPED),
        (false, true) => query.and("missed.why >= ?", stored::SKIPPED),
        _ => {}
    }
    if filter.by_slot() {
        query.due(filter, "missed.first_slot", "missed.last_slot");
        query.in_order_of_slots(filter, "missed.last_slot", "missed.task");
    } else {
        query.newest_first(filter, "missed.id");
    }
    Some(query)
}

impl Lead {
    fn of(filter: &Filter) -> Self {
        let rare_outcome = filter.outcomes.iter().any(|class| *class != OutcomeClass::Succeeded);
        let rare_cause = filter.cause.is_some_and(|kind| kind != CauseKind::Schedule);
        match filter.task {
            _ if filter.by_slot() => Lead::Slot,
            Some(_) if rare_outcome => Lead::TaskOutcome,
            None if rare_outcome => Lead::Outcome,
            _ if rare_cause => Lead::TaskCause,
            Some(_) => Lead::Task,
            None => Lead::Id,
        }
    }

    fn clause(self) -> &'static str {
        match self {
            Lead::Id => "NOT INDEXED",
            Lead::Slot => "INDEXED BY runs_slot",
            Lead::Task => "INDEXED BY runs_task",
            Lead::Outcome => "INDEXED BY runs_not_succeeded",
            Lead::TaskOutcome => "INDEXED BY runs_task_not_succeeded",
            Lead::TaskCause => "INDEXED BY runs_task_not_scheduled",
        }
    }
}

impl Query {
    pub(super) fn new(sql: &str) -> Self {
        Self { sql: sql.to_owned(), values: Vec::new() }
    }

    pub(super) fn and(&mut self, condition: &str, value: impl Into<Value>) {
        self.sql.push_str(" AND ");
        self.more(condition, value);
    }

    fn more(&mut self, part: &str, value: impl Into<Value>) {
        self.sql.push_str(part);
        self.values.push(value.into());
    }

    /// Ids grow with the time of entry, so they stand for it: both ends of a time lead to a place in every index.
    fn common(&mut self, filter: &Filter, id: &str, task: &str) {
        let first_at = |time: Timestamp| RunId::next(time.as_millisecond(), 0, None).as_i64();
        if let Some(name) = &filter.task {
            self.and(&format!("{task} = (SELECT id FROM tasks WHERE name = ?)"), name.as_str().to_owned());
        }
        if let Some(since) = filter.since {
            self.and(&format!("{id} >= ?"), first_at(since));
        }
        if let Some(until) = filter.until {
            self.and(&format!("{id} < ?"), first_at(until));
        }
    }

    fn due(&mut self, filter: &Filter, first_slot: &str, last_slot: &str) {
        if let Some(since) = filter.due_since {
            self.and(&format!("{last_slot} >= ?"), since.as_millisecond());
        }
        if let Some(until) = filter.due_until {
            self.and(&format!("{first_slot} < ?"), until.as_millisecond());
        }
    }

    fn newest_first(&mut self, filter: &Filter, id: &str) {
        if let Some(before) = filter.before {
            self.and(&format!("{id} < ?"), before.as_i64());
        }
        self.more(&format!(" ORDER BY {id} DESC LIMIT ?"), filter.limit);
    }

    fn in_order_of_slots(&mut self, filter: &Filter, slot: &str, task: &str) {
        if let Some(before) = filter.before {
            let place = "SELECT slot, task FROM runs WHERE id = ? AND slot IS NOT NULL";
            self.and(&format!("({slot}, {task}) < ({place}"), before.as_i64());
            self.more(" UNION ALL SELECT last_slot, task FROM missed WHERE id = ?)", before.as_i64());
        }
        self.more(&format!(" ORDER BY {slot} DESC, {task} DESC LIMIT ?"), filter.limit);
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::ledger::{Durability, schema};

    /// How SQLite goes about a query: which indexes it searches, and whether it has to sort.
    fn plan(connection: &Connection, sql: &str) -> Vec<String> {
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps = explain.raw_query().mapped(|row| row.get("detail")).map(Result::unwrap);
        steps.filter(|step: &String| step.contains(" runs") || step.contains("TEMP")).collect()
    }

    #[test]
    fn no_list_reads_more_of_a_long_history_than_it_has_to() {
        let folder = tempfile::tempdir().unwrap();
        let connection = schema::open_writer(folder.path(), Durability::Normal).unwrap();
        let all = Filter::default;
        let (task, time) = (Some("a".parse().unwrap()), Some(Timestamp::UNIX_EPOCH));
        let of_task = || Filter { task: task.clone(), ..all() };
        let before = RunId::from_i64(9);
        let outcome = |class| vec![class];
        let (succeeded, trapped) = (outcome(OutcomeClass::Succeeded), outcome(OutcomeClass::Trapped));
        let (scheduled, manual) = (Some(CauseKind::Schedule), Some(CauseKind::Manual));
        let look = "SEARCH runs USING INTEGER PRIMARY KEY (rowid=?)";
        for (filter, expected) in [
            (all(), &["SCAN runs"][..]),
            (Filter { before, ..all() }, &["SEARCH runs USING INTEGER PRIMARY KEY (rowid<?)"]),
            (Filter { since: time, ..all() }, &["SEARCH runs USING INTEGER PRIMARY KEY (rowid>?)"]),
            (
                Filter { since: time, until: time, ..all() },
                &["SEARCH runs USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"],
            ),
            (Filter { outcomes: succeeded.clone(), ..all() }, &["SCAN runs"]),
            (Filter { cause: scheduled, ..all() }, &["SCAN runs"]),
            (
                Filter { outcomes: trapped.clone(), ..all() },
                &["SEARCH runs USING INDEX runs_not_succeeded (outcome=?)"],
            ),
            (
                Filter { outcomes: trapped.clone(), cause: manual, until: time, ..all() },
                &["SEARCH runs USING INDEX runs_not_succeeded (outcome=? AND id<?)"],
            ),
            (of_task(), &["SEARCH runs USING INDEX runs_task (task=?)"]),
            (Filter { before, ..of_task() }, &["SEARCH runs USING INDEX runs_task (task=? AND id<?)"]),
            (
                Filter { since: time, until: time, ..of_task() },
                &["SEARCH runs USING INDEX runs_task (task=? AND id>? AND id<?)"],
            ),
            (
                Filter { outcomes: succeeded.clone(), ..of_task() },
                &["SEARCH runs USING INDEX runs_task (task=? AND id<?)"],
            ),
            (
                Filter { outcomes: trapped, before, ..of_task() },
                &["SEARCH runs USING INDEX runs_task_not_succeeded (task=? AND outcome=? AND id<?)"],
            ),
            (
                Filter { outcomes: succeeded, cause: manual, ..of_task() },
                &["SEARCH runs USING INDEX runs_task_not_scheduled (task=? AND cause=?)"],
            ),
            (
                Filter { due_since: time, due_until: time, ..of_task() },
                &["SEARCH runs USING INDEX runs_slot (slot>? AND slot<?)"],
            ),
            (
                Filter { due_since: time, before, ..all() },
                &["SEARCH runs USING INDEX runs_slot (slot>? AND slot<?)", look],
            ),
        ] {
            assert_eq!(plan(&connection, &runs(&filter).sql), expected, "{filter:?}");
        }
    }

    #[test]
    fn what_no_index_answers_in_order_is_asked_in_parts() {
        let tasks: Vec<TaskName> = ["a", "b"].map(|name| name.parse().unwrap()).into();
        let check = |filter: &Filter, expected: &[(Option<&str>, &[OutcomeClass])]| {
            let parts = parts::<()>(filter, || Ok(tasks.clone())).unwrap();
            let parts: Vec<_> =
                parts.iter().map(|part| (part.task.as_ref().map(TaskName::as_str), &part.outcomes[..])).collect();
            assert_eq!(parts, expected, "{filter:?}");
        };
        let all = Filter::default;
        let two = vec![OutcomeClass::Succeeded, OutcomeClass::Broken];
        let (task, manual) = (Some("a".parse().unwrap()), Some(CauseKind::Manual));
        let [succeeded, broken] = [&two[..1], &two[1..]];
        check(&all(), &[(None, &[])]);
        check(&Filter { cause: Some(CauseKind::Schedule), ..all() }, &[(None, &[])]);
        check(&Filter { outcomes: two.clone(), ..all() }, &[(None, succeeded), (None, broken)]);
        let twice = two.iter().chain(&two).copied().collect();
        check(&Filter { outcomes: twice, ..all() }, &[(None, succeeded), (None, broken)]);
        check(&Filter { cause: manual, ..all() }, &[(Some("a"), &[]), (Some("b"), &[])]);
        check(&Filter { cause: manual, task, ..all() }, &[(Some("a"), &[])]);
        let parts = [(Some("a"), succeeded), (Some("b"), succeeded), (None, broken)];
        check(&Filter { cause: manual, outcomes: two.clone(), ..all() }, &parts);
    }
}
