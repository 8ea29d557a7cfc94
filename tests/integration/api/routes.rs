//! Every route that looks, and what is answered where there is none.

use serde_json::Value;

use super::client::{get, over_tcp, post};
use crate::project::Project;

const TASKS: &str = "\
[tasks.tick]
schedule = { cron = \"0 9 * * *\", timezone = \"America/New_York\" }

[tasks.off]
plugin = \"tick\"
enabled = false

[tasks.broken]
plugin = \"exit-1\"
after = [\"off\"]
";

fn triggered(project: &Project, task: &str) -> String {
    let answer = post(project, &format!("/api/v1/tasks/{task}/runs?wait=2m"), &[], b"").expect(200);
    answer["run"].as_str().unwrap().to_owned()
}

#[test]
fn everything_can_be_looked_at() {
    let project = Project::new(TASKS, &["tick", "exit-1"]);
    let serving = project.serve();
    let (good, bad) = (triggered(&project, "tick"), triggered(&project, "broken"));
    let look = |path: &str| get(&serving, path).expect(200);

    let status = look("/api/v1/status");
    assert_eq!((&status["tasks"], &status["disabled"], &status["ready"]), (&3.into(), &1.into(), &true.into()));
    assert_eq!(status["next"]["task"], "tick");

    let tasks = look("/api/v1/tasks");
    let names: Vec<&Value> = tasks["tasks"].as_array().unwrap().iter().map(|task| &task["task"]).collect();
    assert_eq!(names, ["broken", "off", "tick"]);
    assert_eq!(tasks["tasks"][0]["failures_in_a_row"], 1);
    assert_eq!(tasks["tasks"][0]["last_run"]["id"], bad.as_str());
    assert_eq!(tasks["tasks"][2]["last_success"]["run"], good.as_str());

    let task = look("/api/v1/tasks/tick?next=3");
    assert_eq!(task["task"]["schedule"], "0 9 * * * (America/New_York)");
    assert_eq!((task["next"].as_array().unwrap().len(), &task["settings"]["overlap"]), (3, &"skip".into()));
    assert_eq!(task["next"][0]["due"], task["task"]["next"]);
    assert_eq!(task["next"], project.json(&["next", "tick", "-n", "3", "--json"]));

    let stats = look("/api/v1/tasks/broken/stats?days=2");
    assert_eq!((&stats["attempts"], &stats["history"]["recent"]["failed"]), (&1.into(), &1.into()));
    assert_eq!(stats, project.json(&["stats", "broken", "--days", "2", "--json"]));

    let plugins = look("/api/v1/plugins");
    assert_eq!((&plugins["plugins"][1]["plugin"], &plugins["plugins"][1]["state"]), (&"tick".into(), &"ready".into()));
    assert_eq!(plugins["plugins"][1]["tasks"], serde_json::json!(["off", "tick"]));

    let run = look(&format!("/api/v1/runs/{bad}"));
    assert_eq!(
        (&run["run"]["outcome"]["class"], &run["attempts"][0]["attempt"]),
        (&"failed-permanent".into(), &1.into())
    );
    let log = look(&format!("/api/v1/runs/{good}/logs"));
    assert_eq!(log["attempts"][0]["lines"][0]["message"], "tick");
    assert_eq!(log, project.json(&["logs", &good, "--json"]));
    assert_eq!(
        look(&format!("/api/v1/runs/{good}/logs?lines=2..&level=info"))["attempts"][0]["lines"],
        serde_json::json!([])
    );

    let reviewed = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json")).unwrap();
    assert_eq!(look("/api/v1/openapi.json"), serde_json::from_str::<Value>(&reviewed).unwrap());
    let page = get(&serving, "/docs");
    assert!(page.status == 200 && page.head.contains("content-type: text/html"), "{page:?}");
    assert_eq!(get(&serving, "/docs/style.css").status, 200);
    assert_eq!(get(&serving, "/healthz").body, "alive\n");
    assert_eq!(look("/readyz")["ready"], true);
}

#[test]
fn a_history_is_read_page_by_page_and_by_what_is_asked_for() {
    let project = Project::new(TASKS, &["tick", "exit-1"]);
    let serving = project.serve();
    let mut runs: Vec<String> =
        ["tick", "tick", "broken", "tick", "tick"].into_iter().map(|task| triggered(&project, task)).collect();
    runs.reverse();
    let mut read = Vec::new();
    let mut path = "/api/v1/runs?limit=2".to_owned();
    loop {
        let page = get(&serving, &path).expect(200);
        read.extend(page["runs"].as_array().unwrap().iter().map(|run| run["id"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(cursor) => path = format!("/api/v1/runs?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(read, runs);
    let all = get(&serving, "/api/v1/runs").expect(200);
    assert_eq!(all["runs"], project.json(&["runs", "--json"]));
    for (query, count) in [
        ("task=tick", 4),
        ("outcome=failed", 1),
        ("outcome=trapped,succeeded&task=tick", 4),
        ("cause=manual", 5),
        ("cause=schedule", 0),
        ("until=2020-01-01T00:00:00Z", 0),
        ("since=2020-01-01T01:00:00%2B01:00&limit=3", 3),
        ("due_since=2020-01-01T00:00:00Z", 0),
    ] {
        let page = get(&serving, &format!("/api/v1/runs?{query}")).expect(200);
        assert_eq!(page["runs"].as_array().unwrap().len(), count, "{query}: {page}");
    }
}

#[test]
fn what_cannot_be_answered_is_a_problem() {
    let project = Project::new(TASKS, &["tick", "exit-1"]);
    let serving = project.serve();
    for (path, status, code) in [
        ("/", 404, "no-such-route"),
        ("/api/v1/elsewhere", 404, "no-such-route"),
        ("/api/v1/tasks/tock", 404, "no-such-task"),
        ("/api/v1/tasks/t%20ck", 400, "malformed-request"),
        ("/api/v1/tasks/%ff", 400, "malformed-request"),
        ("/api/v1/tasks/tick?next=1001", 400, "malformed-request"),
        ("/api/v1/tasks/tick?more=1", 400, "malformed-request"),
        ("/api/v1/tasks/tick/stats?days=0", 400, "malformed-request"),
        ("/api/v1/tasks/tick/logs", 400, "malformed-request"),
        ("/api/v1/tasks/tick/logs?follow=false", 400, "malformed-request"),
        ("/api/v1/tasks/tock/logs?follow=true", 404, "no-such-task"),
        ("/api/v1/runs?limit=1001", 400, "malformed-request"),
        ("/api/v1/runs?outcome=great", 400, "malformed-request"),
        ("/api/v1/runs?since=yesterday", 400, "malformed-request"),
        ("/api/v1/runs?cursor=7", 400, "malformed-request"),
        ("/api/v1/runs/7", 400, "malformed-request"),
        ("/api/v1/runs/01KB2M8Q4Z7XN", 404, "no-such-run"),
        ("/api/v1/runs/01KB2M8Q4Z7XN/logs", 404, "no-such-run"),
        ("/api/v1/runs/01KB2M8Q4Z7XN/logs?follow=true", 404, "no-such-run"),
        ("/api/v1/runs/01KB2M8Q4Z7XN/logs?follow=true&tail=1", 400, "malformed-request"),
        ("/api/v1/runs/01KB2M8Q4Z7XN/logs?level=loud", 400, "malformed-request"),
        ("/api/v1/events?task=t%20ck", 400, "malformed-request"),
        ("/api/v1/tasks/tick/pause", 405, "method-not-allowed"),
    ] {
        get(&serving, path).problem(status, code);
    }
    let wrong = over_tcp(&serving, "DELETE", "/api/v1/tasks/tick");
    wrong.problem(405, "method-not-allowed");
    assert!(wrong.head.contains("\r\nallow: get"), "{wrong:?}");
    for path in ["tasks/tick/pause", "tasks/tick/runs", "tasks/tick/backfill", "runs/01KB2M8Q4Z7XN/cancel"] {
        over_tcp(&serving, "POST", &format!("/api/v1/{path}")).problem(401, "no-token");
    }
}
