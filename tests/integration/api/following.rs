//! What is told as it happens: events, and the lines of guests that still run.

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use super::client::{Events, get, post};
use crate::project::Project;

/// Logs `begun`, and then a line every ten milliseconds or so for as long as it may.
const TALKER: &str = r#"
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\10\00\00\00\06\00\00\00")
  (data (i32.const 16) "begun\n")
  (data (i32.const 24) "\20\00\00\00\05\00\00\00")
  (data (i32.const 32) "more\n")
  ;; A subscription to the monotonic clock, ten milliseconds from now.
  (data (i32.const 80) "\01\00\00\00\00\00\00\00\80\96\98")
  (func (export "_start")
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (loop $again
      (drop (call $poll (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 8)))
      (drop (call $fd_write (i32.const 1) (i32.const 24) (i32.const 1) (i32.const 8)))
      (br $again))))
"#;

const TASKS: &str = "\
[tasks.tick]
overlap = \"allow\"

[tasks.talker]
limits = { timeout = \"1h\", log-lines = 1000000, log = \"64MiB\" }
";

fn project() -> Project {
    let project = Project::new(TASKS, &["tick"]);
    fs::write(project.path("plugins/talker.wat"), TALKER).unwrap();
    project
}

fn trigger(project: &Project, task: &str) -> String {
    post(project, &format!("/api/v1/tasks/{task}/runs"), &[], b"").expect(201)["run"].as_str().unwrap().to_owned()
}

#[test]
fn the_lines_of_a_guest_come_while_it_runs() {
    let project = project();
    let serving = project.serve();
    let mut of_task = Events::follow(&serving, "/api/v1/tasks/talker/logs?follow=true", &[]);
    assert!(of_task.head.to_ascii_lowercase().contains("content-type: text/event-stream"), "{}", of_task.head);
    let run = trigger(&project, "talker");
    let first = of_task.until(|event| event.name == "line");
    assert_eq!((&first.data["run"], &first.data["line"]["message"]), (&run.as_str().into(), &"begun".into()));
    assert_eq!(get(&serving, &format!("/api/v1/runs/{run}")).expect(200)["run"]["state"], "running");

    // Whoever comes later gets what was, and then what is.
    let path = format!("/api/v1/runs/{run}/logs?follow=true");
    let mut of_run = Events::follow(&serving, &path, &[]);
    for number in 1..20 {
        let line = of_run.next().unwrap();
        assert_eq!((line.name.as_str(), line.id.as_str()), ("line", number.to_string().as_str()));
        assert_eq!(line.data["line"]["number"], number);
    }
    let mut again = Events::follow(&serving, &path, &["Last-Event-ID: 15"]);
    assert_eq!(again.next().unwrap().id, "16");

    post(&project, &format!("/api/v1/runs/{run}/cancel"), &[], b"").expect(202);
    let mut last = 19;
    let end = loop {
        let event = of_run.next().expect("an end");
        match event.name.as_str() {
            "line" => {
                assert_eq!(event.data["line"]["number"], last + 1);
                last += 1;
            }
            _ => break event,
        }
    };
    assert_eq!((end.name.as_str(), &end.data["run"]["outcome"]["class"]), ("end", &"cancelled".into()));
    assert!(of_run.next().is_none(), "there is nothing after the end");
    let mut last_of_task = 1;
    let end_of_task = loop {
        let event = of_task.next().expect("an end");
        match event.name.as_str() {
            "line" => last_of_task = event.data["line"]["number"].as_u64().unwrap(),
            _ => break event,
        }
    };
    assert_eq!((&end_of_task.data, last_of_task), (&end.data, last), "the same end, behind the same lines");
    let log = get(&serving, &format!("/api/v1/runs/{run}/logs?tail=1")).expect(200);
    assert_eq!(log["lines"], last, "no line was lost on the way");

    let mut past = Events::follow(&serving, &path, &[&format!("Last-Event-ID: {}", last - 1)]);
    assert_eq!(past.next().unwrap().id, last.to_string());
    assert_eq!(past.next().unwrap().name, "end");
    assert!(past.next().is_none());
}

#[test]
fn events_are_told_once_and_from_where_a_client_was() {
    let project = project();
    let serving = project.serve();
    let mut events = Events::follow(&serving, "/api/v1/events", &[]);
    let run = trigger(&project, "tick");
    let started = events.until(|event| event.name == "attempt_started");
    assert_eq!((&started.data["run"], &started.data["cause"]["kind"]), (&run.as_str().into(), &"manual".into()));
    let ended = events.until(|event| event.name == "run_ended");
    assert_eq!((&ended.data["outcome"]["class"], &ended.data["task"]), (&"succeeded".into(), &"tick".into()));

    let resumed = |after: &str| Events::follow(&serving, "/api/v1/events", &[&format!("Last-Event-ID: {after}")]);
    let next = resumed(&started.id).next().unwrap();
    assert_eq!((next.name.as_str(), &next.data["run"]), ("attempt_ended", &started.data["run"]));
    let mut of_other =
        Events::follow(&serving, "/api/v1/events?task=talker", &[&format!("Last-Event-ID: {}", started.id)]);
    let talker = trigger(&project, "talker");
    assert_eq!(of_other.next().unwrap().data["run"], talker.as_str(), "nothing of the other task");

    serving.signal(Signal::KILL);
    assert!(!serving.wait().0.success());
    let serving = project.serve();
    let mut events = Events::follow(&serving, "/api/v1/events", &[&format!("Last-Event-ID: {}", ended.id)]);
    let gap = events.next().unwrap();
    assert_eq!(
        (gap.name.as_str(), &gap.data["reason"], &gap.data["events"]),
        ("gap", &"restarted".into(), &Value::Null)
    );
}

#[test]
fn as_many_follow_as_may_and_whoever_leaves_makes_room() {
    let project = project();
    let serving = project.serve();
    let run = trigger(&project, "talker");
    let path = format!("/api/v1/runs/{run}/logs?follow=true");
    let mut followers: Vec<Events> = (0..512).map(|_| Events::follow(&serving, &path, &[])).collect();
    for follower in &mut followers {
        assert_eq!(follower.next().unwrap().data["line"]["message"], "begun");
    }
    get(&serving, &path).problem(503, "too-many-followers");
    assert_eq!(get(&serving, "/healthz").status, 200);
    followers.clear();
    serving.until("there is room again", || {
        Events::follow(&serving, "/api/v1/events", &[]).head.starts_with("HTTP/1.1 200")
    });
}
