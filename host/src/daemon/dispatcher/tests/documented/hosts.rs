//! The end of the host.

use super::*;
use crate::model::outcome::Interruption;
use crate::model::retry::Backoff;

/// A host that takes up a run of a task without a schedule, after ten seconds.
fn next_host(state: RunState, attempts: u32) -> World {
    let manual = Task { schedule: Schedule::manual(), ..task("a") };
    let mut world = World::recovering(vec![manual], left(state, attempts, Cause::Manual));
    world.said.drain(..2);
    world.plugin(PluginState::Ready);
    world.pass(10);
    world
}

/// A host in the middle of its shutdown: `a` and `b` run, `c` is queued, `d` waits for its next attempt.
fn shutting_down() -> World {
    let mut waits = task("d");
    waits.retry.backoff = Backoff::Fixed { wait: Duration::from_secs(15) };
    let mut world = World::new(["a", "b", "c"].map(task).into_iter().chain([waits]).collect());
    world.trigger("d");
    world.end(failed());
    world.pass(10);
    world.dispatcher.drain();
    quiet(world)
}

#[test]
fn what_the_end_of_a_host_leads_to() {
    hold(
        "The end of the host",
        &[
            (
                "| queued | stays queued, and goes on with the next host | the same |",
                &[
                    (
                        || {
                            let mut world = shutting_down();
                            world.end(succeeded());
                            world
                        },
                        &["attempt 1 succeeded final"],
                    ),
                    (|| next_host(RunState::Queued, 0), &["started 1", "start a 1"]),
                ],
            ),
            (
                "| waiting | stays waiting: its next attempt keeps its time | the same |",
                &[
                    (
                        || {
                            let mut world = shutting_down();
                            world.pass(60);
                            world
                        },
                        &[],
                    ),
                    (
                        || next_host(RunState::Waiting { next_attempt: 2, until: soon() }, 1),
                        &["started 2", "start a 2"],
                    ),
                ],
            ),
            (
                "| running | has `host.grace-period` to end; then its attempt is interrupted (shutdown) | its attempt is \
             interrupted (crash), entered by the next host |",
                &[
                    (
                        || {
                            let mut world = shutting_down();
                            world.end(AttemptOutcome::Interrupted(Interruption::Shutdown));
                            world
                        },
                        &["attempt 1 interrupted retry"],
                    ),
                    (
                        || next_host(RunState::Running { attempt: 1 }, 1),
                        &["attempt 1 interrupted retry", "started 2", "start a 2"],
                    ),
                ],
            ),
        ],
    );
}
