//! The end of an attempt.

use super::*;
use crate::model::outcome::{OutcomeClass, Trap};

/// A task with the retries that it has by default, less their jitter.
fn plain() -> Task {
    Task { retry: Retry { jitter: Jitter::None, ..Retry::default() }.into(), ..task("a") }
}

/// A run of it whose first attempt ends so.
fn ends(task: Task, outcome: AttemptOutcome) -> World {
    let mut world = World::new(vec![Task { schedule: Schedule::manual(), ..task }, follower("b")]);
    world.trigger("a");
    world.said.clear();
    world.end(outcome);
    world
}

/// A run of which each attempt ends so, as soon as it comes.
fn ends_each_time(outcome: &AttemptOutcome) -> World {
    let mut world = ends(plain(), outcome.clone());
    for wait in [1, 2] {
        world.pass(wait);
        world.end(outcome.clone());
    }
    world
}

fn trapped() -> AttemptOutcome {
    AttemptOutcome::Trapped(Trap { reason: String::new(), backtrace: Vec::new() })
}

fn broken() -> AttemptOutcome {
    AttemptOutcome::Broken { message: String::new() }
}

fn failed_for_good() -> AttemptOutcome {
    AttemptOutcome::Failed(Failure { kind: FailureKind::Permanent, message: String::new() })
}

fn failed_and_asks(wait: Duration) -> AttemptOutcome {
    let kind = FailureKind::Transient { retry_after: Some(wait) };
    AttemptOutcome::Failed(Failure { kind, message: String::new() })
}

fn retried_on(class: OutcomeClass) -> Task {
    let mut task = plain();
    task.retry.on = vec![class];
    task
}

fn tried_once() -> Task {
    let mut task = plain();
    task.retry.attempts = 1;
    task
}

#[test]
fn what_the_end_of_an_attempt_leads_to() {
    hold(
        "The end of an attempt",
        &[
            (
                "| succeeded | the run has succeeded, and the tasks that follow it start | with `kv.transactional`, writes \
             that can no longer be made turn it into a transient failure |",
                &[
                    (
                        || ends(plain(), succeeded()),
                        &["attempt 1 succeeded final", "b admitted Running after", "start b 1"],
                    ),
                    (
                        || {
                            let mut world = World::new(vec![plain()]);
                            world.pass(10);
                            world.said.clear();
                            world.settle(false);
                            world
                        },
                        &["attempt 1 failed-transient retry"],
                    ),
                ],
            ),
            (
                "| failed, perhaps not for long (transient) | waits for its next attempt: three in all, 1 and then 2 seconds \
             apart at the most | `retry`; a guest may ask for a longer wait, of up to an hour |",
                &[
                    (
                        || ends_each_time(&failed()),
                        &[
                            "attempt 1 failed-transient retry",
                            "started 2",
                            "start a 2",
                            "attempt 2 failed-transient retry",
                            "started 3",
                            "start a 3",
                            "attempt 3 failed-transient final",
                        ],
                    ),
                    (|| ends(tried_once(), failed()), &["attempt 1 failed-transient final"]),
                    (
                        || {
                            let mut world = ends(plain(), failed_and_asks(Duration::from_secs(30)));
                            world.pass(29);
                            world
                        },
                        &["attempt 1 failed-transient retry"],
                    ),
                    (
                        || {
                            let mut world = ends(plain(), failed_and_asks(Duration::from_secs(7200)));
                            world.pass(3600);
                            world
                        },
                        &["attempt 1 failed-transient retry", "started 2", "start a 2"],
                    ),
                ],
            ),
            (
                "| broken: the host was at fault | the same | `retry` |",
                &[
                    (
                        || ends_each_time(&broken()),
                        &[
                            "attempt 1 broken retry",
                            "started 2",
                            "start a 2",
                            "attempt 2 broken retry",
                            "started 3",
                            "start a 3",
                            "attempt 3 broken final",
                        ],
                    ),
                    (|| ends(tried_once(), broken()), &["attempt 1 broken final"]),
                ],
            ),
            (
                "| failed for good, trapped, or exceeded a limit | the run ends so | `retry.on` names what else is worth \
             another attempt |",
                &[
                    (|| ends(plain(), failed_for_good()), &["attempt 1 failed-permanent final"]),
                    (|| ends(plain(), trapped()), &["attempt 1 trapped final"]),
                    (|| ends(retried_on(OutcomeClass::Trapped), trapped()), &["attempt 1 trapped retry"]),
                    (
                        || ends(retried_on(OutcomeClass::FailedPermanent), failed_for_good()),
                        &["attempt 1 failed-permanent retry"],
                    ),
                ],
            ),
            (
                "| cancelled, by a person or by `overlap = \"replace\"` | the run ends so | nothing: it is never tried again |",
                &[(|| ends(plain(), AttemptOutcome::Cancelled(CancelledBy::Operator)), &["attempt 1 cancelled final"])],
            ),
            ("| interrupted | see below | `on-interrupt` |", &[]),
        ],
    );
}
