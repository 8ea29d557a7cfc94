//! What becomes of a step that contradicts the ledger. Only another writer can have brought that about, but whatever it
//! entered, no slot is lost for it.

use jiff::Timestamp;

use super::Dispatcher;
use crate::daemon::backfill::{is_of, rest};
use crate::daemon::step::Step;
use crate::ledger::{Entry, LedgerError};
use crate::model::id::RunId;
use crate::model::run::RunState;
use crate::model::slot::Slot;

impl Dispatcher {
    /// Takes out of a step what the ledger refused, so that the rest of it can be entered. Of a range of slots, only
    /// those that have an entry already are left out. Returns the runs that are not in the ledger for it, and a step
    /// with what goes on in their place.
    pub fn refused(&mut self, step: &mut Step, refusal: &LedgerError, now: Timestamp) -> (Vec<RunId>, Step) {
        if let LedgerError::RangeTaken { taken, .. } = refusal
            && let Some((at, pieces)) = step.entries.iter().enumerate().find_map(|(at, entry)| {
                let pieces = is_refused_range(entry, refusal).then(|| self.around(entry, *taken)).flatten()?;
                Some((at, pieces))
            })
        {
            step.entries.splice(at..=at, pieces);
            return (Vec::new(), Step::default());
        }
        let removed = step.remove_refused(refusal);
        let freed = self.forget(&removed, now);
        (removed, freed)
    }

    /// The parts of a range before and after slots that have an entry; none if nobody can say which slots it has.
    fn around(&self, range: &Entry, (from, to): (Slot, Slot)) -> Option<Vec<Entry>> {
        let Entry::Missed { task, first, last, count, why, at } = range else { return None };
        let schedule = &self.last_schedule(task)?;
        is_of(schedule, *first, *last, *count).then(|| {
            let piece =
                |(first, last, count)| Entry::Missed { task: task.clone(), first, last, count, why: *why, at: *at };
            rest(schedule, *first, *last, &[(from, to)]).into_iter().map(piece).collect()
        })
    }

    /// Drops runs that the ledger refused to enter, so that they do not hold a place for ever.
    fn forget(&mut self, runs: &[RunId], now: Timestamp) -> Step {
        let mut step = Step::default();
        for id in runs {
            let Some(active) = self.active.remove(id) else { continue };
            if let RunState::Waiting { until, .. } = active.state {
                self.retries.remove(&(until, *id));
            }
            self.leave(&active.run, active.whereabouts, now, &mut step);
        }
        step
    }
}

/// Whether an entry is the range that was refused.
fn is_refused_range(entry: &Entry, refusal: &LedgerError) -> bool {
    match (entry, refusal) {
        (Entry::Missed { task, first, last, .. }, LedgerError::RangeTaken { task: of, first: from, last: to, .. }) => {
            (task, first, last) == (of, from, to)
        }
        _ => false,
    }
}
