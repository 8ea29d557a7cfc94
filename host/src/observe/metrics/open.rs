//! Which runs are not over, by what events say of each.
//!
//! Kept run by run and not as a count, so that an event that is lost or told twice is made good by the next one of the
//! same run, and by asking the daemon.

use std::collections::HashMap;
use std::sync::Arc;

use super::task::TaskSeries;
use crate::model::id::RunId;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stand {
    /// It waits for its turn, its plugin or its next attempt.
    Queued,
    /// An attempt goes on.
    Running,
    Over,
}

/// The runs that are not over.
#[derive(Debug, Default)]
pub(super) struct Open {
    runs: HashMap<RunId, (Arc<TaskSeries>, Stand)>,
    /// What was heard since the daemon was asked, to be put on top of its answer.
    heard: Option<Vec<(RunId, Arc<TaskSeries>, Stand)>>,
}

impl Open {
    /// A run now stands here.
    pub(super) fn set(&mut self, run: RunId, task: &Arc<TaskSeries>, stand: Stand) {
        if let Some(heard) = &mut self.heard {
            heard.push((run, Arc::clone(task), stand));
        }
        self.put(run, task, stand);
    }

    /// The daemon is being asked.
    pub(super) fn ask(&mut self) {
        self.heard = Some(Vec::new());
    }

    /// The daemon has answered; or it has not, with none.
    pub(super) fn answered(&mut self, runs: Option<Vec<(RunId, Arc<TaskSeries>, Stand)>>) {
        let heard = self.heard.take().unwrap_or_default();
        let Some(runs) = runs else { return };
        for (_, (task, stand)) in self.runs.drain() {
            gauge(&task, stand).inspect(|gauge| gauge.less());
        }
        runs.into_iter().chain(heard).for_each(|(run, task, stand)| self.put(run, &task, stand));
    }

    fn put(&mut self, run: RunId, task: &Arc<TaskSeries>, stand: Stand) {
        let before = match stand {
            Stand::Over => self.runs.remove(&run),
            stand => self.runs.insert(run, (Arc::clone(task), stand)),
        };
        if let Some((task, stand)) = before {
            gauge(&task, stand).inspect(|gauge| gauge.less());
        }
        gauge(task, stand).inspect(|gauge| gauge.add(1));
    }
}

/// Where runs that stand so are counted.
fn gauge(task: &TaskSeries, stand: Stand) -> Option<&super::cell::Number> {
    match stand {
        Stand::Queued => Some(&task.queued),
        Stand::Running => Some(&task.running),
        Stand::Over => None,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::Stand::{Over, Queued, Running};
    use super::*;

    fn id(number: i64) -> RunId {
        RunId::from_i64(number).unwrap()
    }

    #[test]
    fn what_was_lost_is_made_good_by_the_next_event_and_by_asking() {
        let task = Arc::new(TaskSeries::new("a", None, Timestamp::UNIX_EPOCH));
        let mut open = Open::default();
        let mut check = |did: &dyn Fn(&mut Open), expected: (u64, u64)| {
            did(&mut open);
            assert_eq!((task.queued.get(), task.running.get()), expected);
        };
        check(&|open| open.set(id(1), &task, Queued), (1, 0));
        check(&|open| open.set(id(1), &task, Queued), (1, 0));
        check(&|open| open.set(id(1), &task, Running), (0, 1));
        check(&|open| open.set(id(2), &task, Over), (0, 1));
        check(&|open| open.set(id(3), &task, Running), (0, 2));
        // Run 3 ends unheard. Run 4 began before the daemon was asked and ends before its answer is here.
        check(&|open| open.ask(), (0, 2));
        check(&|open| open.set(id(4), &task, Over), (0, 2));
        let answer =
            || vec![(id(1), task.clone(), Running), (id(4), task.clone(), Running), (id(5), task.clone(), Queued)];
        check(&|open| open.answered(Some(answer())), (1, 1));
        check(&|open| open.ask(), (1, 1));
        check(&|open| open.answered(None), (1, 1));
    }
}
