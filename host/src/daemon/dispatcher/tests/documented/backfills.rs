//! Backfill.

use super::*;

/// A backfill of one slot, of which the ledger has this.
fn of(past: PastSlot) -> World {
    let mut world = World::new(vec![task("a")]);
    let tally = world.backfill("a", &[(slot(10), past)], 1);
    let told = [
        (tally.removed, "removed"),
        (tally.succeeded, "succeeded"),
        (tally.unfinished, "unfinished"),
        (tally.undecided, "undecided"),
        (tally.foreign, "foreign"),
    ];
    world.said.extend(told.iter().filter(|(count, _)| *count > 0).map(|(count, kind)| format!("{count} {kind}")));
    world
}

fn slot(second: i64) -> Slot {
    Slot::from_millis(second * 1000).unwrap()
}

/// A range of three slots, the wanted one in their midst; of the task's schedule if they are ten seconds apart.
fn range(apart: i64) -> PastSlot {
    let (first, last) = (slot(10 - apart), slot(10 + apart));
    PastSlot::InRange { id: RunId::from_i64(9).unwrap(), first, last, count: 3 }
}

const RUNS: &[&str] = &["a admitted Queued backfill", "started 1", "start a 1"];

#[test]
fn what_a_backfill_does_with_a_slot() {
    hold(
        "Backfill",
        &[
            (
                "| no entry: the task was not there yet | a run with the cause `backfill` |",
                &[(|| of(PastSlot::Unknown), RUNS)],
            ),
            (
                "| no entry any more: `retention` removed it, or that of a later slot | nothing, and it says so: the slot may \
             have succeeded |",
                &[(|| of(PastSlot::Removed), &["1 removed"])],
            ),
            (
                "| part of a range, missed or skipped | a run with the cause `backfill`; the range is cut around it |",
                &[(|| of(range(10)), &["a range cut to 2", RUNS[0], RUNS[1], RUNS[2]])],
            ),
            (
                "| a run that is over without success, or was skipped | that run is opened again; it keeps its id and its \
             attempts, and its retries begin anew |",
                &[(
                    || {
                        let mut world = of(PastSlot::Over { run: RunId::from_i64(5).unwrap(), attempts: 3 });
                        assert_eq!(world.running, [RunId::from_i64(5).unwrap()]);
                        world.end(failed());
                        world
                    },
                    &["a reopened", "started 4", "start a 4", "attempt 4 failed-transient retry"],
                )],
            ),
            ("| a run that succeeded | nothing |", &[(|| of(PastSlot::Succeeded), &["1 succeeded"])]),
            ("| a run that is not over | nothing |", &[(|| of(PastSlot::Unfinished), &["1 unfinished"])]),
            (
                "| nothing yet: the schedule will come to it | nothing |",
                &[(|| of(PastSlot::Undecided), &["1 undecided"])],
            ),
            (
                "| part of a range of an earlier schedule | nothing: nobody can say which slots those were |",
                &[(|| of(range(7)), &["1 foreign"])],
            ),
        ],
    );
}
