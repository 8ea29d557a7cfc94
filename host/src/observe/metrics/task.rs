//! The series of one task.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use super::cell::{Number, Times};
use crate::model::cause::CauseKind;
use crate::model::limits::{Limit, Usage};
use crate::model::outcome::{Miss, OutcomeClass, PassedOver, Skip};
use crate::model::task::Task;

/// How a run or an attempt can end that was begun.
pub(super) const EXECUTED: [OutcomeClass; 8] = [
    OutcomeClass::Succeeded,
    OutcomeClass::FailedTransient,
    OutcomeClass::FailedPermanent,
    OutcomeClass::Trapped,
    OutcomeClass::Exceeded,
    OutcomeClass::Cancelled,
    OutcomeClass::Interrupted,
    OutcomeClass::Broken,
];

/// What became of requests: the class of their status, or no response at all.
pub(super) const STATUSES: [&str; 5] = ["2xx", "3xx", "4xx", "5xx", "none"];

/// How long attempts of scheduled work take: from a look at a number to an hour's report.
const DURATIONS: &[u64] = &[
    1_000,
    5_000,
    25_000,
    100_000,
    500_000,
    1_000_000,
    5_000_000,
    15_000_000,
    60_000_000,
    300_000_000,
    900_000_000,
    3_600_000_000,
];

/// How long runs wait for their turn.
const DELAYS: &[u64] = &[1_000, 10_000, 100_000, 1_000_000, 10_000_000, 60_000_000, 600_000_000];

/// The series of one task, or of all that have none of their own.
#[derive(Debug)]
pub(super) struct TaskSeries {
    pub(super) name: Arc<str>,
    /// The task as it is configured; none for those that have no series of their own.
    task: Mutex<Option<Arc<Task>>>,
    executions: [[Number; CauseKind::ALL.len()]; OutcomeClass::ALL.len()],
    attempts: [Number; OutcomeClass::ALL.len()],
    pub(super) retries: Number,
    pub(super) durations: Times,
    pub(super) delays: Times,
    pub(super) fuel: Number,
    pub(super) peak_memory: Number,
    limits: [Number; Limit::ALL.len()],
    requests: [Number; STATUSES.len()],
    skipped: [Number; Skip::ALL.len()],
    missed: [Number; Miss::ALL.len()],
    pub(super) running: Number,
    pub(super) queued: Number,
    pub(super) paused: Number,
    /// In Unix milliseconds, as the next and as the ledger has it; 0 is never.
    pub(super) last_success: Number,
    pub(super) last_run: Number,
    pub(super) failures: Number,
    /// Since when slots count that no success followed, if there never was one.
    since: Timestamp,
}

/// How a task stands to its schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Plan {
    /// When it is due next, in Unix milliseconds.
    pub(super) next: Option<i64>,
    /// From then to when it is due after that, in milliseconds.
    pub(super) interval: Option<u64>,
    /// How many of its slots came due after its last success.
    pub(super) slots_since_success: u64,
}

impl TaskSeries {
    pub(super) fn new(name: &str, task: Option<Arc<Task>>, since: Timestamp) -> Self {
        Self {
            name: name.into(),
            task: Mutex::new(task),
            executions: Default::default(),
            attempts: Default::default(),
            retries: Number::default(),
            durations: Times::new(DURATIONS),
            delays: Times::new(DELAYS),
            fuel: Number::default(),
            peak_memory: Number::default(),
            limits: Default::default(),
            requests: Default::default(),
            skipped: Default::default(),
            missed: Default::default(),
            running: Number::default(),
            queued: Number::default(),
            paused: Number::default(),
            last_success: Number::default(),
            last_run: Number::default(),
            failures: Number::default(),
            since,
        }
    }

    /// Takes note of how the task is configured now.
    pub(super) fn configure(&self, task: &Arc<Task>) {
        *self.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(task));
    }

    pub(super) fn task(&self) -> Option<Arc<Task>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn executed(&self, outcome: OutcomeClass, cause: CauseKind) {
        self.executions[outcome as usize][cause as usize].add(1);
    }

    /// How many runs ended like this; none if there were none, and a task like this can have none.
    pub(super) fn executions(&self, task: Option<&Task>, outcome: OutcomeClass, cause: CauseKind) -> Option<u64> {
        let count = self.executions[outcome as usize][cause as usize].get();
        let can_be = task.is_none_or(|task| match cause {
            CauseKind::Manual | CauseKind::Http => true,
            CauseKind::Schedule | CauseKind::CatchUp | CauseKind::Backfill => task.schedule.is_planned(),
            CauseKind::After => !task.after.is_empty(),
        });
        (count > 0 || can_be).then_some(count)
    }

    pub(super) fn attempted(&self, outcome: OutcomeClass, usage: &Usage) {
        self.attempts[outcome as usize].add(1);
        self.durations.took(usage.duration);
        self.fuel.add(usage.fuel.unwrap_or(0));
        self.peak_memory.at_least(usage.peak_memory);
        let answered = usage.http.statuses.iter().sum();
        let unanswered = usage.http.requests.saturating_sub(answered);
        for (number, count) in self.requests.iter().zip(usage.http.statuses.into_iter().chain([unanswered])) {
            number.add(count.into());
        }
    }

    /// The last attempt of a run ended.
    pub(super) fn ended(&self, outcome: OutcomeClass, at: Timestamp) {
        self.last_run.at_least(millis(at));
        if outcome == OutcomeClass::Succeeded {
            self.last_success.at_least(millis(at));
        }
    }

    pub(super) fn attempts(&self, outcome: OutcomeClass) -> u64 {
        self.attempts[outcome as usize].get()
    }

    pub(super) fn stopped_at(&self, limit: Limit) {
        self.limits[limit as usize].add(1);
    }

    pub(super) fn stops(&self, limit: Limit) -> u64 {
        self.limits[limit as usize].get()
    }

    /// Its requests, as [`STATUSES`] has them.
    pub(super) fn requests(&self) -> [u64; STATUSES.len()] {
        self.requests.each_ref().map(Number::get)
    }

    pub(super) fn passed_over(&self, why: PassedOver, count: u64) {
        match why {
            PassedOver::Skipped(why) => self.skipped[why as usize].add(count),
            PassedOver::Missed(why) => self.missed[why as usize].add(count),
        }
    }

    pub(super) fn skipped(&self, why: Skip) -> u64 {
        self.skipped[why as usize].get()
    }

    pub(super) fn missed(&self, why: Miss) -> u64 {
        self.missed[why as usize].get()
    }

    /// How the task stands to its schedule.
    pub(super) fn plan(&self, now: Timestamp) -> Plan {
        let Some(task) = self.task().filter(|task| task.enabled) else { return Plan::default() };
        let next = task.schedule.next_after(now);
        let then = next.and_then(|next| task.schedule.next_after(next.time()));
        let last = match self.last_success.get() {
            0 => self.since,
            millis => i64::try_from(millis).ok().and_then(|at| Timestamp::from_millisecond(at).ok()).unwrap_or(now),
        };
        Plan {
            next: next.map(|slot| slot.as_millis()),
            interval: next.zip(then).map(|(next, then)| then.as_millis().abs_diff(next.as_millis())),
            slots_since_success: task.schedule.passed(last, now, 0).count,
        }
    }
}

/// A point in time in Unix milliseconds; 0 for one before them.
pub(super) fn millis(at: Timestamp) -> u64 {
    u64::try_from(at.as_millisecond()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::tz::TimeZone;

    use super::*;
    use crate::model::schedule::Schedule;

    #[test]
    fn series_are_found_by_the_place_of_their_variant() {
        let in_order = |places: Vec<usize>| assert!(places.iter().enumerate().all(|(at, place)| at == *place));
        in_order(OutcomeClass::ALL.iter().map(|one| *one as usize).collect());
        in_order(CauseKind::ALL.iter().map(|one| *one as usize).collect());
        in_order(Limit::ALL.iter().map(|one| *one as usize).collect());
        in_order(Skip::ALL.iter().map(|one| *one as usize).collect());
        in_order(Miss::ALL.iter().map(|one| *one as usize).collect());
    }

    #[test]
    fn a_plan_counts_the_slots_that_no_success_followed() {
        let started: Timestamp = "2026-11-27T08:00:00Z".parse().unwrap();
        let plan = |schedule: Schedule, success: Option<&str>, now: &str| {
            let series = TaskSeries::new("a", Some(Arc::new(Task::example("a", schedule))), started);
            series.last_success.set(success.map_or(0, |at| millis(at.parse().unwrap())));
            let Plan { next, interval, slots_since_success } = series.plan(now.parse().unwrap());
            let next = next.map(|millis| Timestamp::from_millisecond(millis).unwrap().to_string());
            (next, interval.map(|millis| millis / 3_600_000), slots_since_success)
        };
        let weekdays = || Schedule::cron("0 9 * * MON-FRI", TimeZone::UTC).unwrap();
        let monday = Some("2026-11-30T09:00:00Z".to_owned());
        // From Friday's success to Monday's slot nothing is missing, however long a weekend is.
        assert_eq!(
            plan(weekdays(), Some("2026-11-27T09:00:10Z"), "2026-11-29T23:00:00Z"),
            (monday.clone(), Some(24), 0)
        );
        assert_eq!(
            plan(weekdays(), Some("2026-11-20T09:00:10Z"), "2026-11-29T23:00:00Z"),
            (monday.clone(), Some(24), 5)
        );
        assert_eq!(plan(weekdays(), None, "2026-11-29T23:00:00Z"), (monday, Some(24), 1), "since the host's start");
        let hourly = Schedule::every(Duration::from_secs(3600)).unwrap();
        let next = Some("2026-11-27T13:00:00Z".to_owned());
        assert_eq!(plan(hourly, None, "2026-11-27T12:30:00Z"), (next, Some(1), 4));
        assert_eq!(plan(Schedule::manual(), None, "2026-11-27T12:30:00Z"), (None, None, 0));
    }

    #[test]
    fn a_task_has_the_series_that_it_can_need_and_those_that_it_did() {
        let task = Task::example("a", Schedule::manual());
        let series = TaskSeries::new("a", None, Timestamp::UNIX_EPOCH);
        let shown = |cause| series.executions(Some(&task), OutcomeClass::Succeeded, cause);
        assert_eq!([CauseKind::Manual, CauseKind::Schedule, CauseKind::After].map(shown), [Some(0), None, None]);
        series.executed(OutcomeClass::Succeeded, CauseKind::Schedule);
        assert_eq!(shown(CauseKind::Schedule), Some(1));
    }
}
