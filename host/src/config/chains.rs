//! Tasks that start one another through `after`: every name has to be known, and no chain may bite its tail.

use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;

use super::diagnostic::{Diagnostic, Problems, Span};
use crate::model::id::TaskName;

/// What each task comes after, as written.
pub(super) type Chains<'a> = BTreeMap<&'a TaskName, &'a [Spanned<TaskName>]>;

/// Notes every unknown name and every cycle.
pub(super) fn check(chains: &Chains<'_>, problems: &mut Problems) {
    for (task, earlier) in chains {
        for name in earlier.iter().filter(|name| !chains.contains_key(name.get_ref())) {
            problems.note(
                Diagnostic::error(format!("task `{task}` comes after `{}`, which is not a task", name.get_ref()))
                    .at(name.span(), "expected the name of a task in this file")
                    .did_you_mean(name.get_ref().as_str(), chains.keys().map(|known| known.as_str())),
            );
        }
    }
    let mut done = BTreeSet::new();
    for task in chains.keys() {
        if let Some(cycle) = find_cycle(chains, task, &mut done) {
            problems.note(describe(&cycle));
        }
    }
}

/// A step of a chain: this task comes after the next one, which is written there.
type Step<'a> = (&'a TaskName, Span);

/// Follows `after` from a task to tasks that are not `done`, depth first, and returns the first cycle met.
/// The path is kept by hand: a chain may be longer than the stack is deep.
fn find_cycle<'a>(
    chains: &Chains<'a>,
    start: &'a TaskName,
    done: &mut BTreeSet<&'a TaskName>,
) -> Option<Vec<Step<'a>>> {
    let mut path: Vec<(&TaskName, std::slice::Iter<'a, Spanned<TaskName>>)> = Vec::new();
    let mut steps: Vec<Step<'a>> = Vec::new();
    let mut on_path = BTreeSet::new();
    if done.insert(start) {
        on_path.insert(start);
        path.push((start, chains.get(start)?.iter()));
    }
    while let Some((task, earlier)) = path.last_mut() {
        let task = *task;
        let Some(name) = earlier.next() else {
            on_path.remove(task);
            path.pop();
            steps.pop();
            continue;
        };
        let next = name.get_ref();
        if on_path.contains(next) {
            steps.push((task, name.span()));
            let first = steps.iter().position(|(task, _)| *task == next)?;
            return Some(steps.split_off(first));
        }
        if let Some((next, after)) = chains.get_key_value(next)
            && done.insert(next)
        {
            on_path.insert(next);
            steps.push((task, name.span()));
            path.push((next, after.iter()));
        }
    }
    None
}

/// A cycle in the direction in which the tasks start one another.
fn describe(cycle: &[Step<'_>]) -> Diagnostic {
    let mut names: Vec<&str> = cycle.iter().rev().map(|(task, _)| task.as_str()).collect();
    names.extend(names.first().copied());
    let mut spans = cycle.iter().map(|(_, span)| span.clone());
    let first = spans.next().unwrap_or_default();
    let problem = Diagnostic::error(format!("tasks start one another in a circle: {}", names.join(" -> ")))
        .at(first, "would never end")
        .help("take one of these names out of its `after`");
    spans.fold(problem, |problem, span| problem.and_at(span, "part of the circle"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which messages the chains give. `"a<b,c"` says that a comes after b and c.
    fn messages(chains: &[&str]) -> Vec<String> {
        let parsed: Vec<(TaskName, Vec<Spanned<TaskName>>)> = chains
            .iter()
            .map(|chain| {
                let (task, after) = chain.split_once('<').unwrap();
                let names = after.split(',').filter(|name| !name.is_empty());
                (task.parse().unwrap(), names.map(|name| Spanned::new(0..0, name.parse().unwrap())).collect())
            })
            .collect();
        let mut problems = Problems::default();
        check(&parsed.iter().map(|(task, after)| (task, after.as_slice())).collect(), &mut problems);
        problems.in_order().iter().map(|problem| problem.message().to_owned()).collect()
    }

    #[test]
    fn chains_without_a_circle_are_sound() {
        assert_eq!(messages(&["a<", "b<a", "c<a,b", "d<b,c"]), [""; 0]);
    }

    #[test]
    fn a_circle_is_told_once_in_the_direction_of_time() {
        let circle = |names: &str| format!("tasks start one another in a circle: {names}");
        assert_eq!(messages(&["a<a"]), [circle("a -> a")]);
        assert_eq!(messages(&["a<c", "b<a", "c<b", "d<c"]), [circle("b -> c -> a -> b")]);
        assert_eq!(messages(&["a<b", "b<a", "x<y", "y<x"]), [circle("b -> a -> b"), circle("y -> x -> y")]);
    }

    #[test]
    fn a_long_chain_does_not_exhaust_the_stack() {
        let chains: Vec<String> = (0..50_000).map(|n| format!("t{n}<t{}", (n + 1) % 50_000)).collect();
        let chains: Vec<&str> = chains.iter().map(String::as_str).collect();
        assert_eq!(messages(&chains).len(), 1);
    }
}
