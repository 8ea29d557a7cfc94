//! `sandclock ledger`, beside a running host and without one.

use rustix::process::Signal;

use super::*;

#[test]
fn the_ledger_is_copied_measured_and_exported_beside_a_running_host() {
    let project = Project::new(EVERY_SECOND, &["tick"]);
    let serving = project.serve();
    serving.until("three runs", || project.runs("tick").iter().filter(|run| succeeded(run)).count() >= 3);

    let backup = project.run(&["ledger", "backup", "copy.db"]);
    assert!(backup.status.success() && backup.stderr.contains("copy.db: "), "{backup:?}");
    let again = project.run(&["ledger", "backup", "copy.db"]);
    assert_eq!(again.status.code(), Some(1), "an existing file is not written over: {again:?}");
    let compact = project.run(&["ledger", "compact"]);
    assert_eq!(compact.status.code(), Some(5), "{compact:?}");
    assert!(compact.stderr.contains("in use by another sandclock"), "{compact:?}");
    assert_eq!(project.run(&["ledger", "downgrade", "--to", "1"]).status.code(), Some(5));
    assert!(project.run(&["ledger", "verify"]).status.success());

    let sizes = project.json(&["ledger", "stats", "--json"]);
    assert!(sizes["tasks"][0]["runs"].as_u64() >= Some(3), "{sizes}");
    let export = project.run(&["ledger", "export", "--since", "1h"]);
    let lines: Vec<Value> = export.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_kind = |kind: &str| lines.iter().filter(|line| line["kind"] == kind).collect::<Vec<_>>();
    let (runs, attempts) = (of_kind("run"), of_kind("attempt"));
    assert!(runs.len() >= 3 && attempts.len() >= 3, "{export:?}");
    assert!(runs.iter().any(|run| run["id"] == attempts[0]["run"]), "{export:?}");
    let newer = project.run(&["ledger", "export", "--since", "2100-01-01"]);
    assert_eq!((newer.status.code(), newer.stdout.as_str()), (Some(0), ""));

    // The copy stands for the ledger.
    serving.signal(Signal::TERM);
    assert!(serving.wait().0.success());
    let compact = project.run(&["ledger", "compact"]);
    assert!(compact.status.success() && compact.stderr.contains("it was"), "{compact:?}");
    let before = project.runs("tick").len();
    std::fs::create_dir(project.path("restored")).unwrap();
    std::fs::rename(project.path("copy.db"), project.path("restored/ledger.db")).unwrap();
    assert!(project.run(&["ledger", "verify", "--state", "restored"]).status.success());
    let restored = project.json(&["runs", "tick", "--state", "restored", "--limit", "1000", "--json"]);
    assert!((3..=before).contains(&restored.as_array().unwrap().len()), "{restored}");
}

#[test]
fn what_is_wrong_is_printed_and_is_the_exit_code() {
    let project = Project::new(EVERY_SECOND, &["tick"]);
    let serving = project.serve();
    let run = serving.until_run("tick", "succeeded", succeeded);
    serving.signal(Signal::TERM);
    assert!(serving.wait().0.success());
    let damage = "DROP TRIGGER runs_step; UPDATE runs SET attempts = attempts + 1 WHERE attempts > 0";
    open(&project).execute_batch(damage).unwrap();
    let verified = project.run(&["ledger", "verify"]);
    assert_eq!(verified.status.code(), Some(1), "{verified:?}");
    assert!(verified.stdout.contains(run["id"].as_str().unwrap()), "{verified:?}");
    assert!(verified.stderr.contains("the ledger is not sound"), "{verified:?}");
}
