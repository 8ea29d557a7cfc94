//! The tables of `docs/semantics.md`, row by row: each row is a case here in the same words, and each case is played.
//! That of misfires is in `situations.rs`, that of the states of a run in the tests of the ledger's steps.

mod asked;
mod attempts;
mod backfills;
mod hosts;
mod slots;

use super::*;

const DOCUMENT: &str = include_str!("../../../../../docs/semantics.md");

/// What happens, and what is entered and done then, in words.
type Play<'a> = (fn() -> World, &'a [&'a str]);

/// Holds the table under a heading to its cases, each a row with a play for each of its columns or more.
#[track_caller]
pub(super) fn hold(heading: &str, cases: &[(&str, &[Play<'_>])]) {
    assert_eq!(cases.iter().map(|(row, _)| *row).collect::<Vec<_>>(), rows(heading), "{heading}");
    for (row, plays) in cases {
        for (index, (play, expected)) in plays.iter().enumerate() {
            assert_eq!(Vec::from(play().said), *expected, "play {index} of {row}");
        }
    }
}

/// The rows of the table under a heading of the document, without the table's head.
pub(super) fn rows(heading: &str) -> Vec<&'static str> {
    let section = DOCUMENT.split("\n## ").find(|section| section.starts_with(heading)).expect(heading);
    section.lines().filter(|line| line.starts_with('|')).skip(2).collect()
}

/// A world of a task in which nothing was said yet.
fn quiet(mut world: World) -> World {
    world.said.clear();
    world
}

/// Asks for a run, which may be refused.
fn ask(world: &mut World, task: &str) {
    match world.dispatcher.trigger(&task.parse().unwrap(), Cause::Manual, None, None, world.now) {
        Ok((_, step)) => world.take(step),
        Err(refusal) => world.said.push_back(format!("refused {}", refusal.code())),
    }
}

/// A run of task `a` that an earlier host left in this state.
fn left(state: RunState, attempts: u32, cause: Cause) -> Recovered {
    let unfinished = Unfinished {
        run: RunId::from_i64(1 << 30).unwrap(),
        task: "a".parse().unwrap(),
        cause,
        slot: None,
        payload: None,
        admitted_at: Timestamp::UNIX_EPOCH,
        since: "2026-11-23T08:59:50Z".parse().unwrap(),
        state,
        attempts,
        attempts_before: 0,
    };
    Recovered { unfinished: vec![unfinished], ..Recovered::default() }
}

/// Five seconds after the world begins.
fn soon() -> Timestamp {
    "2026-11-23T09:00:05Z".parse().unwrap()
}
