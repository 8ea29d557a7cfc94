//! Pages in a browser on this machine: they may not do anything, nor read anything.

use super::TASKS;
use super::client::Request;
use crate::project::Project;

#[test]
fn a_name_that_was_made_to_stand_for_this_machine_is_refused() {
    let project = Project::new(TASKS, &["tick"]);
    let serving = project.serve();
    let address = serving.address();
    let port = address.rsplit(':').next().unwrap();
    let read = Request::get("/api/v1/tasks");
    assert_eq!(read.send(&address).status, 200);
    assert_eq!(read.clone().host(&format!("localhost:{port}")).send(&address).status, 200);
    for host in [format!("rebound.example:{port}"), format!("127.0.0.1.rebound.example:{port}"), String::new()] {
        let answer = read.clone().host(&host).send(&address);
        assert_eq!((answer.status, answer.code().as_str()), (421, "foreign-name"), "{host}: {answer:?}");
    }
    // Not even whether it lives.
    assert_eq!(Request::get("/healthz").host("rebound.example").send(&address).status, 421);
}

#[test]
fn pages_of_others_are_refused_and_links_are_followed() {
    let project = Project::new(TASKS, &["tick"]);
    let serving = project.serve();
    let address = serving.address();
    let refused = |request: Request| {
        let answer = request.send(&address);
        assert_eq!((answer.status, answer.code().as_str()), (403, "foreign-page"), "{answer:?}");
    };
    let (read, trigger) = (Request::get("/api/v1/tasks"), Request::post("/api/v1/tasks/tick/runs"));
    refused(read.clone().header("Sec-Fetch-Site", "cross-site").header("Sec-Fetch-Mode", "cors"));
    refused(read.clone().header("Origin", "http://evil.example"));
    refused(trigger.clone().header("Sec-Fetch-Site", "same-site").header("Sec-Fetch-Mode", "no-cors"));
    refused(trigger.clone().header("Sec-Fetch-Site", "cross-site").header("Sec-Fetch-Mode", "navigate"));
    refused(trigger.header("Origin", "null"));
    let link = read.clone().header("Sec-Fetch-Site", "cross-site").header("Sec-Fetch-Mode", "navigate");
    assert_eq!(link.send(&address).status, 200);
    let own = read.header("Sec-Fetch-Site", "same-origin").header("Origin", &format!("http://{address}"));
    assert_eq!(own.send(&address).status, 200);
    let preflight = Request::post("/api/v1/tasks/tick/runs").header("Access-Control-Request-Method", "POST");
    let answer = preflight.send(&address);
    assert_eq!(answer.header("access-control-allow-origin"), None, "no other origin is let in");
    assert!(project.runs("tick").is_empty());
}

#[test]
fn every_answer_tells_browsers_to_run_and_keep_nothing() {
    let project = Project::new(TASKS, &["tick"]);
    let serving = project.serve();
    for request in [
        Request::get("/healthz"),
        Request::get("/api/v1/tasks"),
        Request::get("/nowhere"),
        Request::post("/healthz"),
        Request::post("/api/v1/tasks/tick/pause"),
        Request::post("/hooks/nowhere"),
    ] {
        let answer = request.send(&serving.address());
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{answer:?}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "deny"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{answer:?}");
        }
        assert_eq!(answer.header("server"), None, "{answer:?}");
        assert_eq!(answer.header("x-request-id").map(str::len), Some(16), "{answer:?}");
    }
}
