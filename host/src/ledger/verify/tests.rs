//! A sound ledger has no findings; each damage to it has its own.

use rusqlite::Connection;

use super::*;
use crate::ledger::{Durability, folder, schema};

/// A sound ledger: a run that succeeded at its second attempt, one that goes on, and two ranges of missed slots.
const SOUND: &str = r#"
    INSERT INTO tasks (id, name, cursor) VALUES (1, 'report', 9000);
    INSERT INTO plugins VALUES (1, x'0707070707070707070707070707070707070707070707070707070707070707', 2);
    INSERT INTO missed VALUES (1, 1, 1000, 2000, 2, 0, 60000), (2, 1, 3000, 3000, 1, 0, 60000);
    INSERT INTO runs VALUES (7, 1, 5000, 0, NULL, 3, 5020, 2, 0, 5000, 5005, NULL, 0, NULL),
        (8, 1, 9000, 0, NULL, 1, 9000, 1, 0, 9000, 9000, NULL, NULL, NULL);
    INSERT INTO attempts VALUES
        (7, 1, 3, '{"v":"1","kind":"trapped","reason":"r","backtrace":[]}', 1, 1, 2, 3, 9, 4, 7, 1, 5, 2, 1, 3, 2, 4, 0),
        (7, 2, 0, NULL, 1, 5005, 5020, 15000, 9, 65536, 7, 11, 5, 2, 1, 3, 2, 4, 0);
    INSERT INTO logs VALUES (7, 2, x'01');
    INSERT INTO stores VALUES (1, 0, 'report', 3, 1, 7);
    INSERT INTO store_values VALUES (1, 1, 'cursor', 3, x'09');"#;

/// What is found after this was done to a sound ledger.
fn found(damage: &str) -> Vec<Finding> {
    let folder = tempfile::tempdir().unwrap();
    drop(schema::open_writer(folder.path(), Durability::Full).unwrap());
    let connection = Connection::open(folder::database(folder.path())).unwrap();
    connection.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON").unwrap();
    connection
        .execute_batch(&SOUND.replace(r#"{"v":"1","kind":"trapped","reason":"r","backtrace":[]}"#, &trapped()))
        .unwrap();
    // The database itself refuses some of these.
    connection.execute_batch(&format!("DROP TRIGGER runs_step; {damage}")).unwrap();
    drop(connection);
    Reader::open(folder.path()).unwrap().verify().unwrap()
}

/// The stored form of a trap.
fn trapped() -> String {
    use crate::ledger::stored;
    use crate::model::outcome::{AttemptOutcome, Trap};
    let trap = Trap { reason: "unreachable".to_owned(), backtrace: Vec::new() };
    stored::attempt_detail(&AttemptOutcome::Trapped(trap)).unwrap()
}

#[test]
fn a_sound_ledger_has_no_findings() {
    assert_eq!(found(""), [""; 0]);
    assert_eq!(found("UPDATE tasks SET horizon = 9000"), [""; 0]);
}

/// A run that was entered in this state: since when, its attempts and when they began, the retry and the outcome.
fn begun(state: &str) -> String {
    format!("INSERT INTO runs VALUES (9, 1, NULL, 0, NULL, {state})")
}

#[test]
fn each_damage_is_told_with_its_task_or_run() {
    let seven = RunId::from_i64(7).unwrap();
    for (damage, expected) in [
        ("UPDATE tasks SET cursor = 8000", "a run's slot lies beyond its task's cursor: task report"),
        ("UPDATE tasks SET cursor = NULL", "slots of a range lie beyond their task's cursor: task report"),
        ("UPDATE tasks SET horizon = 9001", "slots that were removed lie beyond their task's cursor: task report"),
        ("UPDATE missed SET last_slot = 3500 WHERE id = 1", "overlaps the one before it: task report"),
        ("UPDATE missed SET last_slot = 5000 WHERE id = 2", "a slot was entered in a range, and as a run as well"),
        ("DELETE FROM attempts WHERE attempt = 1", "attempts have a gap"),
        ("UPDATE runs SET attempts = 3 WHERE id = 7", "attempts have a gap"),
        // How a run begins, the database leaves to the checks.
        (&begun("2, 0, 1, 0, 0, 0, 9, NULL, NULL"), "attempts have a gap"),
        (&begun("3, 0, 1, 0, 0, 0, NULL, 0, NULL"), "attempts have a gap"),
        ("UPDATE runs SET outcome = 3 WHERE id = 7", "outcome is not that of its last attempt"),
        ("DELETE FROM plugins", "another number of attempts than it says: plugin that is not there"),
        ("UPDATE plugins SET attempts = 1", "another number of attempts than it says: plugin 0707"),
        ("UPDATE stores SET bytes = 8", "holds something else than it says: the own store of report"),
        ("DELETE FROM store_values", "holds something else than it says"),
        ("DELETE FROM tasks", "a row of runs belongs to none of tasks"),
        ("DELETE FROM runs WHERE id = 7", "a row of attempts belongs to none of runs"),
        ("UPDATE runs SET state = 9 WHERE id = 7", "a run that is not over has the state 9"),
        ("UPDATE runs SET cause = 99 WHERE id = 7", "no cause has the code 99"),
        ("UPDATE logs SET lines = x'02'", &format!("cannot be understood: {seven}: the stored log")),
        ("UPDATE attempts SET detail = 'x' WHERE attempt = 1", "the attempts of a run cannot be understood"),
    ] {
        let findings = found(damage);
        assert!(findings.iter().any(|finding| finding.contains(expected)), "{damage}: {findings:#?}");
    }
}

#[test]
fn a_page_of_garbage_is_a_finding_and_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let connection = schema::open_writer(folder.path(), Durability::Full).unwrap();
    let pages = |name: &str| -> i64 {
        let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?";
        connection.query_row(sql, [name], |row| row.get(0)).unwrap()
    };
    let (size, page) = (4096, pages("runs"));
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(connection);
    use std::os::unix::fs::FileExt;
    let file = std::fs::File::options().write(true).open(folder::database(folder.path())).unwrap();
    file.write_all_at(&[0xa5; 4096], (page as u64 - 1) * size).unwrap();
    let findings = Reader::open(folder.path()).unwrap().verify().unwrap();
    assert!(!findings.is_empty());
}
