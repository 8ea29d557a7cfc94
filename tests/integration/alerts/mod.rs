//! Alerts of the real program, to real receivers.

mod kills;
mod mail;
mod ping;
mod receiver;
mod rules;
mod tls;

use serde_json::Value;

use self::receiver::Receiver;
use crate::project::{Project, stop};

/// An alert to a receiver, sent without waiting for others.
fn to(receiver: &Receiver, more: &str) -> String {
    format!("[alerts.ops]\nwebhook.url = \"{}\"\ngroup-wait = \"0s\"\n{more}\n\n", receiver.url("/hook"))
}

/// A task that fails when it is asked for.
const FAILS: &str = "[tasks.report]\nplugin = \"exit-1\"\nalerts = [\"ops\"]\nretry.attempts = 1\n";
/// The same task, which succeeds.
const SUCCEEDS: &str = "[tasks.report]\nplugin = \"exit-1\"\nalerts = [\"ops\"]\nexit-codes.success = [1]\n";

fn trigger(project: &Project, task: &str) -> String {
    let triggered = project.run(&["trigger", task]);
    assert!(triggered.status.success(), "{triggered:?}");
    triggered.stdout.trim().to_owned()
}

/// The one alert of `sandclock alert list`.
fn listed(project: &Project) -> Value {
    project.json(&["alert", "list", "--json"])[0].clone()
}
