//! A full disk: a small tmpfs that the test mounts in namespaces of its own.

use std::fs::{self, File};
use std::io::Write;

use rustix::process::Signal;

use super::*;
use crate::project;

/// Where the disk is, for the test that runs on it.
const DISK: &str = "SANDCLOCK_TEST_DISK";

const MOUNT: &str = r#"set -e
mount -t tmpfs -o size=12m,mode=700 tmpfs "$1"
export SANDCLOCK_TEST_DISK="$1"
shift
exec "$@""#;

/// Runs an ignored test on a disk of its own, of 12 MiB.
#[track_caller]
pub(super) fn within_small_disk(test: &str) {
    project::run_within(&["--mount"], MOUNT, test);
}

/// The disk that the test was given, and a project of a task of every second whose state is on it.
pub(super) fn on_the_disk() -> (PathBuf, Project) {
    let disk = PathBuf::from(std::env::var_os(DISK).unwrap());
    let project = Project::new("", &["tick"]);
    std::os::unix::fs::symlink(&disk, project.path("state")).unwrap();
    project.configure(EVERY_SECOND);
    (disk, project)
}

#[test]
fn a_full_disk_stops_admission_until_there_is_room() {
    within_small_disk("ledger::disk::on_the_small_disk");
}

#[test]
#[ignore = "runs on the disk that the test above mounts"]
fn on_the_small_disk() {
    let (disk, project) = on_the_disk();
    let serving = project.serve();
    serving.until_run("tick", "succeeded", succeeded);

    let ballast = disk.join("ballast");
    let mut file = File::create(&ballast).unwrap();
    for size in [1 << 16, 4096, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
    until_trouble(&serving, "the ledger cannot be written");
    let asked = project.run(&["trigger", "tick"]);
    assert!(!asked.status.success() && asked.stderr.contains("the ledger cannot be written"), "{asked:?}");
    fs::remove_file(&ballast).unwrap();
    drop(file);
    until_ready(&serving);
    let before = project.runs("tick").len();
    serving.until("it goes on", || project.runs("tick").len() > before + 2);
    serving.signal(Signal::TERM);
    assert!(serving.wait().0.success());
    assert_every_slot_once(&project, "tick");
}
