//! A value that many tasks have in common and is in memory once.
//!
//! A hundred thousand tasks with the same limits need not have them a hundred thousand times.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// A value that may be shared. Reads like the value itself; writing to one that is shared makes a copy first.
#[derive(PartialEq, Eq, Default)]
pub struct Shared<T>(Arc<T>);

impl<T: PartialEq> Shared<T> {
    /// Gives the value up for an equal one among `others`, which it joins if there is none. Only so many of the latest
    /// are kept there: configurations have a few kinds of tasks, and looking through many would take longer.
    pub fn among(self, others: &mut Vec<Self>) -> Self {
        const KINDS: usize = 16;
        if let Some(same) = others.iter().rev().find(|other| **other == self) {
            return same.clone();
        }
        if others.len() == KINDS {
            others.remove(0);
        }
        others.push(self.clone());
        self
    }
}

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Self {
        Self(Arc::new(value))
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone> DerefMut for Shared<T> {
    fn deref_mut(&mut self) -> &mut T {
        Arc::make_mut(&mut self.0)
    }
}

impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_in_memory_once_and_a_change_stays_with_whoever_made_it() {
        let mut others = Vec::new();
        let first = Shared::from(vec![1]).among(&mut others);
        let mut second = Shared::from(vec![1]).among(&mut others);
        let third = Shared::from(vec![2]).among(&mut others);
        assert!(Arc::ptr_eq(&first.0, &second.0) && !Arc::ptr_eq(&first.0, &third.0));
        second.push(3);
        assert_eq!((&*first, &*second, &*third), (&vec![1], &vec![1, 3], &vec![2]));
    }

    #[test]
    fn no_more_than_some_kinds_are_remembered() {
        let mut others = Vec::new();
        for kind in 0..1000 {
            Shared::from(kind).among(&mut others);
        }
        assert!(others.len() < 100);
        assert_eq!(others.last(), Some(&Shared::from(999)));
    }
}
