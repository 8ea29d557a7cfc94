//! Guests that misbehave: each ends as it should, a well-behaved task beside them keeps its schedule, and what they took
//! of the host comes back.

mod alone;
mod crowd;
mod files;
mod footprint;
mod guests;
mod long;
mod peers;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::Value;

use self::files::{BOMBS, FILES, File};
use self::footprint::Footprint;
use self::guests::{GUESTS, Guest};
use self::peers::Peers;
use crate::project::{Project, Serving, slot};

const HEAD: &str = r#"[host]
listen = "127.0.0.1:0"
max-concurrent-runs = 32
compile = { timeout = "20s", max-size = "4MiB", parallel = 4 }

[defaults]
retry = { attempts = 1 }
limits = { timeout = "20s", fuel = "100M", memory = "16MiB", log = "64KiB", http-first-byte = "300ms", http-between-bytes = "300ms", http-body = "256KiB" }
"#;

/// The task that behaves.
const GOOD: &str = r#"
[tasks.tick]
schedule = { every = "1s" }
"#;

/// What the host's memory may come to be more after many rounds than after the first, in bytes.
const SLACK: u64 = 32 << 20;

#[test]
fn every_guest_ends_as_it_should_and_what_it_took_comes_back() {
    let peers = Peers::start();
    let project = project(&format!("{HEAD}{GOOD}{}", hostile_tasks(&peers, "6s")));
    let serving = project.serve();
    for guest in GUESTS {
        // Slots that came while the plugin compiled may be skipped for the first of them.
        let counts = |run: &Value| run["state"] == "final" && (guest.class == "skipped" || run["attempts"] != 0);
        let run = serving.until_run(guest.name, &format!("is over ({})", guest.class), counts);
        assert_eq!(run["outcome"]["class"], guest.class, "{}: {run}", guest.name);
        let told = run["outcome"]["message"].as_str().unwrap_or_default();
        assert!(told.contains(guest.reason), "{}: {:?} is not in {told:?}", guest.name, guest.reason);
    }
    FILES.iter().for_each(|file| ends(&serving, file));
    let first = Footprint::of(serving.id());
    rounds_go_by(&project, &serving);
    let second = Footprint::of(serving.id());
    assert!(second.memory <= first.memory + SLACK, "memory does not come back: {first:?}, then {second:?}");
    // They go on meanwhile, and some rounds have more at once than others; what leaks does not come back.
    serving.until(&format!("threads and descriptors come back to {first:?} from {second:?}"), || {
        let now = Footprint::of(serving.id());
        now.threads <= first.threads + 2 && now.descriptors <= first.descriptors + 16
    });

    let log = project.run(&["logs", "--task", "log-flood"]);
    assert!(log.stdout.len() < 256 << 10, "a flood of log is cut off");
    for task in ["escape-sequences", "log-injection"] {
        let log = project.run(&["logs", "--task", task]).stdout;
        assert!(!log.contains(['\u{1b}', '\u{202e}', '\r']) && log.contains("\\u{1b}[31m"), "it is inert: {log}");
    }
}

#[test]
fn what_would_be_compiled_for_minutes_is_given_up_in_time() {
    let head = "[host]\nlisten = \"127.0.0.1:0\"\ncompile = { timeout = \"500ms\" }\n";
    let project = Project::new(&format!("{head}{}", tasks_of(BOMBS)), &[]);
    write(&project, BOMBS);
    let serving = project.serve();
    BOMBS.iter().for_each(|file| ends(&serving, file));
}

/// Sees a run of a file end as it should, for the reason that it should.
#[track_caller]
fn ends(serving: &Serving<'_>, File { name, class, reason, .. }: &File) {
    let run = serving.until_run(name, "is over", |run| run["state"] == "final");
    assert_eq!(run["outcome"]["class"], *class, "{name}: {run}");
    let log = serving.log();
    let said: Vec<&str> = log.lines().filter(|line| line.contains(&format!("plugin={name}"))).collect();
    assert!(reason.is_empty() || said.iter().any(|line| line.contains(reason)), "{name}: no {reason:?} in {said:?}");
}

/// The tasks of all hostile guests and files, each due this often.
fn hostile_tasks(peers: &Peers, every: &str) -> String {
    GUESTS.iter().map(|guest| table(guest, peers, every)).chain([tasks_of(FILES)]).collect()
}

fn tasks_of(files: &[File]) -> String {
    files.iter().map(|File { name, .. }| format!("\n[tasks.{name}]\nschedule = {{ every = \"5s\" }}\n")).collect()
}

fn write(project: &Project, files: &[File]) {
    for File { name, content, .. } in files {
        fs::write(project.path(&format!("plugins/{name}.wasm")), content()).unwrap();
    }
}

/// A folder with this configuration and all guests.
fn project(config: &str) -> Project {
    let mut plugins: Vec<&str> = GUESTS.iter().map(|guest| guest.plugin.unwrap_or(guest.name)).collect();
    plugins.push("tick");
    plugins.sort_unstable();
    plugins.dedup();
    let project = Project::new(config, &plugins);
    write(&project, FILES);
    fs::create_dir(project.path("data")).unwrap();
    fs::write(project.path("data/kept.txt"), "kept").unwrap();
    let old = fs::File::create(project.path("data/old.txt")).unwrap();
    old.set_modified(SystemTime::UNIX_EPOCH - Duration::from_millis(1500)).unwrap();
    symlink("/etc", project.path("data/out")).unwrap();
    mknodat(CWD, project.path("data/pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    project
}

/// The table of a guest's task.
fn table(Guest { name, given, plugin, .. }: &Guest, peers: &Peers, every: &str) -> String {
    let silent = peers.address("silent");
    let given = match given.strip_prefix("{asking}") {
        Some(peer) => {
            let address = peers.address(peer);
            format!("payload.targets = [{{ url = \"http://{address}/\" }}]\ngrants.http = [\"http://{address}\"]")
        }
        None => given.replace("{silent}", &silent.to_string()).replace("{port}", &silent.port().to_string()),
    };
    let plugin = plugin.map_or(String::new(), |plugin| format!("plugin = \"{plugin}\"\n"));
    format!("\n[tasks.{name}]\n{plugin}schedule = {{ every = \"{every}\", splay = \"{every}\" }}\n{given}\n")
}

/// Waits until every guest has run twice more, and sees that the good task kept its schedule all the while.
fn rounds_go_by(project: &Project, serving: &Serving<'_>) {
    let before = project.runs("tick").len();
    serving.until("fifteen more ticks", || project.runs("tick").len() >= before + 15);
    let ticks = project.runs("tick").split_off(before);
    let over: Vec<&Value> = ticks.iter().filter(|run| run["state"] == "final").collect();
    for run in &over {
        assert_eq!(run["outcome"]["class"], "succeeded", "{run}");
        assert_eq!(run["cause"]["kind"], "schedule", "{run}");
    }
    let slots: Vec<i64> = over.iter().map(|run| slot(run)).collect();
    assert!(slots.windows(2).all(|pair| pair[1] - pair[0] == 1000), "{slots:?}");
}

#[test]
fn every_guest_has_a_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guests");
    let files: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".wat").map(str::to_owned))
        .chain(["panic".to_owned()])
        .collect();
    let good = "tick".to_owned();
    let own = GUESTS.iter().filter(|guest| guest.plugin.is_none()).map(|guest| guest.name.to_owned());
    assert_eq!(files, own.chain([good]).collect());
    assert!(GUESTS.len() >= 60);
}
