//! `sandclock top`, at a terminal and without one.

use rustix::process::Signal;

use super::pty::AtTerminal;
use crate::project::Project;

const CONFIG: &str = "\
[tasks.slow]\nplugin = \"sleep-for-ever\"\ntimeout = \"10m\"\n\n\
[tasks.bad]\nplugin = \"unreachable\"\n\n\
[tasks.nightly]\nplugin = \"tick\"\nschedule = { every = \"1h\" }\n";

fn project() -> Project {
    Project::new(CONFIG, &["sleep-for-ever", "unreachable", "tick"])
}

#[test]
fn a_terminal_shows_what_goes_on_and_is_given_back() {
    let project = project();
    let serving = project.serve();
    let slow = project.run(&["trigger", "slow"]).stdout.trim().to_owned();
    let mut top = AtTerminal::start(&project, &["top"], 30, 100);
    top.until("the run is shown as running", |frame| frame.contains(&slow) && frame.contains("RUNNING 1"));
    top.until("the next slot is shown", |frame| frame.contains("nightly"));
    assert!(!top.is_as_before());

    let bad = project.run(&["trigger", "bad", "--wait"]);
    assert_eq!(bad.status.code(), Some(11), "{bad:?}");
    top.until("the failure is shown and counted", |frame| {
        frame.contains("LAST DAY 1") && frame.contains("1 ended, 1 failed")
    });

    top.resize(8, 40);
    top.until("it fits", |frame| frame.lines().count() == 8 && frame.lines().all(|line| line.chars().count() <= 40));
    top.types("jjjj");
    top.until("it is scrolled", |frame| !frame.contains("RUNNING"));
    top.types("\u{1b}[A\u{1b}[A\u{1b}[A\u{1b}[A");
    top.until("it is scrolled back", |frame| frame.contains("RUNNING"));
    top.types("p");
    top.until("it is held", |frame| frame.contains("HELD"));
    top.types("p");
    assert_eq!(project.run(&["cancel", &slow]).status.code(), Some(0));
    top.until("the run is gone", |frame| frame.contains("RUNNING 0"));

    top.types("q");
    assert_eq!(top.wait().code(), Some(0));
    assert!(top.is_as_before());
    assert!(top.seen().ends_with("\u{1b}[?1049l"), "{}", top.seen());

    for end in [None, Some(Signal::TERM), Some(Signal::INT), Some(Signal::HUP)] {
        let mut top = AtTerminal::start(&project, &["top"], 30, 100);
        top.until("it shows something", |frame| frame.contains("RUNNING"));
        match end {
            // Ctrl-C, as the terminal of a person sends it.
            None => top.types("\u{3}"),
            Some(signal) => top.signal(signal),
        }
        assert_eq!(top.wait().code(), Some(0), "{end:?}");
        assert!(top.is_as_before() && top.seen().contains("\u{1b}[?1049l"), "{end:?}");
    }

    let mut top = AtTerminal::start(&project, &["top"], 30, 100);
    top.until("it shows something", |frame| frame.contains("RUNNING"));
    serving.signal(Signal::TERM);
    assert!(serving.wait().0.success());
    top.until("it says that the host has gone", |frame| frame.contains("no host is running"));
    let serving = project.serve();
    top.until("the host is back", |frame| !frame.contains("no host is running"));
    top.types("q");
    assert_eq!(top.wait().code(), Some(0));
    drop(serving);
}

#[test]
fn without_a_terminal_it_is_told_once() {
    let project = project();
    let without = project.run(&["top"]);
    assert_eq!(without.status.code(), Some(6), "{without:?}");
    let serving = project.serve();
    let once = project.run(&["top"]);
    assert!(once.status.success() && once.stdout.contains("\nRUNNING 0\n"), "{once:?}");
    assert!(!once.stdout.contains('\u{1b}'), "{once:?}");
    drop(serving);
}
