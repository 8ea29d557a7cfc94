//! The ledger under trouble, with the real program: no slot is lost and none is entered twice, and it says what is wrong.

mod commands;
mod damage;
mod disk;
mod faulty;
mod payload;
mod retention;
mod room;
mod trouble;

use std::collections::BTreeSet;
use std::path::PathBuf;

use rusqlite::Connection;
use serde_json::Value;

use crate::project::{Project, Serving};

/// A task at every second that makes up for what it missed.
const EVERY_SECOND: &str = "[tasks.tick]\nschedule = { every = \"1s\" }\nmisfire = { policy = \"all\", max = 1000 }\n";

fn database(project: &Project) -> PathBuf {
    project.path("state/ledger.db")
}

/// The ledger's file, as somebody else opens it.
fn open(project: &Project) -> Connection {
    Connection::open(database(project)).unwrap()
}

fn succeeded(run: &Value) -> bool {
    run["outcome"]["class"] == "succeeded"
}

/// Asserts that each second between a task's first and last entry has exactly one, and that `ledger verify` agrees.
#[track_caller]
fn assert_every_slot_once(project: &Project, task: &str) {
    let records = project.json(&["runs", task, "--limit", "1000000", "--json"]);
    let millis = |text: &Value| text.as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond();
    let slots: Vec<i64> = records
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|record| match record["kind"].as_str() {
            Some("missed") => (millis(&record["first"])..=millis(&record["last"])).step_by(1000).collect(),
            _ => vec![millis(&record["due"])],
        })
        .collect();
    let different: BTreeSet<i64> = slots.iter().copied().collect();
    assert_eq!(different.len(), slots.len(), "a slot has two entries");
    let (first, last) = (different.first().unwrap(), different.last().unwrap());
    assert_eq!((last - first) / 1000 + 1, slots.len() as i64, "a slot has no entry");
    let verified = project.run(&["ledger", "verify"]);
    assert!(verified.status.success(), "{verified:?}");
}

/// Waits until the host is not ready, for this reason.
#[track_caller]
fn until_trouble(serving: &Serving<'_>, reason: &str) {
    serving.until(&format!("/readyz says that {reason}"), || {
        let (code, body) = serving.ready();
        code == 503 && body["reason"].as_str() == Some(reason)
    });
}

#[track_caller]
fn until_ready(serving: &Serving<'_>) {
    serving.until("it is ready again", || serving.ready().0 == 200);
}
