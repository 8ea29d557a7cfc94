//! How far the items were pulled, kept in the task's own store from run to run.

use sandclock::{Failure, Timestamp, kv};

/// How far the items were pulled.
pub(crate) struct Cursor<'a> {
    store: kv::Store,
    key: &'a str,
    reached: Option<Timestamp>,
}

impl<'a> Cursor<'a> {
    /// Reads it.
    pub(crate) fn read(key: &'a str) -> Result<Self, Failure> {
        let store = kv::open()?;
        let reached = store.get_json(key)?;
        Ok(Self { store, key, reached })
    }

    /// The end of the last window; none before the first.
    pub(crate) fn reached(&self) -> Option<Timestamp> {
        self.reached
    }

    /// Moves it to the end of a window. It never goes back: a late run of an early slot has nothing to add.
    pub(crate) fn reach(&self, until: Timestamp) -> Result<(), Failure> {
        if self.reached.is_none_or(|reached| reached < until) {
            self.store.set_json(self.key, &until)?;
        }
        Ok(())
    }
}
