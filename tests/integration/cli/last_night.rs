//! Why did last night's report fail? Somebody who has never seen sandclock finds out in three commands, each of which
//! leads to the next. `tests/cli/last-night.txt` is what is on the terminal; `UPDATE=1` rewrites it.

use std::fmt::Write;

use super::pty::AtTerminal;
use super::transcript::assert_reviewed;
use crate::project::Project;

/// Tasks that fail, each in its own way.
const CONFIG: &str = "\
[tasks.report]\nplugin = \"prober\"\nschedule = \"0 2 * * *\"\n\
payload = { targets = [{ url = \"http://192.0.2.7/figures\" }] }\n\n\
[tasks.trap]\nplugin = \"unreachable\"\n\n\
[tasks.timeout]\nplugin = \"sleep-for-ever\"\ntimeout = \"200ms\"\n\n\
[tasks.fuel]\nplugin = \"endless-loop\"\nlimits = { fuel = \"1M\" }\n\n\
[tasks.exit]\nplugin = \"exit-1\"\n";

/// Ids, times and durations are others each time.
fn masked(text: &str) -> String {
    let word = |word: &str| -> String {
        let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let digits = bare.chars().filter(char::is_ascii_digit).count();
        let is_id =
            bare.len() == 13 && digits > 3 && bare.chars().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase());
        if is_id {
            return word.replace(bare, "[RUN]");
        }
        if bare.starts_with("ms=") {
            return "ms=[N]".to_owned();
        }
        let units = ["ns", "µs", "ms", "s", "m", "h"];
        let is_duration =
            units.iter().any(|unit| bare.strip_suffix(unit).is_some_and(|number| number.parse::<f64>().is_ok()));
        if is_duration {
            return word.replace(bare, "[TOOK]");
        }
        word.chars().map(|c| if c.is_ascii_digit() && digits >= 6 { '0' } else { c }).collect()
    };
    let line = |line: &str| line.split_whitespace().map(word).collect::<Vec<String>>().join(" ");
    // A longer time has two parts.
    text.lines().map(|text| format!("{}\n", line(text).replace("[TOOK] [TOOK]", "[TOOK]"))).collect()
}

#[test]
fn three_commands_tell_why_last_nights_report_failed() {
    let project = Project::new(CONFIG, &["prober", "unreachable", "sleep-for-ever", "endless-loop", "exit-1"]);
    let serving = project.serve();
    for (task, code) in [("report", 10), ("trap", 11), ("timeout", 12), ("fuel", 12), ("exit", 10)] {
        let ended = project.run(&["trigger", task, "--wait"]);
        assert_eq!(ended.status.code(), Some(code), "{task}: {ended:?}");
    }

    let mut transcript = String::new();
    let mut show = |command: &[&str]| {
        let mut shown = AtTerminal::start(&project, command, 50, 250);
        let code = shown.wait().code();
        let seen = shown.seen();
        writeln!(transcript, "$ sandclock {}\n{}[exit code {}]\n", command.join(" "), seen, code.unwrap()).unwrap();
        seen
    };
    let suggested = |seen: &str| -> Vec<String> {
        let last = seen.lines().last().unwrap_or_default();
        let (_, command) = last.split_once(": sandclock ").unwrap_or_else(|| panic!("it suggests nothing: {seen}"));
        command.split(' ').map(str::to_owned).collect()
    };
    let status = show(&["status"]);
    for task in ["report", "trap", "timeout", "fuel", "exit"] {
        assert!(status.lines().any(|line| line.starts_with(&format!("{task} "))), "{task}: {status}");
    }
    let runs = show(&["runs", "report"]);
    let logs = suggested(&runs);
    assert_eq!(logs[0], "logs", "{runs}");
    let why = show(&logs.iter().map(String::as_str).collect::<Vec<&str>>());
    assert!(why.contains("192.0.2.7") && why.contains("grant"), "{why}");
    drop(serving);
    assert_reviewed("last-night", &masked(&transcript));
}
