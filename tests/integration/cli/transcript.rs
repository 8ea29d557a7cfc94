//! Command lines and all that they print, compared with the transcripts in `tests/cli`. `UPDATE=1` rewrites those.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::project::Project;

#[test]
fn wrong_usage_says_what_was_expected() {
    let commands = [
        "srve",
        "check --jsn",
        "check --json --schema",
        "next --from tomorrow",
        "next -n many",
        "run",
        "run hello --payload a --payload-file b",
        "run hello --content-type text/plain",
        "run hello --slot 2026-11-23T09:00",
        "run hello --timeout 30",
        "run hello --memory 64",
        "run hello --http example.com",
        "run hello --env LEVEL",
        "run hello --folder data",
        "runs --outcome great",
        "runs --cause weather",
        "runs --since yesterday",
        "runs --slot 2026-11-23T09:00 --due-since 2d",
        "logs",
        "logs 7",
        "logs 01KB2M8Q4Z7XN --lines 1-3",
        "logs 01KB2M8Q4Z7XN --level loud",
        "stats --days 0",
        "logs 01KB2M8Q4Z7XN --task hello",
        "ledger backup",
        "ledger downgrade",
        "ledger export --since yesterday",
        "serve --log-format xml",
        "serve --log =",
        "completions csh",
        "trigger",
        "cancel 7",
        "pause",
        "backfill hello --from 2d",
        "backfill hello --from 2d --to 1d --max-parallel 0",
    ];
    assert_reviewed("wrong-usage", &transcript(&Project::empty(), &commands));
}

#[test]
fn first_steps_are_told_what_is_next() {
    let commands = [
        "check",
        "init",
        "init",
        "next hello --from 2027-03-13T18:00:30Z -n 2 --json",
        "next hallo",
        "run hallo",
        "run ./hallo.wasm",
        "run ./sandclock.toml",
        "run hello --payload-file hallo.json",
        "inspect plugins/hallo.wat",
        "inspect sandclock.toml",
        "runs",
        "logs --task hello",
        "stats",
        "stats hello",
        "stats hallo",
        "ledger verify",
        "ledger compact",
        "trigger hello",
        "cancel 01KB2M8Q4Z7XN",
        "backfill hello --from 2d --to 1d",
        "pause hallo",
        "pause hello",
        "resume hello",
        "runs --state elsewhere",
    ];
    assert_reviewed("first-steps", &transcript(&Project::empty(), &commands));
}

/// What a person would have on the screen, and the exit codes.
fn transcript(project: &Project, commands: &[&str]) -> String {
    let mut text = String::new();
    for command in commands {
        let arguments: Vec<&str> = command.split(' ').collect();
        let finished = project.run(&arguments);
        let printed = format!("{}{}", finished.stdout, finished.stderr);
        let printed = printed.replace(&project.path("").display().to_string(), "[PROJECT]/");
        let code = finished.status.code().expect("no signal ends a command");
        writeln!(text, "$ sandclock {command}\n{}\n[exit code {code}]\n", printed.trim_end()).unwrap();
    }
    text
}

#[track_caller]
pub(super) fn assert_reviewed(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../tests/cli/{name}.txt"));
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&file, text).unwrap();
    }
    let reviewed = fs::read_to_string(&file).unwrap_or_default();
    assert!(text == reviewed, "{} differs; UPDATE=1 rewrites it. It would be:\n{text}", file.display());
}
