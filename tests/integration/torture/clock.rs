//! The wall clock of a running host is set by an hour and by a year, forward and back.
//!
//! No namespace has a wall clock of its own, and the machine's is not ours to set. The program reads it through the C
//! library, so a few lines of C before that show it another; monotonic time, timers and the kernel's own clocks stay.

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use sandclock_host::clock::Clock;
use sandclock_host::ledger::{Filter, Reader, Record};
use sandclock_host::model::outcome::{Miss, PassedOver};

use super::account::{Account, Due, Effects, Range, Run};
use crate::project::{Project, Serving, preload, slot};

const HOUR: i64 = 3600;
const YEAR: i64 = 365 * 24 * HOUR;

/// Seconds by which the clock is off, one after the other. After each that lies back follows one that is later than all
/// before, so that slots come again.
const OFFSETS: [i64; 5] = [HOUR, 0, YEAR, 0, YEAR + HOUR];

/// The last runs into its limit of time and says so, whatever the wall clock shows: then the host has turned.
const CONFIG: &str = r#"
[tasks.skip]
plugin = "tick"
schedule = { every = "1s" }
misfire = { policy = "skip" }

[tasks.all]
plugin = "tick"
schedule = { every = "1s" }
overlap = "queue"
misfire = { policy = "all", max = 40 }

[tasks.long]
plugin = "sleep-for-ever"
schedule = { every = "1s" }
limits = { timeout = "3s" }
"#;

#[test]
fn a_clock_that_is_set_leaves_every_slot_with_one_entry() {
    let project = Project::new(CONFIG, &["tick", "sleep-for-ever"]);
    let clock = project.path("clock");
    set(&clock, 0);
    let mut command = project.command(&["serve"]);
    command.env("LD_PRELOAD", preload(&project, "torture/clock.c")).env("SANDCLOCK_TEST_CLOCK", &clock);
    let serving = project.serve_as(command);
    runs_again(&serving, 0);
    for offset in OFFSETS {
        serving.until("a long run goes on", || {
            project.runs("long").iter().rev().take(3).any(|run| run["state"] == "running") || offset > 0
        });
        let ends = serving.log().matches("timeout").count();
        set(&clock, offset);
        if offset > 0 {
            runs_again(&serving, offset);
        } else {
            serving.until("the long run ends", || serving.log().matches("timeout").count() > ends);
        }
    }
    serving.signal(Signal::TERM);
    let (status, log) = serving.wait();
    assert!(status.success(), "{log}");

    for task in ["skip", "all"] {
        let (account, missed) = account(&project, task);
        assert_eq!(account.violations(), [], "{task}");
        let large: Vec<(u64, PassedOver)> = missed.into_iter().filter(|(count, _)| *count > 600).collect();
        assert!(large.iter().all(|(_, why)| *why == PassedOver::Missed(Miss::ClockStep)), "{large:?}");
        // An hour; the year that is left of one after that; and the last hour.
        let about = [HOUR, YEAR - HOUR, HOUR].map(|seconds| seconds as u64);
        assert_eq!(large.len(), about.len(), "{task}: {large:?}");
        for ((count, _), about) in large.iter().zip(about) {
            assert!(count.abs_diff(about) < 300, "{task}: {count} missed, of about {about}");
        }
    }
}

/// Sets the clock at once: a host never reads half a number.
fn set(clock: &Path, offset: i64) {
    let beside = clock.with_extension("new");
    fs::write(&beside, offset.to_string()).unwrap();
    fs::rename(beside, clock).unwrap();
}

/// Waits until the tasks have slots of a clock with this offset that ran.
fn runs_again(serving: &Serving<'_>, offset: i64) {
    let now = Clock::system().now() + jiff::SignedDuration::from_secs(offset);
    for task in ["skip", "all", "long"] {
        serving.until_run(task, "is of the new time", |run| {
            run["attempts"].as_u64() > Some(0) && slot(run) >= now.as_millisecond()
        });
    }
}

/// What the ledger holds of a task, and how many slots it missed each time, oldest first.
fn account(project: &Project, task: &str) -> (Account, Vec<(u64, PassedOver)>) {
    let reader = Reader::open(&project.path("state")).unwrap();
    let filter = Filter { task: Some(task.parse().unwrap()), limit: u32::MAX, ..Filter::default() };
    let (mut runs, mut ranges, mut missed) = (Vec::new(), Vec::new(), Vec::new());
    for record in reader.records(&filter).unwrap() {
        match record {
            Record::Run(run) => {
                let slot = run.slot.unwrap().as_millis();
                runs.push(Run { id: run.id.to_string(), slot, outcome: None, begun: 0, attempts: Vec::new() });
            }
            Record::Missed(range) => {
                let (first, last) = (range.first.as_millis(), range.last.as_millis());
                ranges.push(Range { first, last, count: range.count });
                missed.push((first, range.count, range.why));
            }
        }
    }
    let slots = || runs.iter().map(|run| run.slot).chain(ranges.iter().map(|range| range.last));
    let first = runs.iter().map(|run| run.slot).chain(ranges.iter().map(|range| range.first)).min().unwrap();
    let due = Due { first, last: slots().max().unwrap(), every: 1000 };
    missed.sort_unstable_by_key(|(first, ..)| *first);
    let missed = missed.into_iter().map(|(_, count, why)| (count, why)).collect();
    (Account { task: task.to_owned(), due, runs, ranges, effects: Effects::None, is_alone: false }, missed)
}
