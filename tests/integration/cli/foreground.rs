//! `sandclock run` on a file: no configuration, no ledger, and an exit code that says how the run ended.

use std::fs;
use std::process::Stdio;

use axum::Router;
use axum::routing::get;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::project::{Finished, Project, eventually, guest};
use crate::server::Server;

/// Runs a guest's file in an empty folder.
fn run(name: &str, options: &[&str]) -> Finished {
    let file = guest(name);
    let arguments = [&["run", file.to_str().unwrap()], options].concat();
    Project::empty().run(&arguments)
}

#[test]
fn the_exit_code_is_that_of_the_outcome() {
    let check = |name: &str, options: &[&str], code: i32, expected: &str| {
        let finished = run(name, options);
        assert_eq!(finished.status.code(), Some(code), "{name}: {finished:?}");
        assert!(finished.stderr.contains(expected), "{name}: {expected:?} is not in:\n{}", finished.stderr);
    };
    check("tick", &[], 0, "succeeded after");
    check("no-known-export", &[], 1, "the plugin no-known-export cannot be used");
    check("missing-import", &[], 1, "imports from `env`");
    check("exit-1", &[], 10, "failed for good");
    check("unreachable", &[], 11, "give_up");
    check("endless-loop", &["--fuel", "1M"], 12, "fuel");
    check("memory-growth", &["--memory", "2MiB"], 12, "memory");
    check("sleep-for-ever", &["--timeout", "200ms"], 12, "timeout");
    check("exit-75", &[], 75, "75");
}

#[test]
fn ctrl_c_cancels_the_run() {
    let project = Project::empty();
    let file = guest("sleep-for-ever");
    let mut command = project.command(&["run", file.to_str().unwrap()]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let listens = eventually(|| catches_sigint(&fs::read_to_string(&status).unwrap()));
    kill_process(Pid::from_child(&child), if listens { Signal::INT } else { Signal::KILL }).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(13), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("cancelled"));
}

/// Whether the process handles the signal itself: it is the second bit of the mask.
fn catches_sigint(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("the kernel says what is caught");
    u64::from_str_radix(mask.trim(), 16).unwrap() & 0b10 != 0
}

#[test]
fn json_has_outcome_usage_and_log_and_stderr_nothing() {
    let finished = run("tick", &["--json"]);
    let run: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!((&run["outcome"], &run["log"][0]["message"]), (&json!("succeeded"), &json!("tick")), "{run}");
    assert!(run["usage"]["fuel"].as_u64() > Some(0), "{run}");
    assert_eq!(finished.stderr, "");
}

#[test]
fn a_payload_and_a_grant_are_all_that_a_file_needs_to_work() {
    let server = Server::start(Router::new().route("/up", get(|| async { "fine" })));
    let payload = json!({ "targets": [{ "url": server.url("/up") }] }).to_string();
    let grant = format!("GET http://{}", server.address);

    let granted = run("prober", &["--payload", &payload, "--http", &grant]);
    assert_eq!(granted.status.code(), Some(0), "{granted:?}");
    assert!(serde_json::from_str::<serde_json::Value>(&granted.stdout).is_ok(), "stdout has the output: {granted:?}");
    assert_eq!(*server.requests.lock().unwrap(), ["GET /up"]);

    let denied = run("prober", &["--payload", &payload]);
    assert_eq!(denied.status.code(), Some(10), "{denied:?}");
    assert_eq!(server.requests.lock().unwrap().len(), 1, "nothing is sent without a grant");
}

#[test]
fn a_run_in_the_foreground_leaves_only_compiled_code_behind() {
    let project = Project::empty();
    let file = guest("tick");
    assert!(project.run(&["run", file.to_str().unwrap()]).status.success());
    let left: Vec<_> = fs::read_dir(project.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["cache"]);

    let mut homeless = project.command(&["run", file.to_str().unwrap()]);
    let finished = Finished::of(homeless.env_remove("XDG_CACHE_HOME").env_remove("HOME"));
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    assert!(finished.stderr.contains("XDG_CACHE_HOME"), "{finished:?}");
}
