//! What is told of what happens to a running host, and that its state outlasts it.

use super::*;
use crate::project::eventually;

#[test]
fn a_failure_and_its_end_are_told_once_each_across_restarts() {
    let receiver = Receiver::start();
    let project = Project::new(&format!("{}{FAILS}", to(&receiver, "")), &["exit-1"]);
    let serving = project.serve();
    let run = trigger(&project, "report");
    let told = receiver.until("the failure", |_| true).json();
    let notice = &told["notices"][0];
    assert_eq!(told["title"], "report failed: failed for good: exit code 1", "{told:#}");
    assert_eq!(
        (&notice["kind"], &notice["news"], &notice["task"]),
        (&"failed".into(), &"first".into(), &"report".into())
    );
    assert_eq!((&notice["run"], &notice["next"]), (&run.as_str().into(), &format!("sandclock logs {run}").into()));
    stop(serving);
    // The next host knows that it was told.
    let serving = project.serve();
    trigger(&project, "report");
    serving.until("the second failure is judged", || {
        listed(&project)["waiting"] == 0 && project.runs("report").len() == 2
    });
    stop(serving);
    project.configure(&format!("{}{SUCCEEDS}", to(&receiver, "")));
    let serving = project.serve();
    trigger(&project, "report");
    receiver.until("the end", |request| request.notices() == ["failed recovered report"]);
    stop(serving);
    assert_eq!(receiver.told(), ["failed first report", "failed recovered report"]);
}

#[test]
fn a_refused_configuration_is_told_until_one_is_taken_and_that_says_who_hears() {
    let (before, after) = (Receiver::start(), Receiver::start());
    let config = |receiver: &Receiver| format!("{}{FAILS}", to(receiver, ""));
    let project = Project::new(&config(&before), &["exit-1"]);
    let serving = project.serve();
    project.configure(&format!("{}bad = 1\n", config(&before)));
    before.until("the refusal", |request| request.notices() == ["reload first host"]);
    project.configure(&config(&after));
    after.until("its end", |request| request.notices() == ["reload recovered host"]);
    trigger(&project, "report");
    after.until("a failure", |request| request.notices() == ["failed first report"]);
    stop(serving);
    assert_eq!(before.told(), ["reload first host"]);
}

#[test]
fn a_burst_is_one_message_and_the_end_of_the_host_waits_for_no_more() {
    let receiver = Receiver::start();
    let mut config = to(&receiver, "").replace("\"0s\"", "\"1h\"");
    for task in ["a", "b", "c"] {
        config += &format!("[tasks.{task}]\nplugin = \"exit-1\"\nalerts = [\"ops\"]\n");
    }
    let project = Project::new(&config, &["exit-1"]);
    let serving = project.serve();
    for task in ["a", "b", "c"] {
        trigger(&project, task);
    }
    serving.until("all are judged", || listed(&project)["waiting"] == 3);
    assert_eq!(receiver.arrived().len(), 0);
    stop(serving);
    let [message] = &receiver.arrived()[..] else { panic!("{:?}", receiver.arrived()) };
    let mut notices = message.notices();
    notices.sort();
    assert_eq!(notices, ["failed first a", "failed first b", "failed first c"]);
    assert!(message.json()["title"].as_str().unwrap().starts_with("3 alerts: "), "{}", message.body);
}

#[test]
fn the_alerts_of_a_task_add_to_those_of_all() {
    let (ops, team) = (Receiver::start(), Receiver::start());
    let config = format!(
        "[defaults]\nalerts = [\"ops\"]\n\n{}{}[tasks.both]\nplugin = \"exit-1\"\nalerts = [\"team\"]\n\n\
         [tasks.without]\nplugin = \"exit-1\"\nalerts = [\"team\"]\nalerts-except = [\"ops\"]\n",
        to(&ops, ""),
        to(&team, "").replace("alerts.ops", "alerts.team")
    );
    let project = Project::new(&config, &["exit-1"]);
    let serving = project.serve();
    for task in ["without", "both"] {
        trigger(&project, task);
    }
    ops.until("the failure of both", |request| request.notices().contains(&"failed first both".to_owned()));
    let told = |receiver: &Receiver| {
        let mut told = receiver.told();
        told.sort();
        told
    };
    let all = ["failed first both", "failed first without"];
    assert!(eventually(|| told(&team) == all), "{:?}", team.told());
    stop(serving);
    assert_eq!(told(&ops), ["failed first both"]);
}

#[test]
fn a_plugin_that_cannot_be_used_and_slots_that_were_missed_are_told() {
    let receiver = Receiver::start();
    let missing = "[tasks.odd]\nplugin = \"no-known-export\"\nalerts = [\"ops\"]\n";
    let often = "[tasks.often]\nplugin = \"tick\"\nalerts = [\"ops\"]\nschedule = { every = \"1s\" }\nmisfire.policy = \"skip\"\n";
    let project = Project::new(&format!("{}{missing}\n{often}", to(&receiver, "")), &["no-known-export", "tick"]);
    let serving = project.serve();
    receiver.until("the plugin", |request| request.notices() == ["plugin first no-known-export"]);
    serving.until_run("often", "succeeded", |run| run["outcome"]["class"] == "succeeded");
    stop(serving);
    // A slot is missed once it is thirty seconds late, so the last one is set back.
    let ledger = rusqlite::Connection::open(project.path("state/ledger.db")).unwrap();
    let back = 10 * 60 * 1000;
    ledger.execute("UPDATE tasks SET cursor = cursor - ?1, horizon = NULL WHERE name = 'often'", [back]).unwrap();
    ledger.execute_batch("DELETE FROM runs WHERE task = (SELECT id FROM tasks WHERE name = 'often')").unwrap();
    drop(ledger);
    let serving = project.serve();
    let missed = receiver.until("the missed slots", |request| request.notices() == ["missed first often"]);
    let what = missed.json()["notices"][0]["what"].as_str().unwrap().to_owned();
    assert!(what.contains("were not run: "), "{what}");
    stop(serving);
}

#[test]
fn a_ledger_that_cannot_be_written_is_told_without_it() {
    let receiver = Receiver::start();
    let often = "[tasks.often]\nplugin = \"tick\"\nalerts = [\"ops\"]\nschedule = { every = \"1s\" }\n";
    let project = Project::new(&format!("{}{often}", to(&receiver, "")), &["tick"]);
    let serving = project.serve();
    serving.until_run("often", "succeeded", |run| run["outcome"]["class"] == "succeeded");
    let other = rusqlite::Connection::open(project.path("state/ledger.db")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let told = receiver.until("the trouble", |request| request.notices() == ["ledger first host"]);
    assert_eq!(told.json()["severity"], "critical");
    other.execute_batch("ROLLBACK").unwrap();
    receiver.until("its end", |request| request.notices() == ["ledger recovered host"]);
    stop(serving);
    let of_ledger = receiver.told().into_iter().filter(|told| told.starts_with("ledger")).count();
    assert_eq!(of_ledger, 2, "{:?}", receiver.told());
}

#[test]
fn the_list_shows_what_waits_and_a_test_what_arrives() {
    let receiver = Receiver::start();
    let token = "webhook.token = { file = \"token\" }\n";
    let project = Project::empty();
    std::fs::create_dir(project.path("plugins")).unwrap();
    std::fs::write(project.path("token"), "s3cr3t\n").unwrap();
    project.add_plugin("exit-1");
    project.configure(&format!("{}{FAILS}", to(&receiver, token)));
    let finished = project.run(&["alert", "test", "ops"]);
    assert!(finished.status.success(), "{finished:?}");
    let test = receiver.until("the test", |_| true);
    assert_eq!(test.authorization.as_deref(), Some("Bearer s3cr3t"));
    assert!(test.body.contains("a test of the alert ops: nothing is wrong"), "{}", test.body);
    receiver.answers(301);
    let finished = project.run(&["alert", "test", "ops"]);
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    assert!(finished.stderr.contains("a redirect (301"), "{finished:?}");
    assert!(!receiver.arrived().iter().any(|request| request.path == "/elsewhere"), "redirects are not followed");
    assert_eq!(project.run(&["alert", "test", "nobody"]).status.code(), Some(4));

    receiver.answers(503);
    let serving = project.serve();
    trigger(&project, "report");
    serving.until("an attempt failed", || listed(&project)["error"].is_string());
    let pending = listed(&project);
    assert_eq!((&pending["pending"], &pending["delivered_at"]), (&1.into(), &Value::Null), "{pending}");
    assert_eq!(pending["error"], "the answer is 503 Service Unavailable: as you say");
    receiver.answers(200);
    serving.until("it is delivered", || listed(&project)["delivered_at"].is_string());
    assert_eq!(listed(&project)["pending"], 0);
    assert!(!serving.log().contains("s3cr3t"), "{}", serving.log());
    stop(serving);
}
