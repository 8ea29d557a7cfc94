//! What is told of a hundred thousand runs, against the same told naively from a list of them.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::*;
use crate::ledger::{schema, writer};
use crate::model::cause::CauseKind;
use crate::model::outcome::{Miss, Outcome, OutcomeClass, PassedOver, Skip, Trap};
use crate::model::tally::{Bucket, Tally};

const RUNS: i64 = 100_000;
/// From one run to the next; all of them fill two weeks.
const STEP: i64 = 12_000;
const TASKS: [&str; 5] = ["steady", "frail", "broken", "triggered", "rare"];

/// A run, or a range of missed slots, as a naive reader keeps it.
#[derive(Debug, Clone)]
struct Plain {
    id: RunId,
    task: &'static str,
    cause: CauseKind,
    slot: Option<Slot>,
    class: OutcomeClass,
    took: Option<Duration>,
    ended: Timestamp,
    /// The place of its task among those of the ledger.
    key: usize,
}

/// Numbers without a pattern, the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        // The multiplier is that of Knuth's MMIX; its upper bits are the good ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Fills a ledger, and returns what is in it, oldest first.
fn fill(folder: &TempDir) -> Vec<Plain> {
    let mut book = writer::tests::book(schema::open_writer(folder.path(), Durability::Normal).unwrap());
    let (mut dice, mut known, mut plain) = (Dice(7), BTreeMap::new(), Vec::new());
    let mut calls = Vec::new();
    for number in 0..RUNS {
        let (run, entries) = one(number, &mut dice, &mut known);
        plain.push(run);
        calls.push(entries);
        if calls.len() == 1000 {
            let results = writer::tests::commit(&mut book, std::mem::take(&mut calls));
            assert!(results.iter().all(Result::is_ok), "{results:?}");
        }
    }
    plain
}

/// One run of some task, and the entries that it makes.
fn one(number: i64, dice: &mut Dice, known: &mut BTreeMap<&'static str, usize>) -> (Plain, Vec<Entry>) {
    let at = time(number * STEP);
    let id = RunId::next(at.as_millisecond(), 1, None);
    let task = match dice.roll(1000) {
        0 => "rare",
        1..300 => "broken",
        300..500 => "frail",
        500..520 => "triggered",
        _ => "steady",
    };
    let next_key = known.len();
    let key = *known.entry(task).or_insert(next_key);
    let cause = match (task, dice.roll(100)) {
        ("triggered", ..50) => Cause::After { task: "steady".parse().unwrap(), run: id },
        ("triggered", _) => Cause::Http,
        (_, 0) => Cause::Manual,
        _ => Cause::Schedule,
    };
    let slot = (cause == Cause::Schedule).then(|| Slot::at(time(number * STEP - 100)));
    let mut plain =
        Plain { id, task, cause: cause.kind(), slot, class: OutcomeClass::Skipped, took: None, ended: at, key };
    let name: TaskName = task.parse().unwrap();
    if let Some(first) = slot
        && dice.roll(500) == 0
    {
        let why = PassedOver::Missed(Miss::Down);
        let last = Slot::at(time(number * STEP - 50));
        let entry = Entry::Missed { task: name, first, last, count: 3, why, at };
        // The ledger gives such a range its id itself: that of a host of its own.
        let id = RunId::next(at.as_millisecond(), u8::MAX, None);
        return (Plain { id, slot: Some(last), class: OutcomeClass::Missed, ..plain }, vec![entry]);
    }
    if dice.roll(50) == 0 {
        let why = Skip::Overlap;
        return (plain, vec![Entry::Skipped { id, task: name, slot, cause, why, at }]);
    }
    let failing = match task {
        // It breaks for good half-way.
        "broken" if number > RUNS / 2 => 100,
        "frail" => 30,
        _ => 2,
    };
    let outcome = match (dice.roll(100) < failing, dice.roll(4)) {
        (false, _) => succeeded(),
        (true, 0) => AttemptOutcome::Trapped(Trap { reason: "unreachable".into(), backtrace: Vec::new() }),
        (true, _) => failed(),
    };
    plain.class = outcome.class();
    let doublings = dice.roll(24);
    let duration = Duration::from_micros(dice.roll(2 << doublings));
    let end = time(number * STEP + duration.as_millis() as i64);
    (plain.took, plain.ended) = (Some(duration), end);
    let task = Arc::new(example(task));
    let run = Run { id, task, cause, slot, payload: None, trace: None, admitted_at: at };
    let attempt = |attempt, outcome, started_at, ended_at, next| Entry::AttemptEnded {
        run: id,
        task: name.clone(),
        attempt,
        outcome: Arc::new(outcome),
        usage: Usage { duration, ..usage() },
        plugin: Some(Digest::from_bytes([7; 32])),
        log: Arc::new(Vec::new()),
        writes: Arc::default(),
        started_at,
        ended_at,
        next,
    };
    let mut entries = vec![admitted(run, Admission::Running)];
    if dice.roll(20) == 0 {
        let retry_at = time(number * STEP + 5000);
        let over = time(number * STEP + 6000);
        entries.push(attempt(1, failed(), at, end, Next::Retry { at: retry_at }));
        entries.push(Entry::Started { run: id, attempt: 2, at: retry_at });
        entries.push(attempt(2, outcome, retry_at, over, Next::Final));
        (plain.took, plain.ended) = (Some(Duration::from_secs(6)), over);
    } else {
        entries.push(attempt(1, outcome, at, end, Next::Final));
    }
    (plain, entries)
}

impl Plain {
    fn matches(&self, filter: &Filter) -> bool {
        let entered = self.id.as_i64() >> 21;
        let due = |at: Timestamp| self.slot.map(|slot| slot.time() >= at);
        filter.task.as_ref().is_none_or(|task| task.as_str() == self.task)
            && (filter.outcomes.is_empty() || filter.outcomes.contains(&self.class))
            && filter.cause.is_none_or(|kind| kind == self.cause)
            && filter.since.is_none_or(|since| entered >= since.as_millisecond())
            && filter.until.is_none_or(|until| entered < until.as_millisecond())
            && filter.due_since.is_none_or(|since| due(since) == Some(true))
            && filter.due_until.is_none_or(|until| due(until) == Some(false))
    }
}

/// Every combination of what a filter can say.
fn filters() -> Vec<Filter> {
    let day = |day: i64| Some(time(day * 86_400_000));
    let mut filters = vec![Filter { limit: 40, ..Filter::default() }];
    let mut vary = |variants: &dyn Fn(&Filter) -> Vec<Filter>| {
        filters = filters.iter().flat_map(|filter| [vec![filter.clone()], variants(filter)].concat()).collect();
    };
    vary(&|filter| TASKS.map(|task| Filter { task: Some(task.parse().unwrap()), ..filter.clone() }).into());
    let [one, other] = [vec![OutcomeClass::Trapped], vec![OutcomeClass::Skipped, OutcomeClass::Missed]];
    let outcomes = [vec![OutcomeClass::Succeeded], [one.clone(), vec![OutcomeClass::Succeeded]].concat(), one, other];
    vary(&|filter| outcomes.clone().map(|outcomes| Filter { outcomes, ..filter.clone() }).into());
    let causes = [CauseKind::Schedule, CauseKind::Manual, CauseKind::After];
    vary(&|filter| causes.map(|cause| Filter { cause: Some(cause), ..filter.clone() }).into());
    vary(&|filter| {
        let entered = |since, until| Filter { since, until, ..filter.clone() };
        let due = |due_since, due_until| Filter { due_since, due_until, ..filter.clone() };
        vec![
            entered(day(12), None),
            entered(day(3), day(4)),
            due(day(10), None),
            due(None, day(5)),
            due(day(7), day(8)),
        ]
    });
    filters
}

#[test]
fn a_long_history_is_told_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let plain = fill(&folder);
    let reader = Reader::open(folder.path()).unwrap();
    for filter in filters() {
        lists_agree(&reader, &plain, filter);
    }
    for task in TASKS {
        summaries_agree(&reader, &plain, task);
    }
    let all: Vec<String> = reader.tasks(date("2025-11-01")).unwrap().iter().map(|task| task.task.to_string()).collect();
    assert_eq!(all, ["broken", "frail", "rare", "steady", "triggered"]);
    assert_eq!(reader.task(&"nobody".parse().unwrap(), date("2025-11-01")).unwrap(), None);
}

/// Compares the first three pages of a list.
fn lists_agree(reader: &Reader, plain: &[Plain], mut filter: Filter) {
    let mut expected: Vec<&Plain> = plain.iter().rev().filter(|plain| plain.matches(&filter)).collect();
    if filter.due_since.is_some() || filter.due_until.is_some() {
        expected.sort_by_key(|plain| std::cmp::Reverse((plain.slot, plain.key)));
    }
    for page in expected.chunks(filter.limit as usize).chain([&[][..]]).take(3) {
        let found: Vec<RunId> = reader.records(&filter).unwrap().iter().map(Record::id).collect();
        assert_eq!(found, page.iter().map(|plain| plain.id).collect::<Vec<_>>(), "{filter:?}");
        filter.before = found.last().copied();
    }
}

fn summaries_agree(reader: &Reader, plain: &[Plain], task: &str) {
    let name: TaskName = task.parse().unwrap();
    let since = date("2025-12-03");
    let (mut days, mut recent): (BTreeMap<Date, (Tally, u64)>, _) = (BTreeMap::new(), Tally::default());
    let mut runs: Vec<&Plain> = plain.iter().filter(|plain| plain.task == task).collect();
    for Plain { class, took, ended, .. } in &runs {
        // A range of missed slots counts on the day of its last one, a moment before it was entered.
        let (day, missed) = match class {
            OutcomeClass::Missed => (ended.checked_sub(Duration::from_millis(50)).unwrap(), true),
            _ => (*ended, false),
        };
        let day = day.to_zoned(TimeZone::UTC).date();
        if day < since {
            continue;
        }
        let (tally, missing) = days.entry(day).or_default();
        if missed {
            *missing += 3;
        } else {
            tally.add(*class, took.map(Bucket::of), 1);
            recent.add(*class, took.map(Bucket::of), 1);
        }
    }
    let found = reader.days(&name, since).unwrap();
    let found: BTreeMap<Date, (Tally, u64)> = found.into_iter().map(|day| (day.day, (day.tally, day.missed))).collect();
    assert_eq!(found, days, "{task}");

    let summary = reader.task(&name, since).unwrap().unwrap();
    assert_eq!(summary.recent, recent, "{task}");
    runs.retain(|plain| plain.class != OutcomeClass::Missed);
    assert_eq!(summary.last_run.map(|run| run.id), runs.last().map(|plain| plain.id), "{task}");
    // Streaks go by the order in which the writer heard of ends, which here is that of the runs.
    let success = runs.iter().rposition(|plain| plain.class == OutcomeClass::Succeeded);
    let success_of = |index: usize| (runs[index].id, runs[index].ended);
    assert_eq!(summary.last_success.map(|success| (success.run, success.at)), success.map(success_of), "{task}");
    let since_then = &runs[success.map_or(0, |index| index + 1)..];
    let failures = since_then.iter().filter(|plain| plain.class.is_failure()).count() as u64;
    assert_eq!(summary.failures_in_a_row, failures, "{task}");
    assert!(task != "broken" || failures > 10_000, "{failures} failures in a row are few for a test");
}

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

#[tokio::test]
async fn slots_that_were_passed_over_count_as_what_became_of_them() {
    let bench = Bench::new();
    let range = |first, last, count, why| {
        let (task, at) = ("a".parse().unwrap(), time(last));
        Entry::Missed { task, first: slot(first), last: slot(last), count, why, at }
    };
    let missed = range(1, 10, 5, PassedOver::Missed(Miss::Down));
    bench.append([missed, range(11, 20, 7, PassedOver::Skipped(Skip::Paused))]).await.unwrap();
    let day = &bench.reader().days(&"a".parse().unwrap(), date("1970-01-01")).unwrap()[0];
    assert_eq!((day.missed, day.tally.count(OutcomeClass::Skipped), day.tally.ends()), (5, 7, 7));
}

#[tokio::test]
async fn what_is_undone_is_not_counted() {
    let bench = Bench::new();
    bench.append([admitted(run(1, "a", Some(slot(1))), Admission::Running)]).await.unwrap();
    // The second entry of the call contradicts the ledger, so the first is undone with it.
    let refused = bench.append([ended(1, 1, failed(), Next::Final), skipped(2, 1)]).await.unwrap_err();
    assert!(refused.is_refusal(), "{refused}");
    let recent = |bench: &Bench| bench.reader().task(&"a".parse().unwrap(), date("1970-01-01")).unwrap().unwrap();
    assert_eq!((recent(&bench).recent.ends(), recent(&bench).failures_in_a_row), (0, 0));

    // Calls of one group do not share their fate: what is whole is counted, and once.
    let calls = [vec![ended(1, 1, failed(), Next::Final)], vec![skipped(2, 1)], vec![skipped(3, 3)]];
    let appends = calls.map(|entries| bench.ledger.append(entries));
    let [ended, taken, skipped] = appends;
    assert!(ended.await.is_ok() && taken.await.is_err() && skipped.await.is_ok());
    let summary = recent(&bench);
    assert_eq!((summary.recent.failed(), summary.recent.count(OutcomeClass::Skipped)), (1, 1));
    assert_eq!((summary.failures_in_a_row, summary.last_success), (1, None));
}

#[tokio::test]
async fn the_last_success_is_the_one_that_ended_last() {
    let bench = Bench::new();
    let task: TaskName = "a".parse().unwrap();
    bench.append([1, 2, 3].map(|number| admitted(run(number, "a", None), Admission::Running))).await.unwrap();
    for (number, outcome) in [(2, succeeded()), (1, succeeded()), (3, failed())] {
        bench.append([ended(number, 1, outcome, Next::Final)]).await.unwrap();
    }
    let summary = bench.reader().task(&task, date("1970-01-01")).unwrap().unwrap();
    assert_eq!((summary.last_success.unwrap().run, summary.failures_in_a_row), (id(1), 1));
    let filter = Filter { task: Some(task), outcomes: vec![OutcomeClass::Succeeded], ..Filter::default() };
    let found: Vec<RunId> = bench.reader().runs(&filter).unwrap().iter().map(|run| run.id).collect();
    assert_eq!(found, [id(2), id(1)]);
}

#[tokio::test]
async fn a_run_that_ends_without_another_attempt_is_counted_with_its_time() {
    let bench = Bench::new();
    bench.append([admitted(run(1, "a", None), Admission::Running)]).await.unwrap();
    bench.append([ended(1, 1, failed(), Next::Retry { at: time(5000) })]).await.unwrap();
    let by = crate::model::outcome::CancelledBy::Operator;
    let outcome = Outcome::Attempted(AttemptOutcome::Cancelled(by));
    bench.append([Entry::Ended { run: id(1), outcome, at: time(3006) }]).await.unwrap();
    let day = &bench.reader().days(&"a".parse().unwrap(), date("1970-01-01")).unwrap()[0];
    assert_eq!((day.tally.ends(), day.tally.count(OutcomeClass::Cancelled)), (1, 1));
    let took = bench.run(id(1)).took.unwrap();
    assert_eq!(day.tally.durations.percentile(50), Some(Bucket::of(took).middle()));
}

#[tokio::test]
async fn a_part_of_a_log_is_told_by_number_level_and_time() {
    use crate::ledger::Excerpt;
    let bench = Bench::new();
    bench.append([admitted(run(1, "a", None), Admission::Running)]).await.unwrap();
    let levels = [Level::Info, Level::Warn, Level::Debug, Level::Error];
    let line = |number: usize| LogLine { at: time(number as i64), level: levels[number % 4], ..line("x") };
    let attempt = |attempt, lines: std::ops::Range<usize>, next| match ended(1, attempt, failed(), next) {
        Entry::AttemptEnded { run, task, outcome, usage, plugin, started_at, ended_at, .. } => {
            let log = Arc::new(lines.map(line).collect());
            let writes = Arc::default();
            Entry::AttemptEnded { run, task, attempt, outcome, usage, plugin, log, writes, started_at, ended_at, next }
        }
        other => panic!("{other:?} is not the end of an attempt"),
    };
    bench.append([attempt(1, 0..6, Next::Retry { at: time(5000) }), started(1, 2, 5000)]).await.unwrap();
    bench.append([attempt(2, 6..10, Next::Final)]).await.unwrap();

    let reader = bench.reader();
    let check = |excerpt: Excerpt, expected: &[u64]| {
        let found = reader.excerpt(id(1), &excerpt).unwrap();
        assert_eq!(found.of, 10, "{excerpt:?}");
        assert!(found.lines.iter().all(|line| line.attempt == if line.number <= 6 { 1 } else { 2 }), "{found:?}");
        assert_eq!(found.lines.iter().map(|line| line.number).collect::<Vec<_>>(), expected, "{excerpt:?}");
    };
    let all = Excerpt::default;
    check(all(), &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    check(Excerpt { attempt: Some(2), ..all() }, &[7, 8, 9, 10]);
    check(Excerpt { numbers: Some(5..=8), ..all() }, &[5, 6, 7, 8]);
    check(Excerpt { numbers: Some(9..=u64::MAX), ..all() }, &[9, 10]);
    check(Excerpt { level: Some(Level::Warn), ..all() }, &[2, 4, 6, 8, 10]);
    check(Excerpt { since: Some(time(3)), until: Some(time(8)), ..all() }, &[4, 5, 6, 7, 8]);
    check(Excerpt { tail: Some(3), ..all() }, &[8, 9, 10]);
    check(Excerpt { tail: Some(0), ..all() }, &[]);
    check(Excerpt { tail: Some(2), level: Some(Level::Error), attempt: Some(1), ..all() }, &[4]);
}
