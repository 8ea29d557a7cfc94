//! Tokens: what each role may do, where, until when; and who it was.

use serde_json::{Value, json};

use super::client::{Answer, Request};
use super::{TASKS, create};
use crate::project::Project;

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{answer:?}");
}

#[test]
fn without_tokens_this_machine_may_look_and_with_one_nobody_may_without() {
    let project = Project::new(TASKS, &["tick"]);
    let serving = project.serve();
    let address = serving.address();
    let (read, pause) = (Request::get("/api/v1/tasks"), Request::post("/api/v1/tasks/tick/pause"));
    assert_eq!(read.send(&address).status, 200);
    let answer = pause.send(&address);
    refused(&answer, 401, "no-token");
    assert_eq!(answer.header("www-authenticate"), Some("bearer"));

    let token = create(&project, &["one", "--role", "operate"]);
    refused(&read.send(&address), 401, "no-token");
    assert_eq!(read.clone().token(&token).send(&address).status, 200);
    assert_eq!(pause.clone().token(&token).send(&address).status, 200);
    for path in ["/healthz", "/readyz"] {
        assert_eq!(Request::get(path).send(&address).status, 200, "{path}");
    }
    refused(&read.clone().token("sclk_nonsense").send(&address), 401, "wrong-token");
    refused(&read.header("Authorization", &format!("Basic {token}")).send(&address), 401, "wrong-token");
    refused(&Request::get(&format!("/api/v1/tasks?token={token}")).send(&address), 401, "no-token");

    let again = project.run(&["token", "create", "one", "--role", "read"]);
    assert!(again.status.code() == Some(1) && again.stderr.contains("there is a token one already"), "{again:?}");
    let revoked = project.run(&["token", "revoke", "one"]);
    assert!(revoked.status.success(), "{revoked:?}");
    assert_eq!(project.run(&["token", "revoke", "one"]).status.code(), Some(4));
    refused(&pause.token(&token).send(&address), 401, "wrong-token");
}

#[test]
fn a_role_may_do_what_it_says_and_no_more() {
    let project = Project::new(TASKS, &["tick"]);
    let token = |role| create(&project, &[role, "--role", role]);
    let (read, operate, admin) = (token("read"), token("operate"), token("admin"));
    let serving = project.serve();
    let address = serving.address();
    let check = |request: Request, expected: [u16; 3]| {
        let found = [&read, &operate, &admin].map(|token| request.clone().token(token).send(&address).status);
        assert_eq!(found, expected);
    };
    check(Request::get("/api/v1/tasks"), [200; 3]);
    check(Request::get("/api/v1/runs"), [200; 3]);
    check(Request::post("/api/v1/tasks/tick/pause"), [403, 200, 200]);
    check(Request::post("/api/v1/tasks/tick/runs"), [403, 201, 201]);
    check(Request::get("/api/v1/audit"), [403, 403, 200]);
    check(Request::get("/api/v1/tokens"), [403, 403, 200]);
    let wanted = json!({ "name": "more", "role": "admin" }).to_string();
    let make = Request::post("/api/v1/tokens").header("Content-Type", "application/json").body(&wanted);
    check(make, [403, 403, 201]);
    check(Request::post("/api/v1/tokens/more/revoke"), [403, 403, 200]);
}

#[test]
fn a_token_for_some_tasks_reaches_no_others() {
    let project = Project::new(TASKS, &["tick"]);
    let token = create(&project, &["eu", "--role", "admin", "--tasks", "report-*", "--tasks", "tick"]);
    let narrow = create(&project, &["us", "--role", "operate", "--tasks", "report-us"]);
    let serving = project.serve();
    let address = serving.address();
    let send = |token: &str, request: Request| request.token(token).send(&address);
    let run = send(&token, Request::post("/api/v1/tasks/report-eu/runs"));
    assert_eq!(run.status, 201, "{run:?}");
    let run = run.json()["run"].as_str().unwrap().to_owned();
    serving.until_run("report-eu", "is over", |run| run["state"] == "final");

    refused(&send(&narrow, Request::post("/api/v1/tasks/report-eu/runs")), 404, "no-such-task");
    refused(&send(&narrow, Request::get("/api/v1/tasks/report-eu")), 404, "no-such-task");
    refused(&send(&narrow, Request::get(&format!("/api/v1/runs/{run}"))), 404, "no-such-run");
    refused(&send(&narrow, Request::get(&format!("/api/v1/runs/{run}/logs"))), 404, "no-such-run");
    refused(&send(&narrow, Request::post(&format!("/api/v1/runs/{run}/cancel"))), 404, "no-such-run");
    assert_eq!(send(&token, Request::get(&format!("/api/v1/runs/{run}"))).status, 200);
    assert_eq!(send(&narrow, Request::post("/api/v1/tasks/report-us/runs")).status, 201);

    let names = |answer: &Answer, list: &str, key: &str| -> Vec<String> {
        let found = answer.json();
        let list = found[list].as_array().unwrap_or_else(|| panic!("{answer:?}")).clone();
        list.iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
    };
    let tasks = send(&narrow, Request::get("/api/v1/tasks"));
    assert_eq!(names(&tasks, "tasks", "task"), ["report-us"]);
    let tasks = send(&token, Request::get("/api/v1/tasks"));
    assert_eq!(names(&tasks, "tasks", "task"), ["report-eu", "report-us", "tick"]);
    let runs = send(&narrow, Request::get("/api/v1/runs"));
    assert_eq!(names(&runs, "runs", "task"), ["report-us"]);
    // An administrator of some tasks is none of the host.
    refused(&send(&token, Request::get("/api/v1/tokens")), 403, "forbidden");
    refused(&send(&token, Request::get("/api/v1/plugins")), 403, "forbidden");
}

#[test]
fn a_token_expires_by_itself() {
    let project = Project::new(TASKS, &["tick"]);
    let lasting = create(&project, &["lasting", "--role", "read", "--expires", "90d"]);
    let brief = create(&project, &["brief", "--role", "read", "--expires", "1ms"]);
    let serving = project.serve();
    let read = |token: &str| Request::get("/api/v1/tasks").token(token).send(&serving.address());
    refused(&read(&brief), 401, "wrong-token");
    assert_eq!(read(&lasting).status, 200);
    let listed = project.json(&["token", "list", "--json"]);
    let named = |name: &str| listed.as_array().unwrap().iter().find(|token| token["name"] == name).unwrap().clone();
    assert_eq!(named("brief")["used_at"], Value::Null);
    let used = || project.json(&["token", "list", "--json"])[1]["used_at"].is_string();
    serving.until("the use of the token is noted", used);
}

#[test]
fn what_is_followed_ends_with_the_token() {
    let project = Project::new(TASKS, &["tick"]);
    let token = create(&project, &["one", "--role", "read"]);
    let serving = project.serve();
    let address = serving.address();
    let followed = std::thread::spawn(move || Request::get("/api/v1/events").token(&token).send(&address));
    serving.until("somebody follows", || project.json(&["token", "list", "--json"])[0]["used_at"].is_string());
    assert!(project.run(&["token", "revoke", "one"]).status.success());
    serving.until("the answer has come to its end", || followed.is_finished());
    let answer = followed.join().unwrap();
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/event-stream")), "{answer:?}");
}

#[test]
fn tokens_outlive_the_host_and_what_was_done_with_them_is_told() {
    let project = Project::new(TASKS, &["tick"]);
    let serving = project.serve();
    let token = create(&project, &["ci", "--role", "operate", "--tasks", "tick"]);
    let send = |serving: &crate::project::Serving<'_>, request: Request| request.token(&token).send(&serving.address());
    let run = send(&serving, Request::post("/api/v1/tasks/tick/runs"));
    let run_id = run.json()["run"].clone();
    assert_eq!(send(&serving, Request::get("/api/v1/audit")).status, 403);
    // A refusal changes nothing, so it is entered after it was answered.
    let entered = |count| project.json(&["audit", "--json"]).as_array().unwrap().len() == count;
    serving.until("the refusal is entered", || entered(3));
    serving.signal(rustix::process::Signal::KILL);
    serving.wait();
    project.run(&["pause", "tick"]);

    let serving = project.serve();
    assert_eq!(send(&serving, Request::post("/api/v1/tasks/tick/resume")).status, 200);
    let cancel = Request::post(&format!("/api/v1/runs/{}/cancel", run_id.as_str().unwrap()));
    serving.until_run("tick", "is over", |run| run["state"] == "final");
    assert_eq!(send(&serving, cancel).status, 409);
    let uid = format!("uid {}", rustix::process::getuid().as_raw());
    let entries = || -> Vec<Vec<Value>> {
        let entries = project.json(&["audit", "--json"]);
        let keys = ["actor", "action", "task", "run", "result"];
        let row = |entry: &Value| keys.map(|key| entry[key].clone()).to_vec();
        entries.as_array().unwrap().iter().rev().map(row).collect()
    };
    serving.until("all is entered", || entered(6));
    assert_eq!(
        json!(entries()),
        json!([
            [uid, "POST /api/v1/tokens ci (operate)", null, null, "done"],
            ["token ci", "POST /api/v1/tasks/{task}/runs", "tick", run_id, "done"],
            ["token ci", "GET /api/v1/audit", null, null, "forbidden"],
            [uid, "sandclock pause", "tick", null, "done"],
            ["token ci", "POST /api/v1/tasks/{task}/resume", "tick", null, "done"],
            ["token ci", "POST /api/v1/runs/{run}/cancel", null, run_id, "no-such-run"],
        ])
    );
    let shown = project.run(&["audit", "-n", "2"]);
    assert!(shown.stdout.contains("token ci") && shown.stdout.lines().count() == 3, "{shown:?}");
    let first = project.json(&["audit", "--json", "-n", "2"])[1]["request"].clone();
    assert_eq!(first.as_str().map(str::len), Some(16));
}

#[test]
fn whoever_brings_what_is_no_token_again_and_again_is_told_to_wait_and_others_are_not() {
    let project = Project::new(TASKS, &["tick"]);
    let token = create(&project, &["one", "--role", "read"]);
    let serving = project.serve();
    let read = Request::get("/api/v1/tasks");
    let wrong = read.clone().token("sclk_wrong");
    let answers: Vec<u16> = (0..40).map(|_| wrong.send(&serving.address()).status).collect();
    assert!(answers.starts_with(&[401; 20]) && answers.contains(&429), "{answers:?}");
    let last = wrong.send(&serving.address());
    assert!(last.status == 401 || last.header("retry-after").is_some(), "{last:?}");
    assert_eq!(read.token(&token).send(&serving.address()).status, 200);
}

#[test]
fn requests_are_counted_for_each_token() {
    let project = Project::new(&format!("[host]\nlisten = \"127.0.0.1:0\"\napi.rate = 1\n\n{TASKS}"), &["tick"]);
    let one = create(&project, &["one", "--role", "read"]);
    let two = create(&project, &["two", "--role", "read"]);
    let serving = project.serve();
    let read = |token: &str| Request::get("/api/v1/tasks").token(token).send(&serving.address());
    let answers: Vec<u16> = (0..40).map(|_| read(&one).status).collect();
    assert!(answers.starts_with(&[200; 5]) && answers.contains(&429), "{answers:?}");
    assert_eq!(read(&two).status, 200);
}
