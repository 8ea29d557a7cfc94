//! Readers that go away, disks that are full, and colours.

use std::fs::File;
use std::io::{BufRead, BufReader, pipe};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::project::{Finished, Project, eventually};

/// Commands that print to stdout, in a folder that `init` made.
const PRINTING: &[&[&str]] = &[
    &["check"],
    &["check", "--json"],
    &["check", "--schema"],
    &["next"],
    &["next", "--json"],
    &["inspect", "plugins/hello.wat"],
    &["run", "hello", "--json"],
    &["completions", "bash"],
];

fn initialised() -> Project {
    let project = Project::empty();
    assert!(project.run(&["init"]).status.success());
    project
}

#[test]
fn a_reader_that_has_read_enough_is_no_error() {
    let project = initialised();
    for arguments in PRINTING.iter().copied().chain([&["--help"][..], &["init", "another"]]) {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let child = project.command(arguments).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("error") && !stderr.contains("panicked"), "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    let project = initialised();
    for arguments in PRINTING {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let child = project.command(arguments).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {stderr}");
        assert!(stderr.contains("error: cannot write to stdout\n  because: No space left"), "{arguments:?}: {stderr}");
    }
}

#[test]
fn what_nobody_can_be_told_changes_nothing() {
    let project = initialised();
    for (arguments, code) in [(&["check", "--config", "gone.toml"][..], 3), (&["run", "gone"], 4), (&["frun"], 2)] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let status = project.command(arguments).stdout(Stdio::null()).stderr(full).status().unwrap();
        assert_eq!(status.code(), Some(code), "{arguments:?}");
    }
}

#[test]
fn a_host_whose_log_nobody_reads_any_more_goes_on() {
    let project = Project::new("[tasks.tick]\nschedule = { every = \"1s\" }\n", &["tick"]);
    let mut child = project.command(&["serve"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let log = BufReader::new(child.stderr.take().unwrap());
    let serves = log.lines().any(|line| line.unwrap().contains("serving"));
    // The log was read so far, and is closed now.
    let succeeded = |run: &serde_json::Value| run["outcome"]["class"] == "succeeded";
    let goes_on = eventually(|| project.runs("tick").iter().filter(|run| succeeded(run)).count() >= 2);
    kill_process(Pid::from_child(&child), if goes_on { Signal::TERM } else { Signal::KILL }).unwrap();
    assert!(child.wait().unwrap().success() && serves);
}

#[test]
fn colours_are_for_terminals_and_for_who_asks() {
    let project = initialised();
    let coloured = |options: &[&str], variables: &[(&str, &str)]| {
        let arguments = [&["check", "--config", "gone.toml"], options].concat();
        let mut command = project.command(&arguments);
        let finished = Finished::of(command.env_remove("NO_COLOR").envs(variables.iter().copied()));
        assert_eq!(finished.status.code(), Some(3), "{finished:?}");
        finished.stderr.contains('\u{1b}')
    };
    assert!(!coloured(&[], &[]), "this is no terminal");
    assert!(coloured(&["--color", "always"], &[]));
    assert!(coloured(&["--color", "always"], &[("NO_COLOR", "1")]), "who asks gets them");
    assert!(coloured(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(!coloured(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
}
