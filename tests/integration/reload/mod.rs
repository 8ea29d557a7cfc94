//! A running host takes other configurations and plugins, and nothing that is wrong.

mod crash;
mod files;
mod plugins;
mod triggers;

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use serde_json::Value;

use crate::project::{Project, Serving};

/// What the log says of each reload.
const RELOADED: &str = "the configuration was reloaded";
/// What the log says of a configuration that is not taken.
const REFUSED: &str = "the configuration was refused; the last good one stays in force";
/// What the log says of a plugin whose file cannot be used any more.
const KEPT: &str = "the plugin's file cannot be used, so what was loaded before stays";

/// A task that nothing but a trigger starts.
fn manual(task: &str) -> String {
    format!("[tasks.{task}]\nplugin = \"tick\"\n\n")
}

/// A configuration of a host that watches its files, or does not.
fn config(watch: bool, tasks: &str) -> String {
    format!("[host]\nlisten = \"127.0.0.1:0\"\nwatch = {watch}\n\n{tasks}")
}

/// The lines of the log that say so.
fn lines(serving: &Serving<'_>, what: &str) -> Vec<String> {
    serving.log().lines().filter(|line| line.contains(what)).map(str::to_owned).collect()
}

/// Waits until the log says something so many times.
#[track_caller]
fn until_told(serving: &Serving<'_>, what: &str, times: usize) {
    serving.until(&format!("{what:?} is told {times} times"), || lines(serving, what).len() >= times);
}

/// Puts a file in place as careful programs do: written under another name, and renamed.
fn replace(path: &Path, content: impl AsRef<[u8]>) {
    let draft = path.with_extension("draft");
    fs::write(&draft, content).unwrap();
    fs::rename(&draft, path).unwrap();
}

/// A file that is being written in place, with a pause in the middle.
fn begin(path: &Path, first: &str) -> File {
    let mut file = File::create(path).unwrap();
    file.write_all(first.as_bytes()).unwrap();
    file
}

/// A plain program that writes a line and ends after so many milliseconds.
fn program(line: &str, milliseconds: u64) -> String {
    let nanoseconds = milliseconds * 1_000_000;
    let length = line.len() + 1;
    format!(
        r#"(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "\10\04\00\00\{length:02x}\00\00\00")
  (data (i32.const 1040) "{line}\n")
  (func (export "_start")
    (drop (call $fd_write (i32.const 1) (i32.const 1024) (i32.const 1) (i32.const 1032)))
    (i32.store (i32.const 16) (i32.const 1))
    (i64.store (i32.const 24) (i64.const {nanoseconds}))
    (drop (call $poll (i32.const 0) (i32.const 256) (i32.const 1) (i32.const 512)))))
"#
    )
}

/// Triggers a run, and returns its id.
#[track_caller]
fn trigger(project: &Project, task: &str) -> String {
    let finished = project.run(&["trigger", task]);
    assert!(finished.status.success(), "{finished:?}");
    finished.stdout.trim().to_owned()
}

/// Waits until a run is where it should be.
#[track_caller]
fn until_is(serving: &Serving<'_>, task: &str, run: &str, state: &str) -> Value {
    serving.until_run(task, state, |known| {
        known["id"] == run && (known["state"] == state || known["outcome"]["class"] == state)
    })
}

/// Waits until a new run of a task is as it should be. A plugin that is ready is used a moment later.
#[track_caller]
fn until_new_run(serving: &Serving<'_>, project: &Project, task: &str, is_it: impl Fn(&Value) -> bool) {
    serving.until(&format!("a new run of {task} is as it should be"), || {
        let run = trigger(project, task);
        is_it(&until_is(serving, task, &run, "final"))
    });
}

/// The content that the last attempt of a run executed.
fn executed(project: &Project, run: &str) -> String {
    let log = project.json(&["logs", run, "--json"]);
    let attempts = log["attempts"].as_array().unwrap_or_else(|| panic!("{log}"));
    attempts.last().unwrap()["plugin_sha256"].as_str().unwrap().to_owned()
}
