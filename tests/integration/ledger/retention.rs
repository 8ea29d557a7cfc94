//! A long history shrinks to its bounds while slots go on being run.

use rustix::process::Signal;

use super::*;
use crate::project::slot;
use crate::torture::extent::extent;

/// Runs of one task, a second apart, each with an attempt and a log.
const FILL: &str = "
    PRAGMA foreign_keys = OFF;
    BEGIN IMMEDIATE;
    INSERT INTO tasks (id, name, cursor) VALUES (1000, 'old', 1700000000000);
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < RUNS)
    INSERT INTO runs (id, task, slot, cause, state, since, attempts, admitted_at, started_at, outcome)
        SELECT ((1700000000000 - i * 1000) << 21), 1000, 1700000000000 - i * 1000, 0, 3, 1700000000000 - i * 1000, 1,
            1700000000000 - i * 1000, 1700000000000 - i * 1000, 0 FROM n ORDER BY i DESC;
    INSERT INTO attempts SELECT id, 1, 0, NULL, NULL, since, since, 9, 9, 9, 9, 9, 9, 9, 9, 0, 0, 0, 0
        FROM runs WHERE task = 1000;
    INSERT INTO logs SELECT id, 1, x'01' FROM runs WHERE task = 1000;
    COMMIT";

/// How many runs there are at first: as many as shrink within seconds, and many more for `cargo xtask torture`.
fn runs() -> u32 {
    extent(20_000, 200_000)
}

#[test]
fn a_long_history_shrinks_while_every_slot_is_run() {
    let old = "[tasks.old]\nplugin = \"tick\"\nretention = { age = \"36500d\", runs = 1000, logs = \"36500d\" }\n";
    let project = Project::new(&format!("{EVERY_SECOND}\n{old}"), &["tick"]);
    let serving = project.serve();
    serving.until_run("tick", "succeeded", succeeded);
    serving.signal(Signal::TERM);
    assert!(serving.wait().0.success());
    let ledger = open(&project);
    // The task is known already, by another key.
    ledger.execute_batch("UPDATE tasks SET name = 'gone' WHERE name = 'old'").unwrap();
    ledger.execute_batch(&FILL.replace("RUNS", &runs().to_string())).unwrap();
    drop(ledger);

    let serving = project.serve();
    let left = || {
        let ledger = open(&project);
        let sql = "SELECT count(*) FROM runs WHERE task = 1000";
        ledger.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap()
    };
    assert!(left() > 1000);
    let before = project.runs("tick").len();
    serving.until("slots are run", || project.runs("tick").len() > before + 1);
    let caught_up = project.runs("tick").iter().map(slot).max();
    for bound in [runs() / 4 * 3, runs() / 2, runs() / 4, 1000] {
        serving.until(&format!("{bound} runs are left"), || left() <= bound);
    }
    assert_eq!(left(), 1000);
    serving.signal(Signal::TERM);
    assert!(serving.wait().0.success());
    assert_every_slot_once(&project, "tick");
    // Slots are run when they are due: one that is late by 30 seconds would be entered as caught up.
    let mut runs = project.runs("tick");
    runs.retain(|run| Some(slot(run)) > caught_up && run["cause"]["kind"] == "catch-up");
    assert_eq!(runs, [] as [Value; 0]);
    let horizon = "SELECT horizon FROM tasks WHERE id = 1000";
    let horizon: i64 = open(&project).query_row(horizon, [], |row| row.get(0)).unwrap();
    assert_eq!(horizon, 1_700_000_000_000 - 1001 * 1000);
}
