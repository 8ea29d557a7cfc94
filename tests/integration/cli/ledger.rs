//! `sandclock runs` and `sandclock logs` where there is little to show.

use rustix::process::Signal;

use crate::project::Project;

#[test]
fn a_ledger_without_runs_is_shown_as_such() {
    let project = Project::new("[tasks.tick]\n", &["tick"]);
    let serving = project.serve();
    serving.signal(Signal::TERM);
    assert!(serving.wait().0.success());

    let runs = project.run(&["runs"]);
    assert_eq!((runs.status.code(), runs.stdout.as_str(), runs.stderr.as_str()), (Some(0), "", "no such runs\n"));
    assert_eq!(project.json(&["runs", "--json"]), serde_json::json!([]));
    let check = |arguments: &[&str], expected: &str| {
        let finished = project.run(arguments);
        assert_eq!((finished.status.code(), finished.stdout.as_str()), (Some(4), ""), "{arguments:?}: {finished:?}");
        assert_eq!(finished.stderr, format!("error: {expected}\n"), "{arguments:?}");
    };
    check(&["logs", "--task", "tick"], "the ledger has no run of the task tick");
    check(&["logs", "01KB2M8Q4Z7XN"], "the ledger has no run 01KB2M8Q4Z7XN");
}

#[test]
fn with_a_state_folder_no_configuration_is_needed() {
    let project = Project::new("[tasks.tick]\nschedule = { every = \"1s\" }\n", &["tick"]);
    let serving = project.serve();
    serving.until_run("tick", "is over", |run| run["state"] == "final");
    serving.signal(Signal::TERM);
    assert!(serving.wait().0.success());
    std::fs::remove_file(project.path("sandclock.toml")).unwrap();

    let runs = project.run(&["runs", "tick", "--state", "state"]);
    assert!(runs.status.success() && runs.stdout.contains("succeeded"), "{runs:?}");
    let without = project.run(&["runs", "tick"]);
    assert_eq!(without.status.code(), Some(3), "{without:?}");
    assert!(without.stderr.contains("with `--state FOLDER` this command needs no configuration"), "{without:?}");
}
