//! Runs that are asked for: with a wait, with a key, again, and what ends them.

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use super::client::{get, post};
use crate::project::Project;

const TASKS: &str = "\
[tasks.tick]
overlap = \"allow\"

[tasks.hello]
overlap = \"allow\"

[tasks.broken]
plugin = \"exit-1\"

[tasks.slow]
plugin = \"sleep-for-ever\"
limits = { timeout = \"1h\" }
";

fn project() -> Project {
    Project::new(TASKS, &["tick", "hello", "exit-1", "sleep-for-ever"])
}

#[test]
fn a_wait_ends_with_the_run_or_when_the_time_is_up() {
    let project = project();
    let _serving = project.serve();
    let answer =
        post(&project, "/api/v1/tasks/hello/runs?wait=2m", &["Content-Type: application/json"], br#"{"name": "Ada"}"#);
    let run = answer.expect(200);
    assert_eq!(
        (&run["outcome"]["class"], &run["attempts"], &run["repeated"]),
        (&"succeeded".into(), &1.into(), &false.into())
    );
    assert!(
        answer.head.contains(&format!("location: /api/v1/runs/{}", run["run"].as_str().unwrap().to_lowercase())),
        "{answer:?}"
    );
    assert_eq!(run["output"]["text"], "hello, Ada");
    let failed = post(&project, "/api/v1/tasks/broken/runs?wait=2m", &[], b"").expect(200);
    assert_eq!(failed["outcome"]["class"], "failed-permanent");
    let going = post(&project, "/api/v1/tasks/slow/runs?wait=1ms", &[], b"").expect(202);
    assert_eq!((&going["outcome"], &going["attempts"]), (&Value::Null, &Value::Null));
    let skipped = post(&project, "/api/v1/tasks/slow/runs?wait=2m", &[], b"").expect(200);
    assert_eq!(skipped["outcome"]["class"], "skipped", "one goes on already: {skipped}");
    // What is refused is not waited for.
    post(&project, "/api/v1/tasks/tock/runs?wait=2m", &[], b"").problem(404, "no-such-task");
    let key = ["Idempotency-Key: a-key"];
    let first = post(&project, "/api/v1/tasks/tick/runs?wait=2m", &key, b"").expect(200);
    let again = post(&project, "/api/v1/tasks/tick/runs?wait=2m", &key, b"").expect(200);
    assert_eq!((&again["run"], &again["outcome"]["class"]), (&first["run"], &"succeeded".into()), "it is over");
    post(&project, "/api/v1/tasks/tick/runs?wait=2m", &key, b"other").problem(422, "key-reused");
    let at_once = post(&project, "/api/v1/tasks/tick/runs", &[], b"").expect(201);
    assert_eq!(at_once["outcome"], Value::Null);
    for wait in ["soon", "1h", "-1s"] {
        post(&project, &format!("/api/v1/tasks/tick/runs?wait={wait}"), &[], b"").problem(400, "malformed-request");
    }
}

#[test]
fn what_a_run_works_on_and_puts_out_is_kept() {
    let project = project();
    let serving = project.serve();
    let asked = post(&project, "/api/v1/tasks/tick/runs?wait=2m", &["Content-Type: application/x-odd"], b"\xff\x00")
        .expect(200);
    let run = get(&serving, &format!("/api/v1/runs/{}", asked["run"].as_str().unwrap())).expect(200);
    let payload = &run["payload"];
    assert_eq!(
        (&payload["content_type"], &payload["base64"], &payload["text"]),
        (&"application/x-odd".into(), &"/wA=".into(), &Value::Null)
    );
    assert_eq!(run["run"]["cause"]["kind"], "manual", "the control socket is the host's user");
}

#[test]
fn a_key_makes_one_run_through_kills_and_restarts() {
    let project = project();
    let serving = project.serve();
    let ask = |key: &str, body: &[u8]| {
        post(
            &project,
            "/api/v1/tasks/tick/runs?wait=2m",
            &["Content-Type: text/plain", &format!("Idempotency-Key: {key}")],
            body,
        )
    };
    // At once, so that they meet on the way into the ledger.
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..8).map(|_| scope.spawn(|| ask("one", b"x").expect(200))).collect();
        asking.into_iter().map(|asking| asking.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| answer["run"] == answers[0]["run"]), "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| answer["repeated"] == false).count(), 1);
    ask("one", b"y").problem(422, "key-reused");
    assert_ne!(ask("two", b"x").expect(200)["run"], answers[0]["run"]);
    for key in ["", "a b", &"k".repeat(256)] {
        ask(key, b"x").problem(400, "malformed-request");
    }
    serving.signal(Signal::KILL);
    assert!(!serving.wait().0.success());

    let serving = project.serve();
    let again = ask("one", b"x").expect(200);
    assert_eq!((&again["run"], &again["repeated"]), (&answers[0]["run"], &true.into()));
    assert_eq!(again["outcome"]["class"], "succeeded");
    ask("one", b"y").problem(422, "key-reused");
    assert_eq!(project.runs("tick").len(), 2);
    drop(serving);
}

#[test]
fn a_request_with_a_key_that_was_cut_off_can_be_made_again() {
    let project = project();
    let serving = project.serve();
    let key = ["Idempotency-Key: cut"];
    let first = post(&project, "/api/v1/tasks/slow/runs", &key, b"").expect(201);
    serving.signal(Signal::KILL);
    assert!(!serving.wait().0.success());
    let _serving = project.serve();
    let again = post(&project, "/api/v1/tasks/slow/runs", &key, b"").expect(200);
    assert_eq!((&again["run"], &again["repeated"]), (&first["run"], &true.into()));
    let going = post(&project, "/api/v1/tasks/slow/runs?wait=1ms", &key, b"").expect(202);
    assert_eq!(going["run"], first["run"], "it goes on after the restart, and can be waited for");
    assert_eq!(project.runs("slow").len(), 1);
}

#[test]
fn a_run_that_failed_is_run_again_and_no_other() {
    let project = project();
    let serving = project.serve();
    let retry = |run: &str| post(&project, &format!("/api/v1/runs/{run}/retry"), &[], b"");
    let asked = |task: &str| {
        let asked = post(&project, &format!("/api/v1/tasks/{task}/runs?wait=2m"), &["Content-Type: text/plain"], b"p");
        asked.expect(200)["run"].as_str().unwrap().to_owned()
    };
    let failed = asked("broken");
    retry(&failed).expect(202);
    let run = serving.until_run("broken", "was run again", |run| run["attempts"] == 2 && run["state"] == "final");
    assert_eq!((&run["id"], &run["cause"]["kind"]), (&failed.as_str().into(), &"manual".into()));
    assert_eq!(get(&serving, &format!("/api/v1/runs/{failed}")).expect(200)["payload"]["text"], "p");
    fs::copy(project.path("plugins/tick.wat"), project.path("plugins/exit-1.wat")).unwrap();

    retry(&asked("tick")).problem(409, "run-succeeded");
    retry("01KB2M8Q4Z7XN").problem(404, "no-such-run");
    let slow = post(&project, "/api/v1/tasks/slow/runs", &[], b"").expect(201)["run"].as_str().unwrap().to_owned();
    retry(&slow).problem(409, "run-not-over");
    // While its plugin is compiled, nobody knows yet what becomes of another run.
    serving.until_run("slow", "goes on", |run| run["state"] == "running");
    let skipped = post(&project, "/api/v1/tasks/slow/runs", &[], b"").expect(201)["run"].as_str().unwrap().to_owned();
    retry(&skipped).problem(409, "nothing-kept");

    let cancel = |run: &str| post(&project, &format!("/api/v1/runs/{run}/cancel"), &[], b"");
    cancel(&slow).expect(202);
    serving.until_run("slow", "is cancelled", |run| run["outcome"]["class"] == "cancelled");
    cancel(&slow).problem(409, "run-over");
    cancel("01KB2M8Q4Z7XN").problem(404, "no-such-run");
    retry(&slow).expect(202);
    serving.until_run("slow", "goes on again", |run| run["id"] == slow.as_str() && run["state"] == "running");
    cancel(&slow).expect(202);
}

#[test]
fn a_pause_a_resume_and_a_backfill_are_asked_for_as_by_command() {
    let project = Project::new("[tasks.tick]\nschedule = { every = \"1h\" }\n", &["tick"]);
    let serving = project.serve();
    let paused = post(&project, "/api/v1/tasks/tick/pause", &[], b"").expect(200);
    assert!(paused["paused"]["by"].as_str().unwrap().starts_with("uid "), "{paused}");
    assert_eq!(get(&serving, "/api/v1/tasks/tick").expect(200)["task"]["paused"], paused["paused"]);
    assert_eq!(get(&serving, "/api/v1/status").expect(200)["paused"], 1);
    let resumed = post(&project, "/api/v1/tasks/tick/resume", &[], b"").expect(200);
    assert_eq!((&resumed["paused"], &resumed["was_paused"]), (&Value::Null, &paused["paused"]));
    let body = br#"{"from": "2026-01-05T03:30:00Z", "to": "2026-01-05T05:30:00Z", "max_parallel": 2}"#;
    let queued = post(&project, "/api/v1/tasks/tick/backfill", &[], body).expect(202);
    assert_eq!((&queued["queued"], &queued["slots"]["new"]), (&2.into(), &2.into()));
    for body in [&b""[..], b"{}", br#"{"from": "2026-01-05T03:30:00Z", "to": "soon"}"#] {
        post(&project, "/api/v1/tasks/tick/backfill", &[], body).problem(400, "malformed-request");
    }
    let long = br#"{"from": "2020-01-05T03:30:00Z", "to": "2026-01-05T05:30:00Z"}"#;
    post(&project, "/api/v1/tasks/tick/backfill", &[], long).problem(422, "too-many-slots");
}

#[test]
fn runs_that_are_not_over_are_listed_with_those_that_run_first() {
    let project = project();
    let serving = project.serve();
    let slow = post(&project, "/api/v1/tasks/slow/runs", &[], b"").expect(201)["run"].clone();
    serving.until("it runs", || get(&serving, "/api/v1/runs?open=true").expect(200)["runs"][0]["state"] == "running");
    post(&project, "/api/v1/tasks/hello/runs?wait=2m", &[], b"").expect(200);
    let open = get(&serving, "/api/v1/runs?open=true&limit=7").expect(200);
    assert_eq!((&open["runs"][0]["id"], &open["runs"][1]), (&slow, &Value::Null), "{open}");
    get(&serving, "/api/v1/runs?open=true&task=slow").problem(422, "filters-clash");
}
