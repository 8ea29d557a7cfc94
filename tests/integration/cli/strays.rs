//! What is in the plugins folder by mistake or malice, under `sandclock serve`.

use std::fs;
use std::os::unix::fs::symlink;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::project::{Project, guest};

/// Files that are no plugins, and what is told of each.
const STRAYS: &[(&str, &str)] = &[
    ("truncated", "the file ends too early"),
    ("page", "found an HTML or XML page"),
    ("pipe", "is a FIFO; expected a regular file"),
    ("outside", "is a symbolic link that leads out of the plugins folder"),
    ("folder", "is a folder; expected a regular file"),
    ("dangling", "dangling.wasm"),
];

#[test]
fn a_file_that_is_no_plugin_stops_only_its_own_tasks() {
    let every_second = |task: &str| format!("[tasks.{task}]\nschedule = {{ every = \"1s\" }}\n\n");
    let names = STRAYS.iter().map(|(name, _)| *name);
    let config: String = names.chain(["tick", "inside"]).map(every_second).collect();
    let project = Project::new(&config, &["tick"]);
    let plugins = project.path("plugins");
    fs::write(plugins.join("truncated.wasm"), &b"\0asm\x01\0\0\0\x01\x7f"[..]).unwrap();
    fs::write(plugins.join("page.wasm"), "<!DOCTYPE html><title>404</title>").unwrap();
    fs::write(plugins.join("image.cwasm"), b"\x7fELF and more").unwrap();
    fs::create_dir(plugins.join("folder.wasm")).unwrap();
    mknodat(CWD, plugins.join("pipe.wasm"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    symlink(guest("exit-1"), plugins.join("outside.wat")).unwrap();
    symlink("nowhere.wasm", plugins.join("dangling.wasm")).unwrap();
    symlink("tick.wat", plugins.join("inside.wat")).unwrap();

    let serving = project.serve();
    for (task, told) in STRAYS {
        let run = serving.until_run(task, "is over", |run| run["state"] == "final");
        assert_eq!(run["outcome"]["message"], "skipped: its plugin cannot be used", "{task}: {run}");
        serving.until(&format!("the log tells of {task}"), || serving.log().contains(told));
    }
    for task in ["tick", "inside"] {
        serving.until_run(task, "succeeded", |run| run["outcome"]["class"] == "succeeded");
    }
    let log = serving.log();
    assert!(log.contains("\"image.cwasm\" is code compiled elsewhere, which is never loaded"), "{log}");
}

#[test]
fn code_that_was_compiled_elsewhere_is_no_plugin() {
    let project = Project::new("[tasks.image]\nschedule = \"@hourly\"\n", &[]);
    fs::write(project.path("plugins/image.cwasm"), b"\x7fELF and more").unwrap();
    let serve = project.run(&["serve"]);
    assert_eq!(serve.status.code(), Some(3), "{serve:?}");
    assert!(serve.stderr.contains("expected image.wasm or image.wat in the plugins folder"), "{serve:?}");
}
