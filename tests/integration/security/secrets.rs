//! Nothing secret is in what the host writes, answers or prints.

use std::fs;
use std::path::Path;

use rustix::process::Signal;

use super::client::Request;
use super::create;
use crate::project::Project;

const HOOK: &str = "hook-5ecret-that-nobody-may-see";
const GRANT: &str = "grant-5ecret-that-nobody-may-see";

/// Every file below a folder.
fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.is_file() {
            found.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
}

#[test]
fn tokens_and_secrets_are_in_no_log_no_file_and_no_answer() {
    let config = "[tasks.tick]\ngrants.secrets = { KEY = { file = \"grant\" } }\n\
        webhook = { path = \"/hooks/tick\", secret = { file = \"hook\" } }\n";
    let project = Project::new(config, &["tick"]);
    fs::write(project.path("hook"), HOOK).unwrap();
    fs::write(project.path("grant"), GRANT).unwrap();
    let serving = project.serve_with(&["--log", "trace"]);
    let address = serving.address();
    let admin = create(&project, &["admin", "--role", "admin"]);
    let read = create(&project, &["read", "--role", "read"]);
    // One that is nearly right is as secret as the right one.
    let mistyped = format!("{}x", &admin[..admin.len() - 1]);
    let mut seen: Vec<(String, Vec<u8>)> = Vec::new();
    let mut ask = |request: Request| {
        for token in [&admin, &read, &mistyped] {
            let answer = request.clone().token(token).send(&address);
            seen.push((format!("{answer:?}"), answer.body.clone().into_bytes()));
        }
    };
    ask(Request::post("/api/v1/tasks/tick/runs"));
    ask(Request::post("/hooks/tick").header("Sandclock-Signature", "t=1,v1=00").body("x"));
    for path in ["tasks", "tasks/tick", "tasks/tick/stats", "runs", "plugins", "status", "tokens", "audit", "nowhere"] {
        ask(Request::get(&format!("/api/v1/{path}")));
    }
    for path in ["/healthz", "/readyz", "/metrics", "/api/v1/openapi.json"] {
        ask(Request::get(path));
    }
    serving.until_run("tick", "is over", |run| run["state"] == "final");
    for command in [&["check"][..], &["check", "--json"], &["token", "list", "--json"], &["audit", "--json"]] {
        let finished = project.run(command);
        assert!(finished.status.success(), "{finished:?}");
        seen.push((command.join(" "), format!("{finished:?}").into_bytes()));
    }
    serving.signal(Signal::TERM);
    let (status, log) = serving.wait();
    assert!(status.success(), "{log}");
    files(&project.path("state"), &mut seen);
    seen.push(("the log".to_owned(), log.into_bytes()));
    assert!(seen.iter().any(|(name, _)| name.ends_with("ledger.db")));
    for secret in [&admin, &read, &mistyped, HOOK, GRANT] {
        // Its beginning tells as much as the whole.
        let part = &secret.as_bytes()[..secret.len().min(20)];
        for (name, bytes) in &seen {
            let found = bytes.windows(part.len()).any(|window| window == part);
            assert!(!found, "{secret} is in {name}");
        }
    }
}
