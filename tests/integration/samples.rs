//! The sample plugins, as components in the real host, against a real HTTP server.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::{Value, json};

use crate::project::Project;
use crate::server::Server;

#[test]
fn the_prober_tells_what_is_up_and_what_is_not() {
    let server = Server::start(
        Router::new()
            .route("/up", get(|| async { "fine" }))
            .route("/down", get(|| async { StatusCode::SERVICE_UNAVAILABLE })),
    );
    let project = Project::new(
        &format!("[tasks.prober]\ngrants = {{ http = [\"GET http://{}\"] }}\n", server.address),
        &["prober"],
    );
    let probe = |path: &str| {
        let payload = json!({ "targets": [{ "url": server.url(path) }] }).to_string();
        project.run(&["run", "prober", "--payload", &payload, "--json"])
    };
    let up = probe("/up");
    assert_eq!(up.status.code(), Some(0), "{up:?}");
    let down = probe("/down");
    assert_eq!(down.status.code(), Some(75), "{down:?}");
    assert!(down.stdout.contains("503"), "{down:?}");
    assert_eq!(*server.requests.lock().unwrap(), ["GET /up", "GET /down"]);
}

#[test]
fn a_request_that_no_grant_allows_is_not_sent_and_the_log_teaches() {
    let server = Server::start(Router::new().route("/", get(|| async { "fine" })));
    let project = Project::new("[tasks.prober]\n", &["prober"]);
    let payload = json!({ "targets": [{ "url": server.url("/") }] }).to_string();
    let denied = project.run(&["run", "prober", "--payload", &payload, "--json"]);
    assert_eq!(denied.status.code(), Some(10), "{denied:?}");
    assert!(denied.stdout.contains("[tasks.prober.grants]"), "the log says what would allow it: {denied:?}");
    assert!(server.requests.lock().unwrap().is_empty());
}

#[test]
fn what_the_puller_puts_out_is_what_the_report_works_on() {
    let page = || async {
        axum::Json(json!({
            "items": [
                { "id": 1, "at": "2026-11-23T08:59:50Z", "city": "Berlin", "amount": 10.0 },
                { "id": 2, "at": "2026-11-23T08:59:55Z", "city": "Oslo", "amount": 30.0 },
            ],
            "next": null,
        }))
    };
    let server = Server::start(Router::new().route("/orders", get(page)));
    let config = format!(
        "[tasks.puller]\nschedule = {{ every = \"2s\" }}\npayload = {{ url = \"{}\", window = \"87600h\" }}\n\
         grants = {{ http = [\"GET http://{}\"] }}\n\n\
         [tasks.report]\nafter = [\"puller\"]\n[tasks.report.grants]\nenv = {{ REPORT_VALUE = \"amount\", REPORT_BY = \"city\" }}\n",
        server.url("/orders"),
        server.address,
    );
    let project = Project::new(&config, &["puller", "report"]);
    let serving = project.serve();
    let report = serving.until_run("report", "is over", |run| run["state"] == "final");
    assert_eq!(report["outcome"]["class"], "succeeded", "{report}\n{}", serving.log());
    assert_eq!(report["cause"]["kind"], "after", "{report}");
    let log = project.json(&["logs", report["id"].as_str().unwrap(), "--json"]);
    let fields = &log["attempts"][0]["lines"][0]["fields"];
    assert_eq!((&fields["series"], &fields["count"], &fields["mean"]), (&json!("amount"), &json!("2"), &json!("20")));
}

#[test]
fn plain_programs_get_their_payload_and_the_facts_of_their_run() {
    let project = Project::new("[tasks.facts]\n[tasks.facts.grants]\nenv = { LEVEL = \"high\" }\n", &["facts"]);
    let run = project.run(&["run", "facts", "--payload", "the payload", "--slot", "2026-11-23T09:00:00Z", "--json"]);
    assert!(run.status.success(), "{run:?}");
    let run: Value = serde_json::from_str(&run.stdout).unwrap();
    let lines: Vec<&str> =
        run["log"].as_array().unwrap().iter().map(|line| line["message"].as_str().unwrap()).collect();
    for expected in [
        "LEVEL=high",
        "SANDCLOCK_TASK=facts",
        "SANDCLOCK_CAUSE=manual",
        "SANDCLOCK_ATTEMPT=1",
        "payload=the payload",
        "a warning",
    ] {
        assert!(lines.contains(&expected), "{expected:?} is not in {lines:#?}");
    }
    assert!(lines.iter().any(|line| line.starts_with("SANDCLOCK_SLOT=2026-11-23T09:00:00")), "{lines:#?}");
}

#[test]
fn a_granted_folder_is_all_that_a_program_sees() {
    let project = Project::new("[tasks.files]\n", &["files"]);
    std::fs::create_dir(project.path("data")).unwrap();
    std::fs::write(project.path("data/in.txt"), "inside").unwrap();
    std::os::unix::fs::symlink("/etc/hostname", project.path("data/link")).unwrap();
    let with = |option: &str| {
        let folder = format!("{}:/data", project.path("data").display());
        let run = project.json(&["run", "files", option, &folder, "--json"]);
        run["log"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line["message"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let read_only = with("--folder");
    assert_eq!(read_only[0], "read: Ok(\"inside\")");
    assert!(read_only[1].starts_with("write: Err"), "{read_only:?}");
    assert_eq!(&read_only[2..], ["escape: true", "link: true"]);
    assert_eq!(with("--folder-rw")[1], "write: Ok(())");
    assert_eq!(std::fs::read_to_string(project.path("data/out.txt")).unwrap(), "written");
}
