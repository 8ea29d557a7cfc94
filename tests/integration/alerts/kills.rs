//! `kill -9` between what happens, the decision to tell it, and its delivery: nothing is lost, and what comes twice has the
//! same key.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rustix::process::Signal;

use super::*;

#[test]
fn what_was_decided_is_delivered_by_the_next_host() {
    let receiver = Receiver::start();
    // The receiver is there and refuses.
    receiver.answers(503);
    let project = Project::new(&format!("{}{FAILS}", to(&receiver, "")), &["exit-1"]);
    let serving = project.serve();
    trigger(&project, "report");
    let refused = receiver.until("an attempt", |_| true);
    serving.signal(Signal::KILL);
    drop(serving);
    receiver.answers(200);
    let serving = project.serve();
    let taken = receiver.until("another attempt", |request| request.status == 200 && request.key == refused.key);
    assert_eq!(taken.notices(), ["failed first report"]);
    // The kill itself is told, in a message of its own.
    receiver.until("the crash", |request| request.notices() == ["crash first host"]);
    stop(serving);
    let told = receiver.told();
    assert_eq!(told.len(), 2, "{told:?}");
}

#[test]
fn what_waits_for_others_is_told_by_the_next_host() {
    let receiver = Receiver::start();
    let slow = to(&receiver, "").replace("\"0s\"", "\"1h\"");
    let project = Project::new(&format!("{slow}{FAILS}"), &["exit-1"]);
    let serving = project.serve();
    trigger(&project, "report");
    serving.until("the decision", || listed(&project)["waiting"] == 1);
    serving.signal(Signal::KILL);
    drop(serving);
    assert_eq!(receiver.arrived().len(), 0);
    project.configure(&format!("{}{FAILS}", to(&receiver, "")));
    let serving = project.serve();
    receiver.until("the failure", |request| request.notices().contains(&"failed first report".to_owned()));
    stop(serving);
}

#[test]
fn a_host_that_ended_well_is_not_told_as_a_crash() {
    let receiver = Receiver::start();
    let project = Project::new(&format!("{}{FAILS}", to(&receiver, "")), &["exit-1"]);
    stop(project.serve());
    let serving = project.serve();
    trigger(&project, "report");
    receiver.until("the failure", |_| true);
    stop(serving);
    assert_eq!(receiver.told(), ["failed first report"]);
}

/// Tasks fail all the time and the host is killed at any moment, also between a run's end and its verdict.
#[test]
fn kills_at_any_moment_lose_no_first_failure() {
    let receiver = Receiver::start();
    let mut config = to(&receiver, "after-failures = 1\ndaily-cap = 1000\n");
    let tasks: Vec<String> = (0..12).map(|number| format!("t{number}")).collect();
    for (task, every) in tasks.iter().zip([1, 2, 3].into_iter().cycle()) {
        config += &format!(
            "[tasks.{task}]\nplugin = \"exit-1\"\nalerts = [\"ops\"]\nschedule = {{ every = \"{every}s\" }}\nretry.attempts = 1\n"
        );
    }
    let project = Project::new(&config, &["exit-1"]);
    for kill in 0..4 {
        let serving = project.serve();
        serving.lives(Duration::from_millis(fastrand::u64(300..2500)));
        receiver.answers(if kill % 2 == 0 { 503 } else { 200 });
        serving.signal(Signal::KILL);
    }
    receiver.answers(200);
    let serving = project.serve();
    serving.until("all have failed", || {
        tasks.iter().all(|task| project.runs(task).iter().any(|run| run["outcome"]["class"] == "failed-permanent"))
    });
    let first = |task: &String| format!("failed first {task}");
    serving.until("all are told", || {
        let told: BTreeSet<String> = receiver.told().into_iter().collect();
        tasks.iter().all(|task| told.contains(&first(task)))
    });
    stop(serving);
    // Whatever came more than once came under one key, and each key stands for one thing.
    let mut keys: BTreeMap<String, BTreeSet<Vec<String>>> = BTreeMap::new();
    for request in receiver.arrived() {
        keys.entry(request.key.clone().unwrap()).or_default().insert(request.notices());
    }
    assert!(keys.values().all(|bodies| bodies.len() == 1), "{keys:#?}");
    for task in &tasks {
        let under = keys.values().flatten().filter(|notices| notices.contains(&first(task))).count();
        assert_eq!(under, 1, "the first failure of {task} has one message");
    }
}
