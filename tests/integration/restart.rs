//! What the ledger holds after the host was killed, stopped or started twice.

use std::collections::BTreeSet;

use rustix::process::Signal;

use crate::project::{Project, slot};

const EVERY_SECOND: &str = "[tasks.tick]\nschedule = { every = \"1s\" }\nmisfire = { policy = \"all\", max = 1000 }\n";

#[test]
fn every_slot_has_one_entry_across_kills() {
    let project = Project::new(EVERY_SECOND, &["tick"]);
    for round in 1..=3 {
        let serving = project.serve();
        let before = project.runs("tick").len();
        serving.until("two more runs", || project.runs("tick").len() >= before + 2);
        serving.signal(Signal::KILL);
        let (status, _) = serving.wait();
        assert!(!status.success(), "round {round}");
    }
    let runs = project.runs("tick");
    let slots: BTreeSet<i64> = runs.iter().map(slot).collect();
    assert_eq!(slots.len(), runs.len(), "no slot has two entries");
    let (first, last) = (slots.first().unwrap(), slots.last().unwrap());
    assert_eq!((last - first) / 1000 + 1, slots.len() as i64, "no slot is without an entry");
}

#[test]
fn a_second_host_on_the_same_state_is_refused() {
    let project = Project::new(EVERY_SECOND, &["tick"]);
    let serving = project.serve();
    let second = project.run(&["serve"]);
    assert_eq!(second.status.code(), Some(5), "{second:?}");
    assert!(second.stderr.contains("in use by another sandclock"), "{second:?}");
    assert!(second.stderr.contains(&serving.id().to_string()), "it says which process: {second:?}");
}
