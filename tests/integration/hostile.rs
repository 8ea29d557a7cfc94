//! Guests that misbehave: each ends as it should, and a well-behaved task beside them keeps its schedule.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::project::{Project, slot};

/// A guest of `tests/guests`, how its runs end, and a word that the reason must hold.
const GUESTS: &[(&str, &str, &str)] = &[
    ("deep-recursion", "trapped", "stack"),
    ("division-by-zero", "trapped", "divide by zero"),
    ("endless-loop", "exceeded", "fuel"),
    ("escape-sequences", "succeeded", ""),
    ("exit-1", "failed-permanent", "1"),
    ("exit-75", "failed-transient", "75"),
    ("log-flood", "succeeded", ""),
    ("memory-growth", "exceeded", "memory"),
    ("missing-import", "skipped", "plugin"),
    ("no-known-export", "skipped", "plugin"),
    ("out-of-bounds", "trapped", "out of bounds"),
    ("panic", "trapped", "unreachable"),
    ("sleep-for-ever", "exceeded", "timeout"),
    ("tick", "succeeded", ""),
    ("unreachable", "trapped", "unreachable"),
];

#[test]
fn every_guest_ends_as_it_should_and_a_good_task_keeps_its_schedule() {
    let mut config = String::from(
        "[defaults]\nretry = { attempts = 1 }\nlimits = { timeout = \"2s\", fuel = \"2G\", memory = \"16MiB\", log = \"64KiB\" }\n\n",
    );
    for (guest, ..) in GUESTS.iter().filter(|(guest, ..)| *guest != "tick") {
        config += &format!("[tasks.{guest}]\nschedule = {{ every = \"3s\" }}\n\n");
    }
    config += "[tasks.tick]\nschedule = { every = \"1s\" }\n";
    let names: Vec<&str> = GUESTS.iter().map(|(guest, ..)| *guest).collect();
    let project = Project::new(&config, &names);
    fs::write(project.path("plugins/truncated.wasm"), &b"\0asm\x01\0\0\0\x01\x7f"[..]).unwrap();

    let serving = project.serve();
    for (guest, class, reason) in GUESTS {
        // Slots that came while the plugin compiled may be skipped for the first of them.
        let counts = |run: &Value| run["state"] == "final" && (*class == "skipped" || run["attempts"] != 0);
        let run = serving.until_run(guest, &format!("is over ({class})"), counts);
        assert_eq!(run["outcome"]["class"], *class, "{guest}: {run}");
        let told = run["outcome"]["message"].as_str().unwrap_or_default();
        assert!(told.contains(reason), "{guest}: {reason:?} is not in {told:?}");
    }
    let before = project.runs("tick").len();
    serving.until("ten more ticks", || project.runs("tick").len() >= before + 10);
    kept_its_schedule(&project.runs("tick")[before..]);

    let log = project.run(&["logs", "--task", "log-flood"]);
    assert!(log.stdout.len() < 256 << 10, "a flood of log is cut off");
    let log = project.run(&["logs", "--task", "escape-sequences"]);
    assert!(!log.stdout.contains('\u{1b}') && log.stdout.contains("red"), "escape sequences are inert: {}", log.stdout);
}

/// Every slot between the first and the last was run at once and succeeded.
fn kept_its_schedule(ticks: &[Value]) {
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
    let tested: BTreeSet<String> = GUESTS.iter().map(|(guest, ..)| (*guest).to_owned()).collect();
    assert_eq!(files, tested);
}
