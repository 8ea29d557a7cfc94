//! What a person asks of a running host: over its control socket, and through the ledger when none runs.

use rustix::process::Signal;
use serde_json::Value;

use crate::project::{Project, exits, stop};

const HOURLY: &str = "[tasks.tick]\nschedule = { every = \"1h\" }\n\n[tasks.off]\nplugin = \"tick\"\nenabled = false\n";

#[test]
fn without_a_host_only_a_pause_can_be_noted() {
    let project = Project::new(HOURLY, &["tick"]);
    for command in
        [&["trigger", "tick"][..], &["cancel", "01KB2M8Q4Z7XN"], &["backfill", "tick", "--from", "2h", "--to", "1h"]]
    {
        exits(&project.run(command), 6, "no host is running on");
    }
    exits(&project.run(&["pause", "tick"]), 0, "tick is paused; no host is running");
    exits(&project.run(&["pause", "tock"]), 4, "no task is called tock; known tasks: off, tick");
    let serving = project.serve();
    exits(&project.run(&["resume", "tick"]), 0, "tick is resumed\n");
    stop(serving);
}

#[test]
fn a_running_host_does_what_it_is_asked() {
    let project = Project::new(HOURLY, &["tick"]);
    let serving = project.serve();
    let triggered = project.run(&["trigger", "tick", "--payload", "{}"]);
    exits(&triggered, 0, "");
    let id = triggered.stdout.trim();
    serving.until_run("tick", "was triggered and succeeds", |run| {
        run["id"] == id && run["cause"]["kind"] == "manual" && run["outcome"]["class"] == "succeeded"
    });
    exits(&project.run(&["cancel", id]), 4, "is over");
    exits(&project.run(&["trigger", "tock"]), 4, "no task of that name is configured");
    exits(&project.run(&["trigger", "off"]), 1, "the task is disabled");
    exits(&project.run(&["pause", "tick"]), 0, "tick is paused\n");

    let second = project.run(&["serve"]);
    assert_eq!(second.status.code(), Some(5), "{second:?}");
    exits(&project.run(&["resume", "tick"]), 0, "tick is resumed\n");
    stop(serving);
    assert!(!project.path("state/control.sock").exists());
}

#[test]
fn a_backfill_runs_each_slot_once() {
    // Five full hours, whatever the time is now.
    const FROM: &str = "2026-01-05T03:30:00Z";
    const TO: &str = "2026-01-05T08:30:00Z";
    let project = Project::new(HOURLY, &["tick"]);
    let serving = project.serve();
    let ask = || project.json(&["backfill", "tick", "--from", FROM, "--to", TO, "--max-parallel", "2", "--json"]);
    let succeeded = |runs: &[Value]| {
        runs.iter().filter(|run| run["cause"]["kind"] == "backfill" && run["outcome"]["class"] == "succeeded").count()
    };
    assert_eq!(ask()["queued"], 5);
    serving.until("all five succeed", || succeeded(&project.runs("tick")) == 5);
    let again = ask();
    assert_eq!((&again["queued"], &again["slots"]["succeeded"]), (&0.into(), &5.into()), "{again}");
    let much = project.run(&["backfill", "tick", "--from", "2000d", "--to", "1h"]);
    exits(&much, 1, "one backfill has at most 10000");
    stop(serving);
    assert_eq!(succeeded(&project.runs("tick")), 5);
}

#[test]
fn a_host_that_was_killed_leaves_its_folder_to_the_next_and_to_no_third() {
    let project = Project::new(HOURLY, &["tick"]);
    let first = project.serve();
    first.signal(Signal::KILL);
    assert!(!first.wait().0.success());
    let second = project.serve();
    exits(&project.run(&["serve"]), 5, "in use by another sandclock");
    exits(&project.run(&["pause", "tick"]), 0, "tick is paused\n");
    stop(second);
}

#[test]
fn errors_are_problem_documents_and_only_the_control_socket_takes_requests() {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::os::unix::net::UnixStream;

    fn exchange(mut stream: impl Read + Write, path: &str) -> String {
        write!(stream, "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}")
            .unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }

    let project = Project::new(HOURLY, &["tick"]);
    let serving = project.serve();
    for (path, status, code) in [
        ("/api/v1/tasks/tock/pause", "404 Not Found", "no-such-task"),
        ("/api/v1/tasks/off/runs", "409 Conflict", "task-disabled"),
        ("/api/v1/tasks/t%20ck/resume", "400 Bad Request", "malformed-request"),
        ("/api/v1/tasks/%ff/pause", "400 Bad Request", "malformed-request"),
        ("/api/v1/tasks/tick/backfill", "400 Bad Request", "malformed-request"),
        ("/api/v1/runs/7/cancel", "400 Bad Request", "malformed-request"),
        ("/api/v1/runs/01KB2M8Q4Z7XN/cancel", "404 Not Found", "no-such-run"),
        ("/healthz", "405 Method Not Allowed", "method-not-allowed"),
        ("/", "404 Not Found", "no-such-route"),
    ] {
        let response = exchange(UnixStream::connect(project.path("state/control.sock")).unwrap(), path);
        assert!(response.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{path}: {response}");
        assert!(response.contains("content-type: application/problem+json\r\n"), "{path}: {response}");
        let body: Value = serde_json::from_str(response.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        assert_eq!(body["code"], code, "{path}: {response}");
        assert_eq!(body["type"], format!("urn:sandclock:problem:{code}"));
    }
    let response = exchange(TcpStream::connect(serving.address()).unwrap(), "/api/v1/tasks/tick/pause");
    assert!(response.starts_with("HTTP/1.1 401"), "{response}");
    stop(serving);
}
