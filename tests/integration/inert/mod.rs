//! Text from outside does nothing but show itself: the same nasty texts go in at every door, and what comes out at every
//! surface of the real program is looked at.

mod corpus;
mod guests;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use serde_json::{Value, json};

use self::corpus::{FORGED, NASTY, all, assert_inert};
use crate::project::{Finished, Project};

/// A text as TOML.
fn toml(text: &str) -> String {
    let escaped: String = text.chars().map(|c| format!("\\U{:08X}", u32::from(c))).collect();
    format!("\"{escaped}\"")
}

#[track_caller]
fn assert_shown_inertly(what: &str, Finished { stdout, stderr, .. }: &Finished) {
    assert_inert(&format!("stdout of {what}"), stdout);
    assert_inert(&format!("stderr of {what}"), stderr);
}

/// Runs a command; what it shows has to be inert, and JSON if it was asked for.
#[track_caller]
fn shown(project: &Project, arguments: &[&str]) -> Finished {
    let finished = project.run(arguments);
    assert_shown_inertly(&format!("{arguments:?}"), &finished);
    if arguments.contains(&"--json") && !finished.stdout.is_empty() {
        serde_json::from_str::<Value>(&finished.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
    }
    finished
}

#[test]
fn what_a_guest_says_is_inert_in_every_command() {
    let mut config = "[defaults]\nretry = { attempts = 1 }\n".to_owned();
    for (number, text) in all().enumerate() {
        for plugin in ["says", "copies"] {
            let payload = toml(text);
            config += &format!(
                "[tasks.{plugin}-{number}]\nplugin = \"{plugin}\"\nschedule = {{ every = \"1s\" }}\npayload = {payload}\n"
            );
        }
    }
    let project = Project::new(&config, &[]);
    fs::write(project.path("plugins/says.wasm"), guests::says()).unwrap();
    fs::write(project.path("plugins/copies.wat"), guests::COPIES).unwrap();
    let over = |task: &str| format!("a run of {task} is over");
    for format in ["text", "json"] {
        let serving = project.serve_with(&["--log-format", format]);
        for number in 0..all().count() {
            for task in [format!("says-{number}"), format!("copies-{number}")] {
                serving.until(&over(&task), || {
                    // What is told of a slot that was skipped names the task as well.
                    let named = format!("\"task\":\"{task}\"");
                    serving.log().contains(&format!("{task}:"))
                        || serving.log().lines().any(|line| line.contains(&named) && line.contains("\"attempt\""))
                });
            }
        }
        serving.signal(rustix::process::Signal::TERM);
        let (_, log) = serving.wait();
        assert_inert(&format!("the log as {format}"), &log);
        for line in log.lines() {
            match format {
                "json" => {
                    assert!(serde_json::from_str::<Value>(line).is_ok_and(|line| line["level"].is_string()), "{line}")
                }
                _ => assert!(line.starts_with("20") && line.as_bytes()[23] == b'Z', "{line}"),
            }
        }
        if format == "json" {
            let said = |text: &str| {
                log.lines().any(|line| {
                    serde_json::from_str::<Value>(line).unwrap()["message"]
                        .as_str()
                        .is_some_and(|said| said.contains(text))
                })
            };
            NASTY.iter().for_each(|(name, text)| assert!(said(text), "{name} is not in the log as it was said"));
        }
    }
    shown(&project, &["runs"]);
    shown(&project, &["runs", "--json"]);
    for (number, (name, text)) in NASTY.iter().enumerate() {
        for task in [format!("says-{number}"), format!("copies-{number}")] {
            shown(&project, &["logs", "--task", &task]);
            let logs = shown(&project, &["logs", "--task", &task, "--json"]).stdout;
            let logs: Value = serde_json::from_str(&logs).unwrap();
            let lines = logs["attempts"][0]["lines"].as_array().unwrap();
            assert!(lines.iter().any(|line| line["message"] == *text), "{name} as it was said: {logs}");
        }
        let run = shown(&project, &["run", &format!("says-{number}"), "--json"]);
        let run: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(run["log"][0]["fields"], json!([[text, text]]), "{name}");
        shown(&project, &["run", &format!("says-{number}")]);
        shown(&project, &["run", &format!("copies-{number}")]);
    }
}

#[test]
fn names_in_a_plugin_are_inert_in_backtraces_refusals_and_inspections() {
    let project = Project::empty();
    for (number, text) in all().enumerate() {
        let name = format!("names-{number}.wat");
        fs::write(project.path(&name), guests::traps_in(text)).unwrap();
        let file = format!("./{name}");
        assert_eq!(shown(&project, &["run", &file]).status.code(), Some(11), "{text:?}");
        shown(&project, &["run", &file, "--json"]);
        for wat in [guests::imports(text), guests::exports(text), text.to_owned(), format!("(module {text}")] {
            fs::write(project.path(&name), wat).unwrap();
            for arguments in [&["run", &file][..], &["inspect", &file], &["inspect", &file, "--json"]] {
                shown(&project, arguments);
            }
        }
    }
}

#[test]
fn bytes_that_are_no_text_are_inert() {
    let project = Project::new("[tasks.copies]\n", &[]);
    fs::write(project.path("plugins/copies.wat"), guests::COPIES).unwrap();
    let long = "\u{1b}[31m".repeat(200_000);
    for (name, bytes) in [("invalid", &b"\xff\xfe\x00\xc3(\xed\xa0\x80\x1b[2J\n\x9b2J"[..]), ("long", long.as_bytes())]
    {
        fs::write(project.path(name), bytes).unwrap();
        shown(&project, &["run", "copies", "--payload-file", name]);
        shown(&project, &["run", "copies", "--payload-file", name, "--json"]);
    }
}

#[test]
fn what_the_command_line_says_is_inert_when_it_is_quoted() {
    let project = Project::new("[tasks.hello]\n", &["tick"]);
    // No argument can hold a NUL.
    for text in all().filter(|text| !text.contains('\0')) {
        for arguments in [
            &[text][..],
            &["run", text],
            &["run", &format!("./{text}.wasm")],
            &["run", "hello", "--slot", text],
            &["run", "hello", "--http", text],
            &["run", "hello", "--timeout", text],
            &["run", "hello", "--payload-file", text],
            &["next", text],
            &["next", "--from", text],
            &["runs", text],
            &["runs", "--outcome", text],
            &["runs", "--state", text],
            &["logs", text],
            &["stats", text],
            &["inspect", text],
            &["check", "--config", text],
            &["serve", "--config", text],
            &["serve", "--log", text],
            &["serve", "--log-format", text],
            &["completions", text],
            &["init", text],
        ] {
            let Finished { stdout, stderr, .. } = shown(&project, arguments);
            assert!(!stdout.is_empty() || !stderr.is_empty(), "{arguments:?} says nothing");
        }
    }
    let mut command = project.command(&["run"]);
    command.arg(OsStr::from_bytes(b"\xff\x1b[2J.wasm"));
    assert_shown_inertly("a name that is not UTF-8", &Finished::of(&mut command));
}

#[test]
fn what_stands_in_a_configuration_is_inert_when_it_is_shown() {
    let project = Project::new("", &["tick"]);
    let long = format!(
        "[tasks.tick]\npayload = {{ text = \"{}\" }}\nnonsense = \"{}\"\n",
        "x".repeat(1 << 20),
        "y".repeat(1 << 20)
    );
    let sound = all().map(|text| format!("[tasks.tick]\npayload = {{ text = {} }}\n", toml(text)));
    let keys = all().map(|text| format!("[tasks.tick]\n{} = 1\n[tasks.{}]\n", toml(text), toml(text)));
    let values = all().map(|text| {
        format!("[tasks.tick]\nplugin = {0}\nschedule = {0}\ngrants.http = [{0}]\nafter = [{0}]\n", toml(text))
    });
    let raw = all().flat_map(|text| {
        [format!("[tasks.tick]\npayload = '{text}'\nx = 1\n"), format!("# {text}\n{text} = 1 # {text}\n")]
    });
    for text in sound.chain(keys).chain(values).chain(raw).chain([long]) {
        fs::write(project.path("sandclock.toml"), &text).unwrap();
        for arguments in [&["check"][..], &["check", "--json"], &["check", "--color", "never"], &["runs"], &["next"]] {
            let shown = shown(&project, arguments);
            let longest = shown.stderr.lines().map(str::len).max().unwrap_or_default();
            assert!(longest < 10_000, "{arguments:?} shows a line of {longest} bytes");
        }
    }
}

#[test]
fn names_of_files_are_inert_in_the_log_of_the_host() {
    let project = Project::new("[tasks.tick]\nschedule = { every = \"1s\" }\n", &["tick"]);
    for text in all().filter(|text| !text.contains(['\0', '/'])) {
        for ending in ["wasm", "wat", "txt"] {
            fs::write(project.path(&format!("plugins/{text}.{ending}")), "").unwrap();
        }
    }
    fs::write(project.path("plugins").join(OsStr::from_bytes(b"\xff\x1b.wasm")), "").unwrap();
    for format in ["text", "json"] {
        let serving = project.serve_with(&["--log-format", format]);
        serving.until_run("tick", "is over", |run| run["state"] == "final");
        assert!(serving.log().matches("in the plugins folder").count() > all().count(), "{}", serving.log());
        assert_inert(&format!("the log as {format}"), &serving.log());
    }
    shown(&project, &["check"]);
}

#[test]
fn what_stands_in_a_tampered_ledger_is_inert() {
    let project = Project::new("[tasks.tick]\nschedule = { every = \"1s\" }\n", &["tick"]);
    let serving = project.serve();
    serving.until_run("tick", "is over", |run| run["state"] == "final");
    serving.signal(rustix::process::Signal::TERM);
    serving.wait();
    for text in FORGED.iter().copied().chain(NASTY.iter().map(|(_, text)| *text)) {
        let file = fs::read_dir(project.path("state")).unwrap().map(|entry| entry.unwrap().path());
        let file = file.into_iter().find(|file| file.extension().is_some_and(|ending| ending == "db")).unwrap();
        let database = rusqlite::Connection::open(file).unwrap();
        database.execute("UPDATE tasks SET name = substr(?1, 1, 64)", [text]).unwrap();
        drop(database);
        for arguments in [&["runs"][..], &["runs", "--json"], &["logs", "--task", "tick"], &["stats", "tick"]] {
            shown(&project, arguments);
        }
    }
}

#[test]
fn a_terminal_sees_no_more_than_a_pipe() {
    let project = Project::new("[tasks.says]\n", &[]);
    fs::write(project.path("plugins/says.wasm"), guests::says()).unwrap();
    // While it compiles, a bar is drawn.
    shown(&project, &["run", "says"]);
    for text in all() {
        fs::write(project.path("payload"), text).unwrap();
        let run = format!("{} run says --color never --payload-file payload", env!("CARGO_BIN_EXE_sandclock"));
        let mut script = Command::new("script");
        script.args(["--quiet", "--return", "--command", &run, "/dev/null"]).current_dir(project.path("."));
        script.env("XDG_CACHE_HOME", project.path("cache"));
        let Finished { stdout, .. } = Finished::of(&mut script);
        // The terminal's own line ends.
        assert_inert("a terminal", &stdout.replace("\r\n", "\n"));
    }
}
