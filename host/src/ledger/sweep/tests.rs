//! What a pass removes of a real ledger, and what stays whatever the bounds say.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::ledger::writer::tests::{book, commit};
use crate::ledger::{Durability, Entry, PastSlot, schema};
use crate::model::outcome::{Miss, PassedOver};
use crate::model::schedule::Schedule;
use crate::model::task::Task;

const NOW: i64 = 1_764_000_000_000;

/// A run: how many seconds ago, and its state (0 queued, 1 succeeded, 2 failed, 3 skipped), with a log or without.
type Given = (i64, u8, bool);

struct Bench {
    folder: tempfile::TempDir,
    book: crate::ledger::apply::Book<'static>,
}

fn id(seconds_ago: i64) -> i64 {
    RunId::next(NOW - seconds_ago * 1000, 0, None).as_i64()
}

impl Bench {
    fn new(runs: impl IntoIterator<Item = Given>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let connection = schema::open_writer(folder.path(), Durability::Normal).unwrap();
        connection
            .execute_batch(&format!(
                "BEGIN; INSERT INTO tasks (id, name, cursor) VALUES (1, 'a', {NOW}), (2, 'b', {NOW})"
            ))
            .unwrap();
        for (seconds, state, log) in runs {
            let (id, slot) = (id(seconds), NOW - seconds * 1000);
            let values = match state {
                0 => "0, 0, 0, 0, 0, NULL, NULL, NULL, NULL",
                1 => "3, 0, 1, 0, 0, 0, NULL, 0, NULL",
                2 => "3, 0, 1, 0, 0, 0, NULL, 1, NULL",
                _ => "3, 0, 0, 0, 0, NULL, NULL, 8, 'x'",
            };
            connection.execute_batch(&format!("INSERT INTO runs VALUES ({id}, 1, {slot}, 0, NULL, {values})")).unwrap();
            if matches!(state, 1 | 2) {
                let attempt = format!(
                    "INSERT INTO attempts VALUES ({id}, 1, {}, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)",
                    state - 1
                );
                connection.execute_batch(&attempt).unwrap();
                if log {
                    connection.execute_batch(&format!("INSERT INTO logs VALUES ({id}, 1, x'01')")).unwrap();
                }
            }
        }
        connection.execute_batch("COMMIT").unwrap();
        Self { folder, book: book(connection) }
    }

    /// Carries out a whole pass.
    fn sweep(&mut self, retention: Retention, size: u64) {
        let task = Task { retention: retention.into(), ..Task::example("a", Schedule::manual()) };
        let keep = Keep { tasks: Arc::new([Arc::new(task)].into_iter().collect()), others: retention, size };
        let reader = Reader::open(self.folder.path()).unwrap();
        let mut sweep = Sweep::begin(reader, keep, Timestamp::from_millisecond(NOW).unwrap()).unwrap();
        let mut rounds = 0;
        while let Some(removal) = sweep.advance().unwrap() {
            assert!(removal.len() <= ROWS as usize);
            let results = commit(&mut self.book, vec![vec![Entry::Removed(removal)]]);
            results.into_iter().for_each(|result| result.unwrap());
            rounds += 1;
            assert!(rounds < 10_000, "a pass ends");
        }
    }

    /// How many seconds ago the runs were that are there.
    fn ages(&self) -> Vec<i64> {
        self.numbers("SELECT id FROM runs ORDER BY id DESC").into_iter().map(|id| (NOW - (id >> 21)) / 1000).collect()
    }

    fn numbers(&self, sql: &str) -> Vec<i64> {
        let mut query = self.book.connection.prepare(sql).unwrap();
        query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn the_last_success_and_failure_and_what_is_not_over_stay() {
    let old = [(500, 0, false), (490, 2, true), (480, 2, true), (470, 1, true), (460, 1, true), (450, 3, false)];
    let mut bench = Bench::new(old.into_iter().chain([(5, 3, false)]));
    bench.sweep(Retention { age: seconds(60), ..Retention::default() }, u64::MAX);
    assert_eq!(bench.ages(), [5, 460, 480, 500]);
    assert_eq!(bench.numbers("SELECT count(*) FROM attempts"), [2]);
    assert_eq!(bench.numbers("SELECT horizon FROM tasks WHERE id = 1"), [NOW - 450_000]);
}

#[test]
fn logs_go_before_their_runs() {
    let mut bench = Bench::new((0..10).map(|n| (n * 10, 1, true)));
    bench.sweep(Retention { logs: seconds(35), ..Retention::default() }, u64::MAX);
    assert_eq!(bench.ages().len(), 10);
    assert_eq!(bench.numbers("SELECT count(*) FROM logs"), [4]);
}

#[test]
fn the_log_of_a_run_that_was_opened_again_is_as_old_as_its_end() {
    let mut bench = Bench::new([(100, 2, true), (90, 2, true)]);
    let young = format!("UPDATE runs SET since = {NOW} WHERE id = {}", id(100));
    bench.book.connection.execute_batch(&young).unwrap();
    bench.sweep(Retention { logs: seconds(50), ..Retention::default() }, u64::MAX);
    assert_eq!(bench.numbers("SELECT run FROM logs"), [id(100)]);
}

#[test]
fn days_are_counted_for_two_years() {
    let mut bench = Bench::new([]);
    let today = NOW / DAY;
    for day in [today, today - DAYS, today - DAYS - 1, 0] {
        bench.book.connection.execute("INSERT INTO tallies VALUES (1, ?, 0, -1, 1)", [day]).unwrap();
    }
    bench.sweep(Retention::default(), u64::MAX);
    assert_eq!(bench.numbers("SELECT day FROM tallies ORDER BY day"), [today - DAYS, today]);
}

/// Enters ranges of a slot each: how many seconds ago they were entered, and their slot was due.
fn enter_ranges(bench: &Bench, ranges: &[(i64, i64)]) {
    for (entered, slot) in ranges {
        let (id, entered, slot) = (id(*entered) - slot, NOW - entered * 1000, NOW - slot * 1000);
        let values = format!("INSERT INTO missed VALUES ({id}, 1, {slot}, {slot}, 1, 0, {entered})");
        bench.book.connection.execute_batch(&values).unwrap();
    }
}

#[test]
fn ranges_go_when_neither_entry_nor_last_slot_is_young_and_their_slots_stay_decided() {
    let mut bench = Bench::new([]);
    // Two that are old, one of an old slot that was entered of late, one that grew, one that is young.
    enter_ranges(&bench, &[(100, 100), (90, 90), (10, 70), (95, 20), (10, 10)]);
    bench.sweep(Retention { age: seconds(50), ..Retention::default() }, u64::MAX);
    let slots = "SELECT last_slot FROM missed ORDER BY last_slot";
    assert_eq!(bench.numbers(slots), [70, 20, 10].map(|seconds| NOW - seconds * 1000));
    assert_eq!(bench.numbers("SELECT horizon FROM tasks WHERE id = 1"), [NOW - 90_000]);
    bench.sweep(Retention { runs: 1, ..Retention::default() }, u64::MAX);
    assert_eq!(bench.numbers(slots), [NOW - 10_000]);
}

#[test]
fn what_was_removed_is_not_backfilled_and_a_range_that_is_there_is() {
    let mut bench = Bench::new([(80, 1, false), (70, 1, false), (10, 1, false)]);
    enter_ranges(&bench, &[(5, 75)]);
    bench.sweep(Retention { runs: 1, ..Retention::default() }, u64::MAX);
    assert_eq!(bench.numbers("SELECT horizon FROM tasks WHERE id = 1"), [NOW - 70_000]);
    let slot = |seconds: i64| crate::model::slot::Slot::from_millis(NOW - seconds * 1000).unwrap();
    let slots = [90, 80, 75, 70, 60, 10].map(slot);
    let past = Reader::open(bench.folder.path()).unwrap().past(&"a".parse().unwrap(), &slots).unwrap();
    let range = RunId::from_i64(id(5) - 75).unwrap();
    let in_range = PastSlot::InRange { id: range, first: slot(75), last: slot(75), count: 1 };
    use PastSlot::{Removed, Succeeded, Unknown};
    assert_eq!(past, [Removed, Removed, in_range, Removed, Unknown, Succeeded]);

    let at = Timestamp::from_millisecond(NOW).unwrap();
    let cut = Entry::RangeCut { task: "a".parse().unwrap(), range: (range, slot(75), slot(75)), rest: Vec::new(), at };
    let enter = |seconds| Entry::Skipped {
        id: RunId::from_i64(id(0) + 1 + seconds).unwrap(),
        task: "a".parse().unwrap(),
        slot: Some(slot(seconds)),
        cause: crate::model::cause::Cause::Schedule,
        why: crate::model::outcome::Skip::Overlap,
        at,
    };
    let calls = vec![vec![enter(75)], vec![cut.clone(), enter(80)], vec![cut, enter(75)], vec![enter(70)]];
    let entered: Vec<bool> = commit(&mut bench.book, calls).iter().map(Result::is_ok).collect();
    assert_eq!(entered, [false, false, true, false]);
}

#[test]
fn a_ledger_that_is_too_large_loses_its_oldest_runs() {
    let mut bench = Bench::new((0..3000).map(|n| (n, 1, true)));
    let used = |bench: &Bench| Reader::open(bench.folder.path()).unwrap().used().unwrap();
    let before = used(&bench);
    bench.sweep(Retention::default(), before / 2);
    assert!(used(&bench) <= before / 2, "{} of {before}", used(&bench));
    let ages = bench.ages();
    assert_eq!(ages, (0..ages.len() as i64).collect::<Vec<_>>(), "the newest stay");
    assert!(ages.len() > 300, "not much more than need be: {}", ages.len());
}

#[test]
fn a_slot_whose_entry_was_removed_cannot_be_entered_again() {
    let mut bench = Bench::new((0..10).map(|n| (n * 10, 1, false)));
    bench.sweep(Retention { runs: 5, ..Retention::default() }, u64::MAX);
    assert_eq!(bench.ages(), [0, 10, 20, 30, 40]);
    let slot = |seconds: i64| crate::model::slot::Slot::from_millis(NOW - seconds * 1000).unwrap();
    let skip = |seconds| Entry::Skipped {
        id: RunId::from_i64(id(0) + 1 + seconds).unwrap(),
        task: "a".parse().unwrap(),
        slot: Some(slot(seconds)),
        cause: crate::model::cause::Cause::Schedule,
        why: crate::model::outcome::Skip::Overlap,
        at: Timestamp::from_millisecond(NOW).unwrap(),
    };
    let miss = |first, last| Entry::Missed {
        task: "a".parse().unwrap(),
        first: slot(first),
        last: slot(last),
        count: 2,
        why: PassedOver::Missed(Miss::Down),
        at: Timestamp::from_millisecond(NOW).unwrap(),
    };
    // Slots removed, slots older than all of those, slots still there, and those between.
    for (entry, accepted) in [
        (skip(50), false),
        (skip(90), false),
        (skip(95), false),
        (skip(40), false),
        (miss(60, 45), false),
        (skip(45), true),
        (miss(38, 35), true),
    ] {
        let what = format!("{entry:?}");
        let result = commit(&mut bench.book, vec![vec![entry]]).remove(0);
        assert_eq!(result.is_ok(), accepted, "{what}: {result:?}");
        assert!(result.err().is_none_or(|error| error.is_refusal()), "{what}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_goes_the_ledger_stays_sound(
        runs in proptest::collection::btree_map(0..400_i64, (0..4_u8, any::<bool>()), 0..40),
        age in 1..400_u64, count in 1..40_u64, logs in 1..400_u64, size in proptest::bool::ANY,
    ) {
        let given: Vec<Given> = runs.iter().map(|(age, (state, log))| (*age, *state, *log)).collect();
        let mut bench = Bench::new(given.iter().copied());
        let retention = Retention { age: seconds(age), runs: count, logs: seconds(logs), ..Retention::default() };
        bench.sweep(retention, if size { 1 } else { u64::MAX });

        let left = bench.ages();
        let last = |state| given.iter().filter(|run| run.1 == state).map(|run| run.0).min();
        let stays = |run: &&Given| run.1 == 0 || [last(1), last(2)].contains(&Some(run.0));
        for run in given.iter().filter(stays) {
            prop_assert!(left.contains(&run.0), "{run:?} has to stay, {left:?} did");
        }
        let horizon = bench.numbers("SELECT coalesce(max(horizon), 0) FROM tasks")[0];
        for run in given.iter().filter(|run| !left.contains(&run.0)) {
            prop_assert!(NOW - run.0 * 1000 <= horizon, "the slot of {run:?} could be entered again");
        }
        let findings = Reader::open(bench.folder.path()).unwrap().verify().unwrap();
        let known = |finding: &String| finding.contains("cannot be understood");
        prop_assert!(findings.iter().all(known), "{findings:?}");
    }
}
