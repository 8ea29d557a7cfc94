//! A damaged ledger: at the start it is refused by name, and during service nothing more is written to it.

use std::fs::File;
use std::os::unix::fs::FileExt;

use rustix::process::Signal;

use super::*;

#[test]
fn a_damaged_file_is_refused_with_what_to_do() {
    let project = Project::new(EVERY_SECOND, &["tick"]);
    let serving = project.serve();
    serving.until_run("tick", "succeeded", succeeded);
    serving.signal(Signal::TERM);
    assert!(serving.wait().0.success());
    let file = File::options().write(true).open(database(&project)).unwrap();
    file.write_all_at(&[0x5a; 4096], 0).unwrap();

    for command in [&["serve"][..], &["runs"], &["ledger", "verify"]] {
        let finished = project.run(command);
        assert_eq!(finished.status.code(), Some(1), "{command:?}: {finished:?}");
        for expected in ["state/ledger.db is damaged", "put a backup in its place"] {
            assert!(finished.stderr.contains(expected), "{command:?}: {finished:?}");
        }
    }
}

#[test]
fn nothing_more_is_written_to_a_ledger_that_turns_out_damaged() {
    let project = Project::new(EVERY_SECOND, &["tick"]);
    let serving = project.serve();
    serving.until_run("tick", "succeeded", succeeded);
    // Whoever reads the schema again finds a table that begins beyond the end of the file.
    let other = open(&project);
    other
        .execute_batch(
            "PRAGMA writable_schema = ON;
             BEGIN IMMEDIATE;
             UPDATE sqlite_schema SET rootpage = 99999999 WHERE name = 'missed';
             PRAGMA schema_version = 7777;
             COMMIT",
        )
        .unwrap();
    until_trouble(&serving, "the ledger is damaged");
    assert!(serving.log().contains("nothing more is written to it"), "{}", serving.log());
    serving.signal(Signal::TERM);
    let (status, log) = serving.wait();
    assert_eq!(status.code(), Some(1), "{log}");
}
