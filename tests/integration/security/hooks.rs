//! Webhooks: who is believed, and that no request makes two runs.

use ring::hmac;
use sandclock_host::clock::Clock;
use serde_json::{Value, json};

use super::client::{Answer, Request};
use super::{TASKS, create};
use crate::project::Project;

const SECRET: &str = "a-secret-of-the-generic-form";
const NEXT_SECRET: &str = "the-secret-that-comes-after-it";
/// From "Validating webhook deliveries" in GitHub's documentation.
const GITHUB_SECRET: &str = "It's a Secret to Everybody";
const GITHUB_SIGNATURE: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

const HOOKS: &str = "[tasks.deploy]\nplugin = \"tick\"\n\
    webhook = { path = \"/hooks/deploy\", secret = [{ file = \"hook\" }, { file = \"next\" }], tolerance = \"1m\" }\n\n\
    [tasks.push]\nplugin = \"tick\"\n\
    webhook = { path = \"/hooks/git/push\", secret = { file = \"github\" }, scheme = \"github\" }\n\n\
    [tasks.off]\nplugin = \"tick\"\nenabled = false\nwebhook = { path = \"/hooks/off\", secret = { file = \"hook\" } }\n\n";

fn project() -> Project {
    let project = Project::new(&format!("{HOOKS}{TASKS}"), &["tick"]);
    for (file, secret) in [("hook", SECRET), ("next", NEXT_SECRET), ("github", GITHUB_SECRET)] {
        std::fs::write(project.path(file), format!("{secret}\n")).unwrap();
    }
    project
}

fn signed_at(path: &str, secret: &str, body: &str, second: i64) -> Request {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{second}.{body}").as_bytes());
    let tag: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Request::post(path).header("Sandclock-Signature", &format!("t={second},v1={tag}")).body(body)
}

fn signed(path: &str, secret: &str, body: &str) -> Request {
    signed_at(path, secret, body, Clock::system().now().as_second())
}

#[track_caller]
fn run_of(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status, status, "{answer:?}");
    answer.json()["run"].as_str().unwrap().to_owned()
}

#[test]
fn a_signed_request_makes_one_run_however_often_it_comes() {
    let project = project();
    let serving = project.serve();
    let address = serving.address();
    let token = create(&project, &["one", "--role", "read"]);
    let request =
        signed("/hooks/deploy", SECRET, "{\"ref\": \"main\"}").header("Content-Type", "application/vnd.x+json");
    let run = run_of(&request.send(&address), 201);
    assert_eq!(run_of(&request.send(&address), 200), run, "the answer was lost, say");
    let next = run_of(&signed("/hooks/deploy", NEXT_SECRET, "{\"ref\": \"next\"}").send(&address), 201);
    assert_ne!(next, run);

    let detail = Request::get(&format!("/api/v1/runs/{run}")).token(&token).send(&address).json();
    assert_eq!(detail["run"]["cause"], json!({ "kind": "http", "webhook": "/hooks/deploy" }));
    assert_eq!(detail["payload"]["content_type"], "application/vnd.x+json");
    assert_eq!(detail["payload"]["text"], "{\"ref\": \"main\"}");
    serving.signal(rustix::process::Signal::KILL);
    serving.wait();

    let serving = project.serve();
    assert_eq!(run_of(&request.send(&serving.address()), 200), run, "after a crash");
    assert_eq!(project.runs("deploy").len(), 2);
    let audit = project.json(&["audit", "--json", "-n", "100"]);
    let by_hook: Vec<&Value> =
        audit.as_array().unwrap().iter().filter(|entry| entry["actor"] == "webhook /hooks/deploy").collect();
    assert_eq!(by_hook.len(), 2, "{audit}");
    assert_eq!(by_hook[1]["run"], json!(run));
}

#[test]
fn what_github_sends_is_known_by_its_delivery() {
    let project = project();
    let serving = project.serve();
    let deliver = |number: &str| {
        let request = Request::post("/hooks/git/push").header("X-Hub-Signature-256", GITHUB_SIGNATURE);
        request.header("X-GitHub-Delivery", number).header("X-GitHub-Event", "push").body("Hello, World!")
    };
    let run = run_of(&deliver("72d3162e-cc78-11e3-81ab-4c9367dc0958").send(&serving.address()), 201);
    assert_eq!(run_of(&deliver("72d3162e-cc78-11e3-81ab-4c9367dc0958").send(&serving.address()), 200), run);
    assert_ne!(run_of(&deliver("aaaaaaaa-cc78-11e3-81ab-4c9367dc0958").send(&serving.address()), 201), run);
    assert_eq!(project.runs("push").len(), 2);
}

#[test]
fn who_is_not_believed_is_not_told_why() {
    let project = project();
    let serving = project.serve();
    let address = serving.address();
    let now = Clock::system().now().as_second();
    let right = signed("/hooks/deploy", SECRET, "body");
    let refused = [
        ("no such webhook", signed("/hooks/nowhere", SECRET, "body")),
        ("another secret", signed("/hooks/deploy", "not-the-secret-that-is-configured", "body")),
        ("another webhook's secret", signed("/hooks/git/push", SECRET, "body")),
        ("another body", right.clone().body("bodY")),
        ("no signature", Request::post("/hooks/deploy").body("body")),
        ("no signature, nowhere", Request::post("/hooks/nowhere").body("body")),
        ("too old", signed_at("/hooks/deploy", SECRET, "body", now - 90)),
        ("too new", signed_at("/hooks/deploy", SECRET, "body", now + 120)),
        (
            "no delivery",
            Request::post("/hooks/git/push").header("X-Hub-Signature-256", GITHUB_SIGNATURE).body("Hello, World!"),
        ),
    ];
    let first = refused[0].1.send(&address);
    assert_eq!((first.status, first.code().as_str()), (401, "webhook-refused"));
    for (why, request) in &refused {
        let answer = request.send(&address);
        assert_eq!((answer.status, &answer.body), (401, &first.body), "{why}");
    }
    assert!(project.runs("deploy").is_empty() && project.runs("push").is_empty());
    assert!(serving.log().contains("there is no such webhook") && serving.log().contains("signed too long ago"));

    assert_eq!(Request::get("/hooks/deploy").send(&address).status, 405);
    let large = signed("/hooks/deploy", SECRET, &"x".repeat((4 << 20) + 1));
    assert_eq!(large.send(&address).status, 413);
    let off = signed("/hooks/off", SECRET, "body").send(&address);
    assert_eq!((off.status, off.code().as_str()), (409, "task-disabled"), "whoever knows the secret is told");
    run_of(&right.send(&address), 201);
}
