//! Ten thousand runs of all hostile guests, with four good tasks beside them, in little memory.
//!
//! `cargo xtask hostile` runs this; it takes some minutes and prints what it measured.

use std::fs;
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::Value;

use super::footprint::Footprint;
use super::peers::Peers;
use super::{HEAD, SLACK, hostile_tasks, project};
use crate::project::{Project, Serving, eventually, slot};

/// Attempts that have to be over.
const ATTEMPTS: usize = 10_000;
/// Attempts after which every guest has had its turn, and the host its pool.
const WARM: usize = 1_000;
/// Attempts of the good tasks while nothing else runs.
const QUIET: usize = 120;
/// What the host has to do with, in bytes.
const MEMORY: u64 = 512 << 20;
/// What the pool keeps at hand for the next attempts: 2 MiB for each of 32 places.
const POOL: u64 = 64 << 20;
/// How often two minutes are waited for what takes long.
const PATIENCE: usize = 10;
/// More runs than there are.
const ALL: &str = "1000000";

#[test]
#[ignore = "takes some minutes: `cargo xtask hostile` runs it"]
fn ten_thousand_runs_hurt_nobody() {
    let good: String = (1..=4)
        .map(|number| {
            format!("\n[tasks.good-{number}]\nplugin = \"tick\"\nschedule = {{ every = \"1s\", splay = \"1s\" }}\n")
        })
        .collect();
    let quiet = Project::new(&format!("{HEAD}{good}"), &["tick"]);
    let serving = quiet.serve();
    at_last(&serving, QUIET);
    let quiet = p99_lateness(&good_runs(&quiet));
    drop(serving);

    let peers = Peers::start();
    let project = project(&format!("{HEAD}{good}{}", hostile_tasks(&peers, "4s")));
    let serving = project.serve();
    let cgroup = Cgroup::around(serving.id());
    at_last(&serving, WARM);
    let before = Footprint::of(serving.id());
    at_last(&serving, ATTEMPTS);
    let after = Footprint::of(serving.id());
    let good: Vec<Value> = good_runs(&project).into_iter().filter(|run| run["state"] == "final").collect();
    let outcomes: Vec<&Value> = good.iter().map(|run| &run["outcome"]["message"]).collect();
    let failed = outcomes.iter().filter(|outcome| **outcome != "succeeded").count();
    let broken = project.json(&["runs", "--outcome", "broken", "--limit", ALL, "--json"]).as_array().unwrap().len();

    println!("attempts                           {}", attempts(&serving));
    println!("runs of four good tasks, failed    {}, {failed}", good.len());
    println!("their p99 lateness, quiet and not  {quiet} ms, {} ms", p99_lateness(&good));
    println!("memory of the host, early and late {} MiB, {} MiB", before.memory >> 20, after.memory >> 20);
    println!("threads, early and late            {}, {}", before.threads, after.threads);
    println!("descriptors, early and late        {}, {}", before.descriptors, after.descriptors);
    println!("within a memory cgroup of 512 MiB  {}", if cgroup.is_some() { "yes" } else { "no: none can be made" });
    assert_eq!((failed, broken), (0, 0), "good runs that failed, and faults of the host: {outcomes:?}");
    assert!(after.memory <= before.memory + SLACK + POOL, "memory does not come back");
    assert!(after.threads <= before.threads + 2, "threads do not come back");
    assert!(after.descriptors <= before.descriptors + 64, "descriptors do not come back");
}

/// The host prints a line when an attempt is over.
fn attempts(serving: &Serving<'_>) -> usize {
    serving.log().matches(" took=").count()
}

/// Waits for so many attempts; that the host is gone would show as waiting in vain.
#[track_caller]
fn at_last(serving: &Serving<'_>, count: usize) {
    let waited = (0..PATIENCE).any(|_| eventually(|| attempts(serving) >= count));
    assert!(waited, "waited in vain for {count} attempts; there were {}", attempts(serving));
}

/// The runs of the good tasks whose slots came due after the first success of each. That first one may have waited for
/// the plugin to compile, behind a hundred others, and slots that come due meanwhile are skipped for it.
fn good_runs(project: &Project) -> Vec<Value> {
    let settled = |runs: Vec<Value>| {
        let first = runs.iter().position(|run| run["outcome"]["class"] == "succeeded").unwrap();
        let since = moment(&runs[first]["since"]);
        runs.into_iter().filter(move |run| slot(run) > since)
    };
    (1..=4).flat_map(|number| settled(project.runs(&format!("good-{number}")))).collect()
}

/// How long after their slots runs were admitted, in milliseconds.
fn p99_lateness(runs: &[Value]) -> i64 {
    let mut lateness: Vec<i64> = runs.iter().map(|run| moment(&run["admitted_at"]) - slot(run)).collect();
    lateness.sort_unstable();
    lateness[(lateness.len() - 1) * 99 / 100]
}

/// A time in the ledger's JSON, in milliseconds.
fn moment(time: &Value) -> i64 {
    time.as_str().unwrap().parse::<Timestamp>().unwrap().as_millisecond()
}

/// A group of processes with little memory, of the kernel's second version or its first.
struct Cgroup(PathBuf);

impl Cgroup {
    /// Puts a process into a group of its own; none where groups cannot be made.
    fn around(process: u32) -> Option<Self> {
        let name = format!("sandclock-hostile-{process}");
        for (root, limit) in [("/sys/fs/cgroup", "memory.max"), ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")] {
            let folder = PathBuf::from(root).join(&name);
            let made = fs::create_dir(&folder)
                .and_then(|()| fs::write(folder.join(limit), MEMORY.to_string()))
                .and_then(|()| fs::write(folder.join("cgroup.procs"), process.to_string()));
            match made {
                Ok(()) => return Some(Self(folder)),
                // What was made before it failed, if anything was.
                Err(_) => drop(fs::remove_dir(&folder)),
            }
        }
        None
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Possible only when the process is gone, and it is the kernel's to clear up otherwise.
        let _ = fs::remove_dir(&self.0);
    }
}
