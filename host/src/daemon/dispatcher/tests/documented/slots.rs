//! Slots that are not started although a host is there.

use super::*;
use crate::model::retry::Backoff;

/// A slot comes due while the run of the one before goes on.
fn overlapping(overlap: Overlap) -> World {
    let mut world = World::new(vec![Task { overlap, ..task("a") }]);
    world.pass(10);
    world.said.clear();
    world.pass(10);
    world
}

#[test]
fn what_a_slot_becomes_that_is_not_started() {
    hold(
        "Slots that are not started although a host is there",
        &[
            (
                r#"| an earlier run goes on, `overlap = "skip"` | skipped (overlap) |"#,
                &[(|| overlapping(Overlap::Skip), &["a skipped overlap"])],
            ),
            (
                r#"| the same, `overlap = "queue"` | queued; it runs when there is a place |"#,
                &[(
                    || {
                        let mut world = overlapping(Overlap::Queue);
                        world.end(succeeded());
                        world
                    },
                    &["a admitted Queued schedule", "attempt 1 succeeded final", "started 1", "start a 1"],
                )],
            ),
            (
                r#"| the same, `overlap = "replace"` | queued; the oldest run is cancelled and this one takes its place |"#,
                &[(
                    || {
                        let mut world = overlapping(Overlap::Replace);
                        world.end(AttemptOutcome::Cancelled(CancelledBy::Operator));
                        world
                    },
                    &["a admitted Queued schedule", "cancel 0", "attempt 1 cancelled final", "started 1", "start a 1"],
                )],
            ),
            (
                r#"| the same, `overlap = "allow"` | running |"#,
                &[(|| overlapping(Overlap::Allow), &["a admitted Running schedule", "start a 1"])],
            ),
            (
                "| an earlier run waits for its next attempt | as if it went on: it keeps its task's place |",
                &[(
                    || {
                        let mut waits = task("a");
                        waits.retry.backoff = Backoff::Fixed { wait: Duration::from_secs(60) };
                        let mut world = World::new(vec![waits]);
                        world.pass(10);
                        world.end(failed());
                        world.said.clear();
                        world.pass(10);
                        world
                    },
                    &["a skipped overlap"],
                )],
            ),
            (
                "| `host.max-queued-runs` runs wait already | skipped (queue full) |",
                &[(
                    || {
                        let mut world = World::new(["a", "b", "c", "d", "e"].map(task).into());
                        world.pass(10);
                        world.said.drain(..6);
                        world
                    },
                    &["e skipped queue-full"],
                )],
            ),
            (
                "| the plugin is still being compiled | queued; overlap is decided when it is ready |",
                &[(
                    || {
                        let mut world = quiet(World::recovering(vec![task("a")], Recovered::default()));
                        world.pass(10);
                        world.pass(10);
                        world.plugin(PluginState::Ready);
                        world
                    },
                    &[
                        "a admitted Queued schedule",
                        "a admitted Queued schedule",
                        "started 1",
                        "ended skipped",
                        "start a 1",
                    ],
                )],
            ),
            (
                "| the next attempt is due and the plugin is not ready yet, after a restart | waiting; it goes on when the \
             plugin is ready |",
                &[
                    (|| after_a_restart(None), &[]),
                    (|| after_a_restart(Some(PluginState::Ready)), &["started 2", "start a 2"]),
                ],
            ),
            (
                "| the plugin cannot be used | skipped (plugin unusable), also what waited for its next attempt |",
                &[
                    (
                        || {
                            let mut world = quiet(World::recovering(vec![task("a")], Recovered::default()));
                            world.plugin(PluginState::Unusable);
                            world.pass(10);
                            world
                        },
                        &["a skipped plugin-unusable"],
                    ),
                    (|| after_a_restart(Some(PluginState::Unusable)), &["ended skipped"]),
                ],
            ),
            (
                "| the ledger cannot be written | nothing yet: slots are decided, by `misfire`, when it can be written \
             again |",
                &[
                    // Meanwhile nobody asks the dispatcher for what is due.
                    (
                        || {
                            let mut world = World::new(vec![Task { overlap: Overlap::Allow, ..task("a") }]);
                            world.pass_as(45, Gap::Suspended);
                            world
                        },
                        &[
                            "a missed 1 suspended",
                            "a admitted Running schedule",
                            "a admitted Running schedule",
                            "a admitted Queued schedule",
                            "start a 1",
                            "start a 1",
                        ],
                    ),
                ],
            ),
            (
                "| a task that this one follows succeeds while this one is paused or disabled | skipped (paused) or \
             (disabled), without a slot |",
                &[
                    (|| followed(true), &["attempt 1 succeeded final", "b skipped paused"]),
                    (|| followed(false), &["attempt 1 succeeded final", "b skipped disabled"]),
                ],
            ),
        ],
    );
}

/// A host takes up a run whose next attempt is due, and hears of its plugin or not.
fn after_a_restart(plugin: Option<PluginState>) -> World {
    let waiting = RunState::Waiting { next_attempt: 2, until: soon() };
    let manual = Task { schedule: Schedule::manual(), ..task("a") };
    let mut world = quiet(World::recovering(vec![manual], left(waiting, 1, Cause::Manual)));
    world.pass(10);
    plugin.into_iter().for_each(|state| world.plugin(state));
    world
}

/// A success that a task follows which is paused, or disabled.
fn followed(is_paused: bool) -> World {
    let mut world = World::new(vec![task("a"), Task { enabled: is_paused, ..follower("b") }]);
    if is_paused {
        world.pause("b");
    }
    world.pass(10);
    world.said.clear();
    world.end(succeeded());
    world
}
