//! The tasks of a host by their names, in memory once.
//!
//! Whoever has to find a task holds this one set and not a map of its own: with a hundred thousand tasks, each map more
//! is some megabytes.

use std::sync::Arc;

use crate::model::id::TaskName;
use crate::model::task::Task;

/// Tasks, each known by its name. Reads like a map in the order of the names, and takes a pointer a task.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TaskSet(Box<[Arc<Task>]>);

impl TaskSet {
    /// The task of this name.
    pub fn get(&self, name: &TaskName) -> Option<&Arc<Task>> {
        self.0.binary_search_by(|task| task.name.cmp(name)).ok().map(|place| &self.0[place])
    }

    /// Whether there is a task of this name.
    pub fn contains_key(&self, name: &TaskName) -> bool {
        self.get(name).is_some()
    }

    /// The names, in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &TaskName> {
        self.0.iter().map(|task| &task.name)
    }

    /// The tasks, in the order of their names.
    pub fn values(&self) -> std::slice::Iter<'_, Arc<Task>> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Arc<Task>> for TaskSet {
    /// Of two tasks of one name, the later one counts.
    fn from_iter<I: IntoIterator<Item = Arc<Task>>>(tasks: I) -> Self {
        let mut tasks: Vec<Arc<Task>> = tasks.into_iter().collect();
        tasks.sort_by(|a, b| a.name.cmp(&b.name));
        tasks.dedup_by(|later, earlier| {
            let is_same = later.name == earlier.name;
            if is_same {
                std::mem::swap(later, earlier);
            }
            is_same
        });
        Self(tasks.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::schedule::Schedule;

    #[test]
    fn a_set_reads_like_a_map_by_name() {
        let task = |name: &str| Arc::new(Task::example(name, Schedule::manual()));
        let (first, second) = (task("b"), task("b"));
        let set: TaskSet = [task("c"), first, task("a10"), task("a9"), second.clone()].into_iter().collect();
        let names: Vec<&str> = set.keys().map(TaskName::as_str).collect();
        assert_eq!(names, ["a10", "a9", "b", "c"]);
        assert_eq!((set.len(), set.is_empty(), TaskSet::default().is_empty()), (4, false, true));
        for name in names {
            assert_eq!(set.get(&name.parse().unwrap()).unwrap().name.as_str(), name);
        }
        assert!(Arc::ptr_eq(set.get(&"b".parse().unwrap()).unwrap(), &second));
        assert!(!set.contains_key(&"a1".parse().unwrap()) && !set.contains_key(&"d".parse().unwrap()));
    }
}
