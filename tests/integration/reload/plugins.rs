//! Plugins that are replaced while they are used.

use std::fs;
use std::io::Write;
use std::time::Duration;

use serde_json::Value;

use super::{KEPT, begin, config, executed, lines, program, replace, trigger, until_is, until_new_run, until_told};
use crate::project::Project;

#[test]
fn a_plugin_is_replaced_while_it_runs() {
    let project = Project::new(&config(true, "[tasks.worker]\noverlap = \"queue\"\n"), &[]);
    let path = project.path("plugins/worker.wat");
    fs::write(&path, program("one", 6_000)).unwrap();
    let serving = project.serve();
    let first = trigger(&project, "worker");
    until_is(&serving, "worker", &first, "running");
    let second = trigger(&project, "worker");
    replace(&path, program("two", 0));
    until_told(&serving, "plugin is ready", 2);
    until_is(&serving, "worker", &first, "succeeded");
    until_is(&serving, "worker", &second, "succeeded");
    let said = |run: &str| project.run(&["logs", run]).stdout;
    assert!(said(&first).contains("one") && said(&second).contains("two"), "{} {}", said(&first), said(&second));
    let digests = [executed(&project, &first), executed(&project, &second)];
    assert_ne!(digests[0], digests[1]);
    let inspected = project.json(&["inspect", "plugins/worker.wat", "--json"]);
    assert_eq!(inspected["digest"], digests[1].as_str());
}

#[test]
fn a_plugin_that_cannot_be_used_leaves_the_one_before_it() {
    let project = Project::new(&config(true, "[tasks.worker]\n"), &[]);
    let path = project.path("plugins/worker.wat");
    fs::write(&path, program("one", 0)).unwrap();
    let serving = project.serve();
    let runs = |line: &str| {
        let said = |run: &Value| project.run(&["logs", run["id"].as_str().unwrap()]).stdout;
        until_new_run(&serving, &project, "worker", |run| said(run).contains(line));
    };
    runs("one");
    replace(&path, "(module (func (export \"nothing\")))");
    until_told(&serving, KEPT, 1);
    let told = lines(&serving, KEPT).remove(0);
    assert!(told.contains("nothing") && told.contains("expected"), "{told}");
    runs("one");
    replace(&path, program("two", 0));
    until_told(&serving, "plugin is ready", 2);
    runs("two");
    // Touched, and copied onto itself: the same content is nothing new.
    replace(&path, program("two", 0));
    fs::write(&path, program("two", 0)).unwrap();
    replace(&path, program("three", 0));
    until_told(&serving, "plugin is ready", 3);
    runs("three");
    assert_eq!((lines(&serving, "plugin is ready").len(), lines(&serving, KEPT).len()), (3, 1), "{}", serving.log());
}

#[test]
fn a_plugin_that_is_still_being_written_is_not_taken() {
    let project = Project::new(&config(true, "[tasks.worker]\n"), &[]);
    let path = project.path("plugins/worker.wat");
    fs::write(&path, program("one", 0)).unwrap();
    let serving = project.serve();
    until_told(&serving, "plugin is ready", 1);
    let whole = program("two", 0);
    let (first, last) = whole.split_at(whole.len() / 2);
    let mut file = begin(&path, first);
    serving.lives(Duration::from_millis(1_500));
    file.write_all(last.as_bytes()).unwrap();
    drop(file);
    until_told(&serving, "plugin is ready", 2);
    assert_eq!(lines(&serving, KEPT), [""; 0], "{}", serving.log());
}

#[test]
fn a_plugin_that_could_not_be_used_at_the_start_is_used_once_it_can() {
    let project = Project::new(&config(true, "[tasks.worker]\n"), &[]);
    let path = project.path("plugins/worker.wat");
    fs::write(&path, "not yet").unwrap();
    let serving = project.serve();
    until_told(&serving, "plugin unusable, so its tasks are skipped", 1);
    replace(&path, program("one", 0));
    until_new_run(&serving, &project, "worker", |run| run["outcome"]["class"] == "succeeded");
}
