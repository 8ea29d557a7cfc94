//! How much is on its way into the ledger. A disk that neither answers nor fails would have everything that is decided
//! pile up in memory, so nothing more is admitted when too much waits for too long.

use std::time::Duration;

use tokio::time::Instant;

/// How many entries may be on their way while the ledger is silent. As many that come at once are no trouble by
/// themselves: every task of a large host may be due at one instant.
const MOST: usize = 100_000;

/// For how long it may be silent.
const SILENCE: Duration = Duration::from_secs(5);

/// How many are on their way, and whether those are too many.
#[derive(Debug)]
pub(super) struct Load {
    entries: usize,
    /// When it last answered, or had nothing to answer.
    answered_at: Instant,
    is_full: bool,
}

impl Load {
    /// Nothing is on its way.
    pub(super) fn new(now: Instant) -> Self {
        Self { entries: 0, answered_at: now, is_full: false }
    }

    /// Entries go on their way.
    pub(super) fn add(&mut self, entries: usize, now: Instant) {
        if self.entries == 0 {
            self.answered_at = now;
        }
        self.entries += entries;
    }

    /// Entries have arrived, or failed. Returns whether, from now on, others may be admitted again: half of what may wait
    /// has to be gone first, so that this does not change with each answer.
    pub(super) fn take(&mut self, entries: usize, now: Instant) -> bool {
        self.answered_at = now;
        self.entries = self.entries.saturating_sub(entries);
        let is_relieved = self.is_full && self.entries <= MOST / 2;
        self.is_full &= !is_relieved;
        is_relieved
    }

    /// Finds out whether too much waits. Returns how much, if that is so from now on.
    pub(super) fn look(&mut self, now: Instant) -> Option<usize> {
        let is_too_much = self.entries >= MOST && now.duration_since(self.answered_at) >= SILENCE;
        (is_too_much && !std::mem::replace(&mut self.is_full, true)).then_some(self.entries)
    }

    /// Whether nothing is to be admitted.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn too_much_for_too_long_stops_admission_until_half_of_it_is_gone() {
        let start = Clock::system().monotonic();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut load = Load::new(start);
        load.add(MOST - 1, after(10));
        assert_eq!((load.look(after(100)), load.is_full()), (None, false), "few may wait for as long as it takes");
        assert!(!load.take(1, after(100)));
        load.add(500, after(101));
        assert_eq!((load.look(after(104)), load.is_full()), (None, false), "it has answered four seconds ago");
        assert_eq!((load.look(after(105)), load.is_full()), (Some(MOST + 498), true));
        assert_eq!(load.look(after(106)), None, "it is told once");
        assert_eq!((load.take(MOST / 2 + 497, after(107)), load.is_full()), (false, true));
        assert_eq!((load.take(1, after(107)), load.is_full()), (true, false));
        assert_eq!(load.look(after(200)), None);
    }
}
