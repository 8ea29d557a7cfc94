//! A ledger that cannot be written for a while: locked by another process, or on a device that fails every write.

use std::process::Command;

use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};

use super::*;
use crate::project::PROGRAM;

/// The task at every second, and one whose attempts take ten.
pub(super) fn config() -> String {
    let long = "[tasks.long]\nplugin = \"sleep-for-ever\"\nschedule = { every = \"15s\" }\ntimeout = \"10s\"\n";
    format!("{EVERY_SECOND}\n{long}")
}

/// Lets the ledger fail while an attempt goes on, and be well again when that is over.
pub(super) fn trouble_while_a_guest_runs(
    project: &Project,
    serving: &Serving<'_>,
    begin: impl FnOnce(),
    end: impl FnOnce(),
) {
    serving.until_run("tick", "succeeded", succeeded);
    let long = serving.until_run("long", "is running", |run| run["state"] == "running");
    begin();
    until_trouble(serving, "the ledger cannot be written");
    let before = project.runs("tick").len();
    serving.until("the guest ends", || serving.ready().1["running"] == 0);
    assert_eq!(project.runs("tick").len(), before, "nothing is admitted");
    end();
    until_ready(serving);
    let ended = serving.until_run("long", "is entered", |run| run["id"] == long["id"] && run["state"] == "final");
    assert_eq!((&ended["outcome"]["class"], &ended["attempts"]), (&"exceeded".into(), &1.into()), "{ended}");
    let done = project.runs("tick").iter().filter(|run| succeeded(run)).count();
    serving.until("it goes on", || project.runs("tick").iter().filter(|run| succeeded(run)).count() > done + 2);
}

#[test]
fn a_ledger_that_another_process_has_locked_is_waited_for() {
    let project = Project::new(&config(), &["tick", "sleep-for-ever"]);
    let serving = project.serve();
    let other = open(&project);
    let begin = || other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    trouble_while_a_guest_runs(&project, &serving, begin, || other.execute_batch("ROLLBACK").unwrap());
    serving.signal(Signal::TERM);
    assert!(serving.wait().0.success());
    assert_every_slot_once(&project, "tick");
}

/// A limit of zero on the size of files makes every write fail with `EFBIG`, which SQLite reports as an error of the
/// device (`SQLITE_IOERR_WRITE`) just as it does `EIO` and `EROFS`.
#[test]
fn a_device_that_fails_every_write_is_waited_for() {
    let project = Project::new(&config(), &["tick", "sleep-for-ever"]);
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" serve", PROGRAM]);
    let serving = project.serve_as(project.within(command));
    let limit = |current| {
        let pid = Pid::from_raw(serving.id() as i32);
        prlimit(pid, Resource::Fsize, Rlimit { current, maximum: None }).unwrap();
    };
    trouble_while_a_guest_runs(&project, &serving, || limit(Some(0)), || limit(None));
    serving.signal(Signal::TERM);
    assert!(serving.wait().0.success());
    assert_every_slot_once(&project, "tick");
}

#[test]
fn what_could_not_be_kept_is_said() {
    let project = Project::new(&config(), &["tick", "sleep-for-ever"]);
    let serving = project.serve();
    let long = serving.until_run("long", "is running", |run| run["state"] == "running");
    let other = open(&project);
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    until_trouble(&serving, "the ledger cannot be written");
    serving.until("the guest ends", || serving.ready().1["running"] == 0);
    serving.signal(Signal::TERM);
    serving.signal(Signal::TERM);
    let (status, log) = serving.wait();
    assert_eq!(status.code(), Some(1), "{log}");
    let line = log.lines().find(|line| line.contains("not in the ledger: exceeded"));
    assert!(line.is_some_and(|line| line.contains(long["id"].as_str().unwrap())), "{log}");
}
