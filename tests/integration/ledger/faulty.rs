//! A disk that fails what it is asked, or does not answer: a few lines of C before the C library have it so.

use std::fs;
use std::path::PathBuf;

use rustix::process::Signal;

use super::trouble::{config, trouble_while_a_guest_runs};
use super::*;
use crate::project::preload;

/// A host whose disk can be made to fail.
struct Faulty {
    project: Project,
    trouble: PathBuf,
}

impl Faulty {
    fn new(config: &str, plugins: &[&str]) -> Self {
        let project = Project::new(config, plugins);
        Self { trouble: project.path("trouble"), project }
    }

    fn serve(&self) -> Serving<'_> {
        let mut command = self.project.command(&["serve"]);
        command.env("LD_PRELOAD", preload(&self.project, "ledger/faulty.c"));
        command.env("SANDCLOCK_TEST_TROUBLE", &self.trouble);
        self.project.serve_as(command)
    }

    /// Begins with it at once: the host never reads half a word.
    fn begin(&self, what: &str) {
        let beside = self.project.path("trouble.new");
        fs::write(&beside, what).unwrap();
        fs::rename(beside, &self.trouble).unwrap();
    }

    fn end(&self) {
        fs::remove_file(&self.trouble).unwrap();
    }
}

#[track_caller]
fn errors_are_waited_for(what: &str) {
    let faulty = Faulty::new(&config(), &["tick", "sleep-for-ever"]);
    let serving = faulty.serve();
    trouble_while_a_guest_runs(&faulty.project, &serving, || faulty.begin(what), || faulty.end());
    serving.signal(Signal::TERM);
    let (status, log) = serving.wait();
    assert!(status.success(), "{log}");
    assert!(log.contains("disk I/O error"), "the log says what is wrong: {log}");
    assert_every_slot_once(&faulty.project, "tick");
}

#[test]
fn a_disk_that_cannot_sync_is_waited_for() {
    errors_are_waited_for("sync");
}

#[test]
fn a_disk_that_cannot_write_is_waited_for() {
    errors_are_waited_for("write");
}

/// So many tasks fill what may wait for the ledger within seconds.
const TASKS: usize = 12_000;

#[test]
fn a_disk_that_does_not_answer_stops_admission_before_memory_is_full() {
    let task = |number| format!("[tasks.t{number}]\nplugin = \"tick\"\nschedule = {{ every = \"1s\" }}\n");
    let config: String = (0..TASKS).map(task).collect();
    let faulty = Faulty::new(&config, &["tick"]);
    let serving = faulty.serve();
    until_ready(&serving);
    faulty.begin("hang");
    until_trouble(&serving, "the ledger cannot be written");
    serving.until("the log says so", || serving.log().contains("entries wait for the ledger"));
    faulty.end();
    until_ready(&serving);
    serving.signal(Signal::TERM);
    let (status, log) = serving.wait();
    assert!(status.success(), "{log}");
    let verified = faulty.project.run(&["ledger", "verify"]);
    assert!(verified.status.success(), "{verified:?}");
}

#[test]
fn a_host_whose_disk_never_answers_ends_all_the_same() {
    // Alerts wait for the ledger as well.
    let alerts = "[defaults]\nalerts = [\"ops\"]\n[alerts.ops]\nwebhook = { url = \"http://127.0.0.1:9/\" }\n";
    let config = format!("[host]\nlisten = \"127.0.0.1:0\"\ngrace-period = \"1s\"\n{}\n{alerts}", config());
    let faulty = Faulty::new(&config, &["tick", "sleep-for-ever"]);
    let serving = faulty.serve();
    let long = serving.until_run("long", "is running", |run| run["state"] == "running");
    faulty.begin("hang");
    serving.signal(Signal::TERM);
    let (status, log) = serving.wait();
    assert_eq!(status.code(), Some(1), "{log}");
    let long = long["id"].as_str().unwrap();
    let lost = format!("not in the ledger unless its disk answers after all: interrupted run={long}");
    assert!(log.contains(&lost), "{log}");
    assert!(log.contains("does not answer, and is not waited for any longer"), "{log}");
    let verified = faulty.project.run(&["ledger", "verify"]);
    assert!(verified.status.success(), "{verified:?}");
}
