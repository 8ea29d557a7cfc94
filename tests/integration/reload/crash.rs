//! A host that is killed while it takes other configurations.

use std::collections::BTreeSet;
use std::time::Duration;

use rustix::process::Signal;

use super::{config, replace};
use crate::project::{Project, slot};

/// Every slot of the task that stays has one entry, and those of the others never have two, wherever the kill falls.
#[test]
fn no_slot_is_lost_or_doubled_by_a_kill_in_the_middle_of_reloads() {
    let every = |task: &str, seconds: u32| {
        let misfire = "misfire = { policy = \"all\", max = 1000 }\n";
        format!("[tasks.{task}]\nplugin = \"tick\"\nschedule = {{ every = \"{seconds}s\" }}\n{misfire}\n")
    };
    let stays = every("stays", 1);
    let versions = [
        config(true, &stays),
        config(true, &(stays.clone() + &every("comes", 1) + &every("changes", 1))),
        config(true, &(stays + &every("changes", 2))),
    ];
    let project = Project::new(&versions[0], &["tick"]);
    for round in 0..6_u64 {
        let serving = project.serve();
        for version in versions.iter().cycle().skip(round as usize % 3).take(3) {
            replace(&project.path("sandclock.toml"), version);
            serving.lives(Duration::from_millis(270 + 61 * round));
        }
        serving.signal(Signal::KILL);
        serving.wait();
    }
    let serving = project.serve();
    let before = project.runs("stays").len();
    serving.until("two more runs", || project.runs("stays").len() >= before + 2);
    serving.signal(Signal::TERM);
    let (status, log) = serving.wait();
    assert!(status.success(), "{log}");
    for task in ["stays", "comes", "changes"] {
        let runs = project.runs(task);
        let single: Vec<i64> = runs.iter().filter(|run| run["kind"] == "run").map(slot).collect();
        let slots: BTreeSet<i64> = single.iter().copied().collect();
        assert_eq!(slots.len(), single.len(), "no slot of {task} has two entries");
        if task == "stays" {
            let (first, last) = (slots.first().unwrap(), slots.last().unwrap());
            assert_eq!((last - first) / 1000 + 1, slots.len() as i64, "no slot is without an entry: {runs:?}");
        }
    }
    let verified = project.run(&["ledger", "verify"]);
    assert!(verified.status.success(), "{verified:?}");
}
