//! The rules as tables of what happened when and what was told of it; then as properties of any day; then the gate.

use std::num::NonZeroU32;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::time;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::gate::{Gate, Opening, QuietHours, Waiting};
use super::*;

const START: Timestamp = Timestamp::constant(1_800_000_000, 0);

fn minutes(minutes: i64) -> Timestamp {
    START + jiff::SignedDuration::from_mins(minutes)
}

fn rules(after_failures: u32, recoveries: Recoveries) -> Rules {
    Rules {
        on: Kind::ALL.into(),
        recoveries,
        after_failures: NonZeroU32::new(after_failures).unwrap(),
        reminder: Duration::from_secs(4 * 60 * 60),
    }
}

fn subject() -> Subject {
    "task:report".parse().unwrap()
}

fn happening(kind: Kind, turn: Turn, at: Timestamp, what: &str) -> Happening {
    Happening { kind, subject: subject(), turn, at, run: None, what: what.to_owned() }
}

/// One trouble, and time.
struct Bench {
    rules: Rules,
    kind: Kind,
    problem: Option<Problem>,
}

impl Bench {
    fn new(rules: Rules, kind: Kind) -> Self {
        Self { rules, kind, problem: None }
    }

    fn ticked(&mut self, now: Timestamp) -> Option<Notice> {
        let (problem, notice) = self.rules.tick(self.problem.take()?, self.kind, &subject(), now);
        self.problem = problem;
        notice
    }

    fn happens(&mut self, turn: Turn, now: Timestamp, what: &str) -> Option<Notice> {
        let (problem, notice) = self.rules.judge(self.problem.take(), &happening(self.kind, turn, now, what), now);
        self.problem = problem;
        notice
    }

    /// What is told of a story: at each minute, `ok`, `tick` or an error; as "MINUTE NEWS COUNT".
    fn tells(&mut self, story: &[(i64, &str)]) -> Vec<String> {
        let mut told = Vec::new();
        for (minute, what) in story {
            let now = minutes(*minute);
            let notice = match *what {
                "tick" => self.ticked(now),
                "ok" => self.happens(Turn::Good, now, ""),
                error => self.happens(Turn::Bad, now, error),
            };
            told.extend(notice.map(|notice| format!("{minute} {} {}", notice.news.name(), notice.count)));
        }
        told
    }
}

#[track_caller]
fn check(kind: Kind, after_failures: u32, recoveries: Recoveries, story: &[(i64, &str)], expected: &[&str]) {
    assert_eq!(Bench::new(rules(after_failures, recoveries), kind).tells(story), expected, "{story:?}");
}

#[test]
fn a_failure_is_told_once_and_so_is_its_end() {
    use Recoveries::{Told, Untold};
    let story = [(0, "busy"), (1, "busy"), (2, "busy"), (3, "ok"), (4, "ok")];
    check(Kind::Failed, 1, Told, &story, &["0 first 1", "3 recovered 3"]);
    check(Kind::Failed, 1, Untold, &story, &["0 first 1"]);
    // Numbers make no other error.
    check(Kind::Failed, 1, Told, &[(0, "after 1 s"), (1, "after 2 s"), (2, "gone")], &["0 first 1", "2 changed 3"]);
    // An end that nobody was told the beginning of is not told.
    check(Kind::Failed, 2, Told, &[(0, "busy"), (1, "ok"), (2, "busy"), (3, "ok")], &[]);
    check(Kind::Failed, 1, Told, &[(0, "ok"), (1, "ok")], &[]);
}

#[test]
fn some_failures_in_a_row_are_told_as_one() {
    use Recoveries::Told;
    let story = [(0, "busy"), (1, "ok"), (2, "busy"), (3, "busy"), (4, "busy"), (5, "busy")];
    check(Kind::Failed, 3, Told, &story, &["4 first 3"]);
    // After an end that was told, it takes as many again.
    let story = [(0, "a"), (1, "a"), (2, "ok"), (3, "a"), (4, "ok"), (5, "a"), (6, "a")];
    check(Kind::Failed, 2, Told, &story, &["1 first 2", "2 recovered 2", "6 relapse 5"]);
    // The one that came before all was forgotten counts.
    let story = [(0, "a"), (1, "a"), (2, "ok"), (240, "a"), (243, "tick"), (244, "a")];
    check(Kind::Failed, 2, Told, &story, &["1 first 2", "2 recovered 2", "244 first 2"]);
}

#[test]
fn what_goes_on_is_told_again_after_a_while() {
    use Recoveries::Told;
    // A task that fails is told of when it fails, a state by time alone.
    let story = [(0, "busy"), (239, "busy"), (239, "tick"), (240, "tick"), (241, "busy"), (300, "busy"), (481, "busy")];
    check(Kind::Failed, 1, Told, &story, &["0 first 1", "241 reminder 3", "481 reminder 5"]);
    for kind in [Kind::Stuck, Kind::Plugin, Kind::Reload, Kind::Ledger] {
        let story = [(0, "x"), (239, "tick"), (240, "tick"), (241, "tick"), (480, "tick"), (500, "ok"), (900, "tick")];
        check(kind, 3, Told, &story, &["0 first 1", "240 reminder 1", "480 reminder 1", "500 recovered 1"]);
    }
    // The clock was set back: nobody waits for it to catch up.
    check(Kind::Failed, 1, Told, &[(600, "busy"), (0, "busy")], &["600 first 1", "0 reminder 2"]);
}

#[test]
fn what_is_over_at_once_is_summed_up() {
    use Recoveries::Told;
    for kind in [Kind::Missed, Kind::Slow, Kind::Short, Kind::Crash] {
        let story = [(0, "x"), (10, "x"), (20, "x"), (240, "tick"), (480, "tick"), (481, "x")];
        check(kind, 1, Told, &story, &["0 first 1", "240 reminder 3", "481 first 1"]);
        check(kind, 1, Told, &[(0, "down"), (1, "clock"), (2, "down")], &["0 first 1", "1 changed 2"]);
    }
}

#[test]
fn what_comes_and_goes_costs_little_and_never_deceives() {
    use Recoveries::Told;
    let story = [
        (0, "busy"),
        (1, "ok"),
        // Whoever read that it was over has to hear that it is not.
        (2, "busy"),
        // From now on its end has to last.
        (3, "ok"),
        (4, "busy"),
        (5, "ok"),
        (200, "tick"),
        (244, "tick"),
        (245, "tick"),
        (246, "busy"),
    ];
    check(
        Kind::Failed,
        1,
        Told,
        &story,
        &["0 first 1", "1 recovered 1", "2 relapse 2", "245 recovered 3", "246 first 1"],
    );
}

#[test]
fn a_kind_that_nobody_asked_for_is_not_told() {
    let only = Rules { on: [Kind::Missed].into(), ..rules(1, Recoveries::Told) };
    assert_eq!(Bench::new(only, Kind::Failed).tells(&[(0, "busy"), (300, "busy"), (301, "ok")]), [""; 0]);
}

#[test]
fn a_task_that_flaps_for_a_day_sends_what_the_rules_allow() {
    for (period, most) in [(1, 9), (7, 9), (60, 9)] {
        let mut bench = Bench::new(rules(1, Recoveries::Told), Kind::Failed);
        let day = 24 * 60;
        let story: Vec<(i64, &str)> = (0..day)
            .flat_map(|minute| {
                let what = match minute % (2 * period) {
                    0 => "busy 17",
                    turn if turn == period => "ok",
                    _ => "tick",
                };
                [(minute, what), (minute, "tick")]
            })
            .collect();
        let told = bench.tells(&story);
        assert_eq!(
            told[..3].iter().map(|told| told.split(' ').nth(1).unwrap()).collect::<Vec<_>>(),
            ["first", "recovered", "relapse"]
        );
        // After these, a reminder every four hours.
        assert!(told.len() <= most && told.len() >= 7, "every {period} min: {told:?}");
    }
}

proptest! {
    /// Any day: whoever reads the messages knows at any time whether the task fails, is told nothing twice within the
    /// reminder's time, and is told of an end only after a beginning.
    #[test]
    fn on_any_day_the_messages_are_few_and_true(
        steps in proptest::collection::vec((1i64..200, 0usize..6), 1..400),
        after in 1u32..4,
    ) {
        let rules = rules(after, Recoveries::Told);
        let errors = ["ok", "ok", "busy", "busy", "gone", "tick"];
        let mut bench = Bench::new(rules, Kind::Failed);
        let (mut now, mut streak, mut believed_to_fail, mut told) = (0, 0, false, Vec::new());
        for (wait, what) in steps {
            now += wait;
            let at = minutes(now);
            let mut notices: Vec<Notice> = bench.ticked(at).into_iter().collect();
            match errors[what] {
                "tick" => {}
                "ok" => { streak = 0; notices.extend(bench.happens(Turn::Good, at, "")) }
                error => { streak += 1; notices.extend(bench.happens(Turn::Bad, at, error)) }
            }
            for notice in notices {
                if notice.news == News::Recovered {
                    prop_assert!(believed_to_fail, "the end of nothing");
                }
                believed_to_fail = notice.news != News::Recovered;
                told.push((now, notice.news, notice.what));
            }
            if streak >= after {
                prop_assert!(believed_to_fail, "a failure that nobody knows of at {now}: {told:?}");
            }
        }
        // The same error is not told twice in a row within the reminder's time.
        for pair in told.windows(2) {
            let [(first, old, was), (second, new, is)] = pair else { continue };
            if *old != News::Recovered && *new != News::Recovered && was == is && *new != News::Changed {
                prop_assert!(second - first >= 240, "{pair:?}");
            }
        }
        // At most an episode in the reminder's time, with its beginning, its end, one relapse, and its other error; and
        // the reminders.
        let span = usize::try_from(now).unwrap() / 240 + 1;
        prop_assert!(told.len() <= span * 6, "{} in {span} times 4 h: {told:?}", told.len());
    }
}

fn gate(group_wait: u64, daily_cap: u32, quiet: Option<QuietHours>) -> Gate {
    let zone = quiet.as_ref().map_or(TimeZone::UTC, |quiet| quiet.zone.clone());
    let daily_cap = NonZeroU32::new(daily_cap).unwrap();
    Gate { group_wait: Duration::from_secs(group_wait), daily_cap, group: 3, quiet, zone }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn waiting(kinds: &[(Kind, &str)]) -> Vec<Waiting> {
    (1..).zip(kinds).map(|(id, (kind, since))| Waiting { id, kind: *kind, since: at(since) }).collect()
}

#[test]
fn a_burst_becomes_one_message_once_its_first_has_waited() {
    let gate = gate(30, 10, None);
    let two = waiting(&[(Kind::Failed, "2026-11-28T10:00:00Z"), (Kind::Missed, "2026-11-28T10:00:20Z")]);
    let check = |waiting: &[Waiting], now, expected| assert_eq!(gate.open(waiting, 0, at(now)), expected, "{now}");
    check(&[], "2026-11-28T10:00:00Z", Opening::Empty);
    check(&two, "2026-11-28T10:00:29Z", Opening::Then(at("2026-11-28T10:00:30Z")));
    check(&two, "2026-11-28T10:00:30Z", Opening::Now(vec![1, 2]));
    // A clock that was set back by a day.
    check(&two, "2026-11-27T10:00:00Z", Opening::Now(vec![1, 2]));
    // A message that is full waits for nobody, and the rest for the next one.
    let four = waiting(&[(Kind::Failed, "2026-11-28T10:00:00Z"); 4]);
    check(&four, "2026-11-28T10:00:00Z", Opening::Now(vec![1, 2, 3]));
}

#[test]
fn a_day_has_so_many_messages_and_the_rest_waits_for_the_next() {
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    let gate = Gate { zone: berlin, ..gate(0, 2, None) };
    let one = waiting(&[(Kind::Failed, "2026-11-28T10:00:00Z")]);
    assert_eq!(gate.open(&one, 1, at("2026-11-28T10:00:00Z")), Opening::Now(vec![1]));
    // The day is that of the channel's zone.
    assert_eq!(gate.open(&one, 2, at("2026-11-28T10:00:00Z")), Opening::Then(at("2026-11-28T23:00:00Z")));
    assert_eq!(gate.today(at("2026-11-28T23:30:00Z")), at("2026-11-28T23:00:00Z"));
}

#[test]
fn the_night_is_quiet_but_for_what_is_urgent() {
    let quiet = |from, to, zone: &str| QuietHours {
        from,
        to,
        zone: TimeZone::get(zone).unwrap(),
        except: [Kind::Ledger].into(),
    };
    let check = |quiet: &QuietHours, now: &str, until: Option<&str>| {
        assert_eq!(quiet.until(at(now)), until.map(at), "{now}");
    };
    let night = quiet(time(22, 0, 0, 0), time(7, 0, 0, 0), "Europe/Berlin");
    check(&night, "2026-11-28T20:59:59Z", None);
    check(&night, "2026-11-28T21:00:00Z", Some("2026-11-29T06:00:00Z"));
    check(&night, "2026-11-29T05:59:59Z", Some("2026-11-29T06:00:00Z"));
    check(&night, "2026-11-29T06:00:00Z", None);
    // The clocks go forward in this night.
    check(&night, "2026-03-28T22:00:00Z", Some("2026-03-29T05:00:00Z"));
    let siesta = quiet(time(12, 30, 0, 0), time(14, 0, 0, 0), "UTC");
    check(&siesta, "2026-11-28T12:29:59Z", None);
    check(&siesta, "2026-11-28T13:00:00Z", Some("2026-11-28T14:00:00Z"));

    let gate = gate(0, 10, Some(night));
    let mixed = waiting(&[(Kind::Failed, "2026-11-28T21:30:00Z"), (Kind::Ledger, "2026-11-28T21:30:00Z")]);
    assert_eq!(gate.open(&mixed, 0, at("2026-11-28T21:30:00Z")), Opening::Now(vec![2]));
    assert_eq!(gate.open(&mixed[..1], 0, at("2026-11-28T21:30:00Z")), Opening::Then(at("2026-11-29T06:00:00Z")));
    assert_eq!(gate.open(&mixed, 0, at("2026-11-29T06:00:00Z")), Opening::Now(vec![1, 2]));
}

#[test]
fn subjects_are_written_and_read() {
    for subject in [Subject::Host, "task:a.b".parse().unwrap(), Subject::Plugin("p".parse().unwrap())] {
        assert_eq!(subject.to_string().parse(), Ok(subject));
    }
    for text in ["", "hosts", "task:", "task", "run:7"] {
        assert_eq!(text.parse::<Subject>(), Err(SubjectError(text.to_owned())));
    }
}
