//! What needs room on the disk looks first, and leaves the ledger as it was if there is too little.

use std::fs::{self, File};
use std::io::Write;

use rustix::process::Signal;

use super::disk::{on_the_disk, within_small_disk};
use super::*;

#[test]
fn a_migration_and_compacting_want_room_first() {
    within_small_disk("ledger::room::on_the_small_disk");
}

/// What the ledger is filled with: some four megabytes.
const FILL: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 22000)
    INSERT INTO tasks (name) SELECT printf('old-%060d', i) FROM n;
    PRAGMA wal_checkpoint(TRUNCATE)";

#[test]
#[ignore = "runs on the disk that the test above mounts"]
fn on_the_small_disk() {
    let (disk, project) = on_the_disk();
    let serving = project.serve();
    serving.until_run("tick", "succeeded", succeeded);
    serving.signal(Signal::TERM);
    assert!(serving.wait().0.success());
    let back = project.run(&["ledger", "downgrade", "--to", "1"]);
    assert!(back.status.success(), "{back:?}");
    open(&project).execute_batch(FILL).unwrap();
    let ballast = fill(&disk);

    let before = fs::read(database(&project)).unwrap();
    let names = || -> BTreeSet<String> {
        let names = fs::read_dir(&disk).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| !name.ends_with("-wal") && !name.ends_with("-shm")).collect()
    };
    let there = names();
    for (command, purpose) in
        [(&["serve"][..], "a copy before its schema is changed"), (&["ledger", "compact"], "to compact it")]
    {
        let refused = project.run(command);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert!(refused.stderr.contains("no room") && refused.stderr.contains(purpose), "{refused:?}");
        assert_eq!(fs::read(database(&project)).unwrap(), before, "{command:?} touched nothing");
        assert_eq!(names(), there, "{command:?} left nothing");
    }

    fs::remove_file(ballast).unwrap();
    open(&project).execute_batch("DELETE FROM tasks WHERE name LIKE 'old-%' AND id % 20 > 0").unwrap();
    let compacted = project.run(&["ledger", "compact"]);
    assert!(compacted.status.success(), "{compacted:?}");
    assert!(fs::metadata(database(&project)).unwrap().len() < before.len() as u64 / 4);
    let serving = project.serve();
    serving.signal(Signal::TERM);
    assert!(serving.wait().0.success());
    assert!(disk.join("ledger.schema-1.db").exists());
}

/// Leaves some free pages on the disk, as SQLite needs them for an index of its log.
fn fill(disk: &std::path::Path) -> PathBuf {
    let ballast = disk.join("ballast");
    let mut file = File::create(&ballast).unwrap();
    while file.write_all(&[0; 1 << 16]).is_ok() {}
    file.set_len(file.metadata().unwrap().len() - (1 << 20)).unwrap();
    ballast
}

#[test]
fn a_state_folder_that_cannot_be_written_is_refused_at_the_start() {
    within_small_disk("ledger::room::on_a_disk_that_is_read_only");
}

#[test]
#[ignore = "runs on the disk that the test above mounts"]
fn on_a_disk_that_is_read_only() {
    let (disk, project) = on_the_disk();
    let serving = project.serve();
    serving.until_run("tick", "succeeded", succeeded);
    serving.signal(Signal::TERM);
    assert!(serving.wait().0.success());
    let remount = std::process::Command::new("mount").args(["-o", "remount,ro"]).arg(&disk).status().unwrap();
    assert!(remount.success());
    for command in [&["serve"][..], &["ledger", "compact"], &["pause", "tick"]] {
        let refused = project.run(command);
        assert_eq!(refused.status.code(), Some(1), "{command:?}: {refused:?}");
        for words in ["state/lock", "Read-only file system"] {
            assert!(refused.stderr.contains(words), "{command:?}: {refused:?}");
        }
    }
}
