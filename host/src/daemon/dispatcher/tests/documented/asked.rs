//! Runs that somebody asks for.

use super::*;

/// What stands in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hindrance {
    Paused,
    Disabled,
    ShuttingDown,
}

/// A task that follows `a`, and a run of `a` that goes on.
fn hindered(hindrance: Hindrance) -> World {
    let mut world = World::new(vec![task("a"), Task { enabled: hindrance != Hindrance::Disabled, ..follower("b") }]);
    world.pass(10);
    match hindrance {
        Hindrance::Paused => world.pause("b"),
        Hindrance::Disabled => {}
        Hindrance::ShuttingDown => world.dispatcher.drain(),
    }
    quiet(world)
}

fn asked(hindrance: Hindrance) -> World {
    let mut world = hindered(hindrance);
    ask(&mut world, "b");
    world
}

fn followed(hindrance: Hindrance) -> World {
    let mut world = hindered(hindrance);
    world.end(succeeded());
    world
}

#[test]
fn what_stands_in_the_way_of_a_run_that_is_asked_for() {
    use Hindrance::*;
    hold(
        "Runs that somebody asks for",
        &[
            (
                "| the task is paused | runs | skipped (paused) |",
                &[
                    (|| asked(Paused), &["b admitted Running manual", "start b 1"]),
                    (|| followed(Paused), &["attempt 1 succeeded final", "b skipped paused"]),
                ],
            ),
            (
                "| the task is disabled | refused, no entry | skipped (disabled) |",
                &[
                    (|| asked(Disabled), &["refused task-disabled"]),
                    (|| followed(Disabled), &["attempt 1 succeeded final", "b skipped disabled"]),
                ],
            ),
            // The firing loop refuses without asking the dispatcher, and holds the step of a success back: the full disk of
            // the integration tests.
            (
                "| the ledger cannot be written | refused, no entry | follows with the entry of that success, when it can be \
             written |",
                &[],
            ),
            (
                "| the host is shutting down | refused, no entry | queued for the next host |",
                &[
                    (|| asked(ShuttingDown), &["refused shutting-down"]),
                    (|| followed(ShuttingDown), &["attempt 1 succeeded final", "b admitted Queued after"]),
                ],
            ),
        ],
    );
}
