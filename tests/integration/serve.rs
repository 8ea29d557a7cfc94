//! `sandclock serve` from its start to its end.

use rustix::process::Signal;

use crate::project::{Project, request};

#[test]
fn a_signal_drains_and_a_second_one_cuts() {
    let config = "[tasks.sleep-for-ever]\nschedule = { every = \"1s\" }\nlimits = { timeout = \"10m\" }\n";
    let project = Project::new(config, &["sleep-for-ever"]);
    let serving = project.serve();
    serving.until_run("sleep-for-ever", "runs", |run| run["state"] == "running");
    serving.signal(Signal::TERM);
    serving.until("it drains", || serving.log().contains("draining"));
    serving.signal(Signal::TERM);
    let (status, log) = serving.wait();
    assert_eq!(status.code(), Some(130), "{log}");
    let run = &project.runs("sleep-for-ever")[0];
    assert_eq!(run["attempts"], 1, "{run}");
    assert_ne!(run["state"], "running", "the cut is in the ledger: {run}");
}

#[test]
fn a_signal_lets_a_short_run_finish() {
    let project = Project::new("[tasks.tick]\nschedule = { every = \"1s\" }\n", &["tick"]);
    let serving = project.serve();
    serving.until_run("tick", "succeeded", |run| run["outcome"]["class"] == "succeeded");
    serving.signal(Signal::INT);
    let (status, log) = serving.wait();
    assert!(status.success(), "{log}");
    let started = |run: &&serde_json::Value| run["attempts"] != 0;
    assert!(project.runs("tick").iter().filter(started).all(|run| run["outcome"]["class"] == "succeeded"), "{log}");
}

#[test]
fn statistics_tell_what_a_task_took_of_its_limits() {
    let project = Project::new("[tasks.tick]\nschedule = { every = \"1s\" }\n", &["tick"]);
    let serving = project.serve();
    serving.until_run("tick", "succeeded", |run| run["outcome"]["class"] == "succeeded");
    serving.signal(Signal::TERM);
    serving.wait();
    let finished = project.run(&["stats", "tick", "--json"]);
    let stats: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
    assert!(stats["attempts"].as_u64() > Some(0) && stats["attempts"] == stats["succeeded"], "{stats}");
    assert!(stats["limits"]["fuel"]["largest"].as_u64() > Some(0), "{stats}");
    assert_eq!(stats["limits"]["memory"]["allowed"], 64 << 20, "{stats}");
    assert_eq!(project.run(&["stats", "tock"]).status.code(), Some(4));
}

#[test]
fn health_is_answered_while_guests_keep_every_thread_busy() {
    let mut config = String::from(
        "[host]\nlisten = \"127.0.0.1:0\"\nmax-concurrent-runs = 8\n\n[defaults]\nlimits = { fuel = \"1T\", timeout = \"5m\" }\n\n",
    );
    for n in 0..8 {
        config += &format!("[tasks.spin-{n}]\nplugin = \"endless-loop\"\nschedule = {{ every = \"1s\" }}\n\n");
    }
    let project = Project::new(&config, &["endless-loop"]);
    let serving = project.serve();
    serving.until("all spin", || {
        (0..8).all(|n| project.runs(&format!("spin-{n}")).iter().any(|run| run["state"] == "running"))
    });
    let address = serving.address();
    assert!(request(&address, "/healthz").starts_with("HTTP/1.1 200"));
    assert!(request(&address, "/readyz").starts_with("HTTP/1.1 200"), "the firing loop turns all the same");
}
