//! What becomes of slots that have come due: run, run late, or passed over.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{Due, Missed};
use crate::clock::until;
use crate::model::cause::Cause;
use crate::model::misfire::{Misfire, MisfirePolicy};
use crate::model::outcome::{Miss, PassedOver, Skip};
use crate::model::schedule::Schedule;
use crate::model::slot::Slot;
use crate::model::task::Task;

/// How slots passed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Passage {
    /// What is said of those that are not run.
    pub(super) why: PassedOver,
    /// How late a slot may be and still count as on time.
    pub(super) grace: Duration,
}

/// How many slots of a task can be on time at once: no schedule has more than one a second.
const MOST_ON_TIME: usize = Misfire::GRACE.as_secs() as usize + 1;

/// Decides over the slots of a task after its cursor and up to `now`, of which `first` is the first.
pub(super) fn take(task: &Arc<Task>, cursor: Slot, first: Slot, now: Timestamp, passage: Passage) -> Due {
    let is_within = |slot: Slot, limit: Duration| until(now, slot.time()) <= limit;
    let is_on_time = |slot: Slot| is_within(slot, passage.grace);
    let cause = |slot: Slot| if is_on_time(slot) { Cause::Schedule } else { Cause::CatchUp };
    let due = |missed, runs: &[Slot]| Due {
        task: task.clone(),
        missed,
        runs: runs.iter().map(|slot| (*slot, cause(*slot))).collect(),
    };
    let is_alone = task.schedule.next_after(first.time()).is_none_or(|second| second.time() > now);
    if is_alone && is_on_time(first) {
        return due(Vec::new(), &[first]);
    }
    let late_ones = late_ones(task);
    // One more than can run: it ends the range that is missed.
    let passed = task.schedule.passed(cursor.time(), now, late_ones.max(MOST_ON_TIME) + 1);
    // A slot that is on time is not a misfire, whatever passed before it.
    let runs = |(age, slot): &(usize, &Slot)| {
        is_on_time(**slot) || (*age < late_ones && is_within(**slot, task.misfire.window))
    };
    let count = passed.latest.iter().rev().enumerate().take_while(runs).count();
    let (before, runs) = passed.latest.split_at(passed.latest.len() - count);
    // Those among the latest that do not run are too old to.
    let too_old = late_ones.saturating_sub(count).min(before.len());
    let (before, too_old) = before.split_at(before.len() - too_old);
    let missed = before.last().map(|last| Missed {
        first,
        last: *last,
        count: passed.count - (too_old.len() + count) as u64,
        why: passage.why,
    });
    let too_old = too_old.first().zip(too_old.last()).map(|(first, last)| Missed {
        first: *first,
        last: *last,
        count: too_old.len() as u64,
        why: PassedOver::Missed(Miss::OutsideWindow),
    });
    due(missed.into_iter().chain(too_old).collect(), runs)
}

/// Enters slots of a task that is held, but for those that its misfire policy may still run when it is released.
pub(super) fn settle(task: &Arc<Task>, cursor: Slot, now: Timestamp, why: Skip) -> Option<Due> {
    let kept = match why {
        Skip::Paused => late_ones(task),
        _ => 0,
    };
    let first = task.schedule.next_after(cursor.time())?;
    let passed = task.schedule.passed(cursor.time(), now, kept + 1);
    let last = *passed.latest.first().filter(|_| passed.latest.len() > kept)?;
    let missed = Missed { first, last, count: passed.count - kept as u64, why: PassedOver::Skipped(why) };
    Some(Due { task: task.clone(), missed: vec![missed], runs: Vec::new() })
}

/// All slots of a schedule after a cursor and up to a moment, none of which is run.
pub(in crate::daemon) fn passed_over(
    schedule: &Schedule,
    cursor: Slot,
    until: Timestamp,
    why: PassedOver,
) -> Option<Missed> {
    let first = schedule.next_after(cursor.time())?;
    let passed = schedule.passed(cursor.time(), until, 1);
    passed.latest.last().map(|last| Missed { first, last: *last, count: passed.count, why })
}

/// How many of the latest slots the task's misfire policy runs late.
fn late_ones(task: &Task) -> usize {
    match task.misfire.policy {
        MisfirePolicy::Skip => 0,
        MisfirePolicy::Once => 1,
        MisfirePolicy::All { max } => max as usize,
    }
}
