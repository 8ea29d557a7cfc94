//! What becomes of a task's slots before this host, or before a reload: those that are not of the task as it is now.
//!
//! A slot is never run by the rule of another day. Slots of a schedule that is no longer the task's, slots that passed
//! while it was disabled, and slots that passed while nobody was there to see that it was about to be paused, are
//! entered as a range, and slots count anew from there.

use std::sync::Arc;

use jiff::Timestamp;

use crate::daemon::scheduler::{Missed, passed_over};
use crate::daemon::step::{Effect, Step};
use crate::ledger::{Entry, Standing};
use crate::model::event::Event;
use crate::model::outcome::{Miss, PassedOver, Skip};
use crate::model::schedule::Schedule;
use crate::model::slot::Slot;
use crate::model::task::Task;

/// Opens a task: returns the cursor from which its slots count, and adds what has to be entered for that.
pub(super) fn open(
    task: &Arc<Task>,
    cursor: Option<Slot>,
    standing: &Standing,
    now: Timestamp,
    step: &mut Step,
) -> Slot {
    let record = task.schedule.record();
    let changed = standing.schedule.as_ref().is_some_and(|before| *before != record);
    let opened = match cursor {
        None => Slot::at(now),
        Some(cursor) => match judge(task, standing, changed, now) {
            None => cursor,
            Some(Before { schedule, until, why }) => {
                // A schedule that this version cannot read has no slots that could be counted.
                let missed = schedule.and_then(|schedule| passed_over(&schedule, cursor, until, why));
                if let Some(missed) = missed {
                    pass_over(task, missed, now, step);
                }
                let opened = cursor.max(Slot::at(until));
                // Not where a range of the old schedule may end: it would be lengthened by slots of the new one.
                if changed { opened.next_millisecond() } else { opened }
            }
        },
    };
    if cursor != Some(opened) {
        step.entries.push(Entry::CursorSet { task: task.name.clone(), slot: opened });
    }
    if changed || standing.schedule.is_none() || standing.enabled != task.enabled {
        step.entries.push(task_set(task));
    }
    opened
}

/// The entry of how a task is configured.
pub(super) fn task_set(task: &Task) -> Entry {
    Entry::TaskSet { task: task.name.clone(), schedule: task.schedule.record(), enabled: task.enabled }
}

/// Enters slots that are not run, and tells of them.
pub(super) fn pass_over(task: &Arc<Task>, missed: Missed, now: Timestamp, step: &mut Step) {
    let Missed { first, last, count, why } = missed;
    step.entries.push(Entry::Missed { task: task.name.clone(), first, last, count, why, at: now });
    step.effects.push(Effect::Tell(Event::SlotsMissed { task: task.clone(), first, last, count, why }));
}

/// Slots of a task that are not of the task as it is now.
struct Before {
    /// The schedule whose slots they are, if it is known.
    schedule: Option<Schedule>,
    /// The last moment at which one of them can lie.
    until: Timestamp,
    /// What becomes of them.
    why: PassedOver,
}

/// Which slots since the cursor are not of the task as it is now; none if all are.
fn judge(task: &Task, standing: &Standing, changed: bool, now: Timestamp) -> Option<Before> {
    let why = match &standing.pause {
        _ if !standing.enabled => PassedOver::Skipped(Skip::Disabled),
        Some(_) if changed || !task.enabled => PassedOver::Skipped(Skip::Paused),
        _ if changed => PassedOver::Missed(Miss::ScheduleChanged),
        _ => PassedOver::Missed(Miss::Down),
    };
    if changed {
        let schedule = standing.schedule.as_deref().and_then(Schedule::of_record);
        return Some(Before { schedule, until: now, why });
    }
    let until = match &standing.pause {
        _ if !standing.enabled || !task.enabled => now,
        // Whoever paused it did so when no host was there to decide over the slots before.
        Some(pause) => pause.since.min(now),
        None => return None,
    };
    Some(Before { schedule: Some(task.schedule.clone()), until, why })
}
