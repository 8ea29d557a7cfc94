//! `sandclock runs` and `sandclock logs` where there is little to show.

use rustix::process::Signal;
use serde_json::{Value, json};

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

#[test]
fn what_is_told_of_runs_has_the_fields_that_are_documented() {
    let config = "[tasks.tick]\nschedule = { every = \"1s\" }\n[tasks.tock]\nplugin = \"tick\"\n";
    let project = Project::new(config, &["tick"]);
    let serving = project.serve();
    serving.until_run("tick", "is over", |run| run["state"] == "final");
    serving.signal(Signal::TERM);
    assert!(serving.wait().0.success());

    let run = &project.runs("tick")[0];
    let due = run["due"].as_str().unwrap();
    let of_slot = project.json(&["runs", "tick", "--slot", due, "--json"]);
    assert_eq!(of_slot[0]["id"], run["id"], "{of_slot}");
    assert_eq!(
        project.json(&["runs", "--due-until", due, "--before", run["id"].as_str().unwrap(), "--json"])[0],
        json!(null)
    );

    let log = project.json(&["logs", run["id"].as_str().unwrap(), "--json"]);
    let lines = log["lines"].as_u64().expect("a number of lines");
    let last = project.json(&["logs", "--task", "tick", "--tail", "1", "--json"]);
    assert_eq!(last["attempts"][0]["lines"][0]["number"], lines, "{last}");
    let none = project.run(&["logs", "--task", "tick", "--lines", "1000.."]);
    assert_eq!((none.stdout.as_str(), none.stderr), ("", format!("0 of {lines} lines\n")));

    let tasks = project.json(&["stats", "--json"]);
    assert_eq!((&tasks[0]["task"], &tasks[0]["recent"]["success_rate"]), (&json!("tick"), &json!(1.0)), "{tasks}");
    assert_eq!((&tasks[1]["task"], &tasks[1]["last_run"]), (&json!("tock"), &json!(null)), "{tasks}");
    let stats = project.json(&["stats", "tick", "--json"]);
    assert_eq!(stats["history"]["recent"], tasks[0]["recent"], "{stats}");
    let shown = project.run(&["stats", "tick"]);
    assert!(shown.stdout.starts_with("tick: last success ") && shown.stdout.contains("\nDAY (UTC) "), "{shown:?}");

    let documentation = include_str!("../../../docs/history.md");
    let mut fields = Vec::new();
    for value in [run, &log, &tasks, &stats] {
        names_in(value, &mut fields);
    }
    for field in fields {
        assert!(documentation.contains(&format!("`{field}`")), "docs/history.md does not tell of {field}");
    }
}

/// The names of a JSON value's fields, but for those whose names are data and those that other pages document.
fn names_in(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| names_in(value, names)),
        Value::Object(fields) => {
            for (name, value) in fields {
                names.push(name.clone());
                if !["limits", "proposed", "usage", "fields"].contains(&name.as_str()) {
                    names_in(value, names);
                }
            }
        }
        _ => {}
    }
}
