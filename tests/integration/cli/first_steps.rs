//! From an empty folder to slots that run, and what stands in the way of it.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::project::{Project, slot};

#[test]
fn what_init_writes_can_be_checked_and_served() {
    let project = Project::empty();
    assert!(project.run(&["init"]).status.success());
    let check = project.json(&["check", "--json"]);
    assert_eq!((&check["accepted"], &check["diagnostics"]), (&true.into(), &serde_json::json!([])), "{check}");

    // Every second rather than every minute, and on a port that is free.
    let written = fs::read_to_string(project.path("sandclock.toml")).unwrap();
    let faster = written.replace("schedule = \"* * * * *\"", "schedule = { every = \"1s\" }");
    assert_ne!(written, faster);
    fs::write(project.path("sandclock.toml"), format!("{faster}\n[host]\nlisten = \"127.0.0.1:0\"\n")).unwrap();

    let serving = project.serve();
    let succeeded = |run: &serde_json::Value| run["outcome"]["class"] == "succeeded";
    serving.until("two slots ran", || project.runs("hello").iter().filter(|run| succeeded(run)).count() >= 2);
    let slots: Vec<i64> = project.runs("hello").iter().map(slot).collect();
    assert_eq!(slots[1] - slots[0], 1000, "{slots:?}");
    let log = project.run(&["logs", "--task", "hello"]);
    assert!(log.stdout.contains("Hello from inside the sandbox!"), "{log:?}");
}

#[test]
fn serve_refuses_what_check_refuses_and_in_the_same_words() {
    let mistakes = "[tasks.tick]\nschedule = \"61 * * * *\"\ntimout = \"3s\"\n\n[tasks.tock]\nschedule = \"@hourly\"\n";
    let project = Project::new(mistakes, &["tick"]);
    let [check, serve] = [&["check"], &["serve"]].map(|command| project.run(command));
    assert_eq!((check.status.code(), serve.status.code()), (Some(3), Some(3)), "{serve:?}");
    assert_eq!((check.stdout.as_str(), serve.stdout.as_str()), ("", ""));
    assert_eq!(check.stderr, serve.stderr);
    for expected in ["61", "timout", "there is no plugin `tock`", "3 errors"] {
        assert!(serve.stderr.contains(expected), "{expected:?} is not in:\n{}", serve.stderr);
    }
    assert!(!project.path("state").exists(), "a host that does not start leaves nothing behind");
}

#[test]
fn next_is_json_for_programs() {
    let config = "[tasks.tick]\nschedule = { cron = \"30 2 * * *\", timezone = \"America/New_York\" }\n";
    let project = Project::new(config, &["tick"]);
    let slots = project.json(&["next", "--from", "2027-03-13", "-n", "2", "--json"]);
    let due: Vec<&str> = slots.as_array().unwrap().iter().map(|slot| slot["due"].as_str().unwrap()).collect();
    assert_eq!(due, ["2027-03-13T07:30:00Z", "2027-03-14T07:00:00Z"]);
    assert_eq!(slots[1]["clocks"]["change"], "skip", "{slots}");
}

#[test]
fn inspect_says_what_a_plugin_is() {
    let project = Project::empty();
    assert!(project.run(&["init"]).status.success());
    let plugin = project.json(&["inspect", "plugins/hello.wat", "--json"]);
    assert_eq!((&plugin["form"], &plugin["text"]), (&"core module with _start".into(), &true.into()), "{plugin}");
    assert_eq!((&plugin["needs"], &plugin["unserved"]), (&["folders"][..].into(), &serde_json::json!([])), "{plugin}");
    let shown = project.run(&["inspect", "plugins/hello.wat"]);
    assert!(shown.stdout.contains("plain program (WASI 0.2)"), "{shown:?}");
    assert!(shown.stdout.contains("[tasks.hello.grants]"), "{shown:?}");
}

#[test]
fn completions_are_a_script_that_bash_accepts() {
    let script = Project::empty().run(&["completions", "bash"]);
    assert!(script.status.success() && script.stdout.contains("inspect"), "{script:?}");
    let mut bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn().unwrap();
    bash.stdin.take().unwrap().write_all(script.stdout.as_bytes()).unwrap();
    assert!(bash.wait().unwrap().success());
}
