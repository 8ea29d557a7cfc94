//! What was found out and is not in the ledger yet: the next step of the alerts, and what is known of troubles once it is
//! entered.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::ledger::{AlertStep, ProblemKey};
use crate::model::alert::channel::Channel;
use crate::model::alert::{Happening, Notice, Problem};

/// What is known of troubles.
pub(super) type Problems = HashMap<ProblemKey, Problem>;

/// The next step.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) step: AlertStep,
    changed: HashMap<ProblemKey, Option<Problem>>,
}

impl Draft {
    /// What is known of a trouble, this draft included.
    fn problem(&self, problems: &Problems, key: &ProblemKey) -> Option<Problem> {
        match self.changed.get(key) {
            Some(changed) => changed.clone(),
            None => problems.get(key).cloned(),
        }
    }

    /// Judges what happened for one channel.
    pub(super) fn judge(&mut self, problems: &Problems, channel: &Channel, happening: &Happening, now: Timestamp) {
        let key = (channel.name.clone(), happening.subject.clone(), happening.kind);
        let before = self.problem(problems, &key);
        let (after, notice) = channel.rules.judge(before.clone(), happening, now);
        self.take(key, before, after, notice, now);
    }

    /// Lets time go by for one trouble.
    pub(super) fn tick(&mut self, problems: &Problems, channel: &Channel, key: &ProblemKey, now: Timestamp) {
        let Some(before) = self.problem(problems, key) else { return };
        let (after, notice) = channel.rules.tick(before.clone(), key.2, &key.1, now);
        self.take(key.clone(), Some(before), after, notice, now);
    }

    /// Nothing is known of a trouble any more.
    pub(super) fn forget(&mut self, key: ProblemKey) {
        self.changed.insert(key, None);
    }

    fn take(
        &mut self,
        key: ProblemKey,
        before: Option<Problem>,
        after: Option<Problem>,
        notice: Option<Notice>,
        now: Timestamp,
    ) {
        self.step.notices.extend(notice.map(|notice| (key.0.clone(), notice, now)));
        if after != before {
            self.changed.insert(key, after);
        }
    }

    /// Whether there is nothing to enter.
    pub(super) fn is_empty(&self) -> bool {
        self.step.is_empty() && self.changed.is_empty()
    }

    /// The step as it is entered.
    pub(super) fn to_step(&self) -> AlertStep {
        let mut step = self.step.clone();
        step.problems = self.changed.iter().map(|(key, problem)| (key.clone(), problem.clone())).collect();
        step
    }

    /// It is entered: what is known from now on.
    pub(super) fn settle(self, problems: &mut Problems) {
        for (key, problem) in self.changed {
            match problem {
                Some(problem) => problems.insert(key, problem),
                None => problems.remove(&key),
            };
        }
    }
}
