//! Commands that ask a host: here, elsewhere, and where there is none.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::json;

use crate::project::{Finished, Project, exits, stop};

const CONFIG: &str = "\
[tasks.tick]\nschedule = { every = \"30d\" }\n\n\
[tasks.bad]\nplugin = \"unreachable\"\n\n\
[tasks.slow]\nplugin = \"sleep-for-ever\"\ntimeout = \"10m\"\n\n\
[tasks.flaky]\nretry = { attempts = 3, first = \"10ms\" }\n\n\
[tasks.off]\nplugin = \"tick\"\nenabled = false\n";

fn project() -> Project {
    Project::new(CONFIG, &["tick", "unreachable", "sleep-for-ever", "flaky"])
}

#[test]
fn what_needs_a_host_says_that_there_is_none() {
    let project = project();
    let run = "01KB2M8Q4Z7XN";
    for command in [
        &["status"][..],
        &["status", "--json"],
        &["top"],
        &["retry", run],
        &["trigger", "tick", "--wait"],
        &["logs", "-f", run],
        &["logs", "-f", "--task", "tick"],
    ] {
        exits(&project.run(command), 6, "no host is running on");
    }
    let tasks = project.run(&["tasks"]);
    exits(&tasks, 0, "what runs is unknown");
    assert!(tasks.stdout.contains("\ntick ") && tasks.stdout.contains(" disabled "), "{tasks:?}");
    let tasks = project.json(&["tasks", "--json"]);
    assert_eq!((&tasks[4]["task"], &tasks[4]["running"]), (&json!("tick"), &json!(null)), "{tasks}");
    exits(&project.run(&["tasks", "tick"]), 0, "");
    exits(&project.run(&["tasks", "tock"]), 4, "no task is called tock");
    let elsewhere = Finished::of(project.command(&["tasks"]).env("SANDCLOCK_URL", "http://127.0.0.1:9"));
    exits(&elsewhere, 6, "no host answers at http://127.0.0.1:9");
}

#[test]
fn a_run_is_waited_for_with_its_log_its_output_and_its_outcome() {
    let project = project();
    let serving = project.serve();
    let good = project.run(&["trigger", "flaky", "--wait"]);
    exits(&good, 0, "succeeded after ");
    assert_eq!(good.stdout, "succeeded at attempt 3", "{good:?}");
    assert!(good.stderr.contains("it worked this time") && good.stderr.contains(", in 3 attempts"), "{good:?}");

    let bad = project.run(&["trigger", "bad", "--wait=2m"]);
    exits(&bad, 11, "trapped: ");
    let id = bad.stderr.lines().next().unwrap().strip_prefix("run ").unwrap().to_owned();
    let again = project.run(&["retry", &id, "--wait"]);
    exits(&again, 11, "trapped: ");
    assert_eq!(project.json(&["logs", &id, "--json"])["attempts"].as_array().unwrap().len(), 2);
    exits(&project.run(&["retry", "01KB2M8Q4Z7XN"]), 4, "no run 01KB2M8Q4Z7XN");

    let slow = project.run(&["trigger", "slow", "--wait=100ms"]);
    exits(&slow, 124, "is not over after 100ms");
    exits(&project.run(&["cancel", slow.stdout.trim()]), 0, "was told to end");

    let first = project.run(&["trigger", "tick", "--key", "a-key"]);
    let second = project.run(&["trigger", "tick", "--key", "a-key", "--wait"]);
    exits(&second, 0, "there is no second one");
    assert!(second.stderr.contains(first.stdout.trim()), "{second:?}");
    stop(serving);
}

#[test]
fn logs_are_followed_to_the_end_of_a_run_and_of_a_task_until_its_host_stops() {
    let project = project();
    let serving = project.serve();
    let of_task = |arguments: &[&str]| {
        let mut child = project.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        (BufReader::new(child.stdout.take().unwrap()).lines(), child)
    };
    let (mut lines, mut following) = of_task(&["logs", "-f", "--task", "flaky"]);
    let (mut objects, mut in_json) = of_task(&["logs", "-f", "--task", "flaky", "--json"]);
    // Whoever follows is told of what happens from then on: something happens until both were told.
    let told = std::thread::scope(|scope| {
        let both = scope.spawn(move || (lines.next().unwrap().unwrap(), objects.next().unwrap().unwrap()));
        serving.until("both are told", || {
            project.run(&["trigger", "flaky", "--wait"]);
            both.is_finished()
        });
        both.join().unwrap()
    });
    assert!(told.0.starts_with("run ") && told.0.ends_with(" of flaky, attempt 3"), "{told:?}");
    let object: serde_json::Value = serde_json::from_str(&told.1).unwrap();
    assert_eq!(object["line"]["message"], "it worked this time");

    let id = project.run(&["trigger", "flaky"]).stdout.trim().to_owned();
    let followed = project.run(&["logs", "-f", &id]);
    exits(&followed, 0, &format!("{id} succeeded"));
    assert!(followed.stdout.contains("it worked this time"), "{followed:?}");
    exits(&project.run(&["logs", "-f", "01KB2M8Q4Z7XN"]), 4, "no run");
    exits(&project.run(&["logs", "-f", "--task", "tock"]), 4, "no task");
    stop(serving);
    assert_eq!(following.wait().unwrap().code(), Some(1));
    assert_eq!(in_json.wait().unwrap().code(), Some(1));
}

#[test]
fn whoever_follows_a_task_hears_also_of_runs_that_log_nothing() {
    let project = Project::new("[tasks.quiet]\nplugin = \"exit-0\"\n", &["exit-0"]);
    let serving = project.serve();
    let mut follow = project.command(&["logs", "-f", "--task", "quiet"]);
    let mut child = follow.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let told = std::thread::scope(|scope| {
        let told = scope.spawn(move || [said.next(), said.next()].map(|line| line.unwrap().unwrap()));
        serving.until("two ends are told", || {
            project.run(&["trigger", "quiet", "--wait"]);
            told.is_finished()
        });
        told.join().unwrap()
    });
    assert!(told.iter().all(|line| line.ends_with(" succeeded")) && told[0] != told[1], "{told:?}");
    stop(serving);
    let finished = child.wait_with_output().unwrap();
    assert_eq!((finished.status.code(), finished.stdout), (Some(1), Vec::new()));
}

#[test]
fn a_host_elsewhere_is_asked_the_same() {
    let project = project();
    let serving = project.serve();
    let id = project.run(&["trigger", "bad", "--wait"]).stderr.lines().next().unwrap()["run ".len()..].to_owned();
    let url = format!("http://{}", serving.address());
    // A folder with nothing in it: all that is known comes from the host.
    let afar = Project::empty();
    for command in [
        &["runs", "--outcome", "trapped,failed"][..],
        &["runs", "bad", "--json"],
        &["logs", &id],
        &["logs", &id, "--level", "error"],
        &["logs", "--task", "bad", "--json"],
        &["tasks"],
        &["tasks", "bad"],
        &["tasks", "--json"],
        &["next", "--from", "2027-01-01T00:00:00Z", "--json"],
        &["next", "tick", "--from", "2027-01-01T00:00:00Z", "-n", "3", "--json"],
    ] {
        let (here, there) = (project.run(command), afar.run(&[command, &["--url", &url]].concat()));
        exits(&there, 0, "");
        assert_eq!((there.stdout, there.stderr), (here.stdout, here.stderr), "{command:?}");
    }
    let environment = Finished::of(afar.command(&["status", "--json"]).env("SANDCLOCK_URL", &url));
    exits(&environment, 0, "");
    let status: serde_json::Value = serde_json::from_str(&environment.stdout).unwrap();
    assert_eq!((&status["tasks"], &status["trouble"][0]["task"]), (&json!(5), &json!("bad")), "{status}");
    exits(&afar.run(&["top", "--url", &url]), 0, "");
    exits(&afar.run(&["logs", "01KB2M8Q4Z7XN", "--url", &url]), 4, "the ledger has no run");
    exits(&afar.run(&["logs", "-f", &id, "--url", &url]), 0, "trapped");
    let next = afar.run(&["next", "tick", "--url", &url, "-n", "1"]);
    assert!(next.stdout.starts_with("DUE ") && next.stdout.contains("  tick  UTC"), "{next:?}");
    exits(&afar.run(&["next", "bad", "--url", &url]), 0, "has no schedule");
    exits(&afar.run(&["next", "tock", "--url", &url]), 4, "no task");
    let with_token =
        Finished::of(afar.command(&["status", "--url", "http://192.0.2.1"]).env("SANDCLOCK_TOKEN", "secret"));
    exits(&with_token, 1, "not sent over plain http");
    stop(serving);
}

#[test]
fn a_host_is_seen_with_its_tasks_and_their_trouble() {
    let project = project();
    let serving = project.serve();
    let fine = project.run(&["status"]);
    exits(&fine, 0, "");
    assert!(fine.stdout.contains(" is ready, since ") && !fine.stdout.contains("in trouble"), "{fine:?}");
    exits(&project.run(&["trigger", "bad", "--wait"]), 11, "");
    let trouble = project.run(&["status"]).stdout;
    assert!(trouble.contains("in trouble:\nbad  failed, last ") && trouble.contains("trapped: "), "{trouble}");
    exits(&project.run(&["pause", "tick"]), 0, "tick is paused");
    let tasks = project.json(&["tasks", "--json"]);
    let bad = tasks.as_array().unwrap().iter().find(|task| task["task"] == "bad").unwrap();
    assert_eq!((&bad["failures_in_a_row"], &bad["running"]), (&json!(1), &json!(0)), "{tasks}");
    let shown = project.run(&["tasks"]).stdout;
    assert!(shown.lines().any(|line| line.starts_with("tick ") && line.contains(" paused ")), "{shown}");
    let page = project.run(&["tasks", "tick"]).stdout;
    assert!(page.contains("paused since ") && page.contains("passes without a run"), "{page}");
    stop(serving);
}

#[test]
fn a_host_is_asked_also_while_its_file_is_wrong_and_says_so() {
    let project = project();
    let serving = project.serve();
    let good = std::fs::read_to_string(project.path("sandclock.toml")).unwrap();
    std::fs::write(project.path("sandclock.toml"), format!("{good}\nwrong = 1\n")).unwrap();
    serving
        .until("it refused the file", || !project.json(&["status", "--json"])["configuration"]["refused_at"].is_null());
    let status = project.run(&["status"]);
    exits(&status, 0, "of the host that goes on without it");
    assert!(status.stdout.contains("a changed configuration was refused"), "{status:?}");
    exits(&project.run(&["trigger", "tick", "--wait"]), 0, "succeeded");
    std::fs::write(project.path("sandclock.toml"), good.replace("[host]", "[host]\nworkers = 1")).unwrap();
    serving.until("it took one", || project.json(&["status", "--json"])["configuration"]["refused_at"].is_null());
    let status = project.run(&["status"]).stdout;
    assert!(status.contains("counts once the host is started again: host.workers"), "{status}");
    stop(serving);
    exits(&project.run(&["status"]), 6, "no host is running");
    std::fs::write(project.path("sandclock.toml"), "wrong = 1\n").unwrap();
    exits(&project.run(&["status"]), 3, "unknown key `wrong`");
}
