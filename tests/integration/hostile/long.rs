//! Ten thousand runs of all hostile guests, with four good tasks beside them, in little memory.
//!
//! `cargo xtask hostile` runs this; it takes some minutes and prints what it measured.

use std::fs;
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::Value;

use super::files::BOMBS;
use super::footprint::Footprint;
use super::peers::Peers;
use super::{HEAD, SLACK, hostile_tasks, project, tasks_of, write};
use crate::project::{Project, Serving, eventually, request, slot};

/// Attempts that have to be over.
const ATTEMPTS: usize = 10_000;
/// Attempts after which every guest has had its turn, and the host its pool.
const WARM: usize = 1_000;
/// Attempts of the good tasks while nothing else runs.
const QUIET: usize = 400;
/// What the host has to do with, in bytes.
const MEMORY: u64 = 512 << 20;
/// What the pool keeps at hand for the next attempts: 2 MiB for each of 32 places.
const POOL: u64 = 64 << 20;
/// How often two minutes are waited for what takes long.
const PATIENCE: usize = 10;
/// More runs than there are.
const ALL: &str = "1000000";
/// How often as late as on a quiet host a good run may begin, at p99.
const LATER: i64 = 3;
/// Lateness that says nothing, in milliseconds: a few time slices of others, and a commit of the ledger.
const NOISE: i64 = 100;
/// Runs that go on at once at the most, as `HEAD` has it.
const PLACES: usize = 32;
/// Set by whoever cannot make a group of processes, and wants the rest.
const WITHOUT_CGROUP: &str = "SANDCLOCK_HOSTILE_NO_CGROUP";

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
    let project = project(&format!("{HEAD}{good}{}{}", hostile_tasks(&peers, "4s"), tasks_of(BOMBS)));
    write(&project, BOMBS);
    let serving = project.serve();
    let cgroup = Cgroup::around(serving.id());
    assert!(
        cgroup.is_some() || std::env::var_os(WITHOUT_CGROUP).is_some(),
        "no memory cgroup can be made here (as root it can); `cargo xtask hostile --no-cgroup` does without"
    );
    at_last(&serving, WARM);
    let before = Footprint::of(serving.id());
    at_last(&serving, ATTEMPTS);
    let after = Footprint::of(serving.id());
    let good: Vec<Value> = good_runs(&project).into_iter().filter(|run| run["state"] == "final").collect();
    let outcomes: Vec<&Value> = good.iter().map(|run| &run["outcome"]["message"]).collect();
    let failed = outcomes.iter().filter(|outcome| **outcome != "succeeded").count();
    let broken = project.json(&["runs", "--outcome", "broken", "--limit", ALL, "--json"]).as_array().unwrap().len();

    let later = p99_lateness(&good);
    let at_once = places_come_back(&project, &serving);

    println!("attempts                           {}", attempts(&serving));
    println!("runs of four good tasks, failed    {}, {failed}", good.len());
    println!("their p99 lateness, quiet and not  {quiet} ms, {later} ms");
    println!("memory of the host, early and late {} MiB, {} MiB", before.memory >> 20, after.memory >> 20);
    println!("threads, early and late            {}, {}", before.threads, after.threads);
    println!("descriptors, early and late        {}, {}", before.descriptors, after.descriptors);
    println!("within a memory cgroup of 512 MiB  {}", if cgroup.is_some() { "yes" } else { "no, as asked" });
    println!("runs that go on at once afterwards {at_once} of {PLACES}");
    assert!(later <= (quiet * LATER).max(NOISE), "good runs begin late: {quiet} ms when it is quiet, {later} ms");
    assert_eq!(at_once, PLACES, "places do not come back");
    assert_eq!((failed, broken), (0, 0), "good runs that failed, and faults of the host: {outcomes:?}");
    assert!(after.memory <= before.memory + SLACK + POOL, "memory does not come back");
    // Those that waited for a file are kept for some seconds.
    serving.until("threads come back", || Footprint::of(serving.id()).threads <= before.threads + 2);
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

/// How many runs go on at once when every task but one is gone, and more than can are asked for: each takes a permit and a
/// place in the pool, and one that found none would be broken.
fn places_come_back(project: &Project, serving: &Serving<'_>) -> usize {
    let holder = "[tasks.holder]\nplugin = \"sleep-for-ever\"\noverlap = \"allow\"\nlimits.timeout = \"1h\"\n";
    project.configure(&format!("{HEAD}\n{holder}"));
    let gauge = |name: &str| {
        let scrape = request(&serving.address(), "/metrics");
        let value = scrape.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
        value.unwrap_or_else(|| panic!("{name} in\n{scrape}")) as usize
    };
    serving.until("the others are gone", || {
        serving.log().contains("the configuration was reloaded")
            && (gauge("sandclock_running "), gauge("sandclock_queued ")) == (0, 0)
    });
    (0..=PLACES).for_each(|_| assert!(project.run(&["trigger", "holder"]).status.success()));
    serving.until("one waits", || gauge("sandclock_queued ") > 0);
    serving.until("the others go on", || gauge("sandclock_running ") + gauge("sandclock_queued ") > PLACES);
    gauge("sandclock_running ")
}

/// How long after their slots guests were started, in milliseconds.
fn p99_lateness(runs: &[Value]) -> i64 {
    let started = runs.iter().filter(|run| run["attempts"] != 0);
    let mut lateness: Vec<i64> = started.map(|run| moment(&run["started_at"]) - slot(run)).collect();
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
