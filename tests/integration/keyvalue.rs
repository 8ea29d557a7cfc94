//! Key-value stores in the real host: what many add up is exact, and what is written with an attempt's success is written
//! with it, also when the host is killed.

use std::collections::BTreeSet;

use rustix::process::Signal;
use serde_json::Value;

use crate::project::Project;

/// What each success adds.
const STEP: u64 = 100;

fn counting(tasks: &[&str], grant: &str) -> Project {
    let table = |task: &&str| {
        format!("[tasks.{task}]\nplugin = \"kv-count\"\nschedule = {{ every = \"1s\" }}\ngrants.kv = {grant}\n\n")
    };
    let retry = "[defaults]\nretry = { attempts = 5, first = \"100ms\" }\n\n";
    Project::new(&format!("{retry}{}", tasks.iter().map(table).collect::<String>()), &["kv-count"])
}

fn succeeded(project: &Project, tasks: &[&str]) -> Vec<Value> {
    let runs = tasks.iter().flat_map(|task| project.runs(task));
    runs.filter(|run| run["outcome"]["class"] == "succeeded").collect()
}

/// What the number came to in each success, as its log tells.
fn numbers(project: &Project, tasks: &[&str]) -> Vec<u64> {
    let number = |run: &Value| {
        let log = project.run(&["logs", run["id"].as_str().unwrap()]).stdout;
        let digits = log.lines().rev().find_map(|line| line.split_whitespace().last()?.parse().ok());
        digits.unwrap_or_else(|| panic!("no number in the log of {run}: {log}"))
    };
    succeeded(project, tasks).iter().map(number).collect()
}

#[test]
fn what_tasks_add_up_in_a_shared_store_is_exact() {
    let project = counting(&["a", "b"], "{ shared = [\"counts\"] }");
    let serving = project.serve();
    serving.until("six successes", || succeeded(&project, &["a", "b"]).len() >= 6);
    serving.signal(Signal::TERM);
    let (status, log) = serving.wait();
    assert!(status.success(), "{log}");
    let numbers = numbers(&project, &["a", "b"]);
    assert_eq!(numbers.iter().max(), Some(&(numbers.len() as u64 * STEP)), "{numbers:?}");
}

#[test]
fn a_run_in_the_foreground_sees_the_stores_and_leaves_no_trace_in_them() {
    let project = counting(&["a"], "{ shared = [\"counts\"] }");
    let serving = project.serve();
    serving.until("a success", || !succeeded(&project, &["a"]).is_empty());
    serving.signal(Signal::TERM);
    serving.wait();
    let next = numbers(&project, &["a"]).into_iter().max().unwrap() + STEP;
    for _ in 0..2 {
        let ran = project.run(&["run", "a"]);
        assert!(ran.status.success() && ran.stderr.contains(&format!(" {next}\n")), "{next}: {ran:?}");
    }
    let file = project.run(&["run", "./plugins/kv-count.wat", "--kv"]);
    assert!(file.stderr.contains("kv = { shared = [\"counts\"] }"), "a file has a store of its own only: {file:?}");
}

#[test]
fn a_success_has_its_writes_and_nothing_else_has_any_across_kills() {
    let project = counting(&["a", "b"], "{ shared = [\"counts\"], transactional = true }");
    for _ in 0..4 {
        let serving = project.serve();
        let before = succeeded(&project, &["a", "b"]).len();
        serving.until("two more successes", || succeeded(&project, &["a", "b"]).len() >= before + 2);
        serving.signal(Signal::KILL);
        let (status, _) = serving.wait();
        assert!(!status.success());
    }
    let numbers = numbers(&project, &["a", "b"]);
    let steps: BTreeSet<u64> = (1..=numbers.len() as u64).map(|step| step * STEP).collect();
    assert_eq!(
        numbers.iter().copied().collect::<BTreeSet<_>>(),
        steps,
        "each success added once, and nothing else did"
    );
}
