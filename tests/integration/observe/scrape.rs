//! A scrape of the real host, held to its documentation, to the rules and the dashboard, and to Prometheus's own checks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use super::{ALERT, TASKS, get, value};
use crate::project::Project;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A family of series: its type and its labels.
type Families = BTreeMap<String, (String, BTreeSet<String>)>;

/// The families of a scrape, under the names that one asks for.
fn families(scrape: &str) -> Families {
    let mut families = Families::new();
    for line in scrape.lines() {
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            let name = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
            families.insert(name, (kind.to_owned(), BTreeSet::new()));
        }
        if let Some((name, labels)) = line.split_once('{').filter(|_| !line.starts_with('#')) {
            let (labels, _) = labels.split_once('}').unwrap();
            let names = labels.split("\",").filter_map(|label| label.split_once('=')).map(|(name, _)| name);
            let name = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            let (_, known) = families.get_mut(name).unwrap_or_else(|| panic!("{name} has no type"));
            known.extend(names.filter(|name| *name != "le").map(str::to_owned));
        }
    }
    families
}

/// The families that `docs/metrics.md` has.
fn documented() -> Families {
    let text = fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    let mut families = Families::new();
    let mut task = BTreeSet::from(["task_name".to_owned()]);
    for line in text.lines() {
        if line == "## The host" {
            task.clear();
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if let ["", name, kind, labels, _, ""] = cells[..]
            && let Some(name) = name.strip_prefix('`').and_then(|name| name.strip_suffix('`'))
        {
            let labels = labels.split(',').map(|label| label.trim().trim_matches('`').to_owned());
            let labels = labels.filter(|label| !label.is_empty()).chain(task.iter().cloned()).collect();
            families.insert(name.to_owned(), (kind.to_owned(), labels));
        }
    }
    families
}

/// The names in a text that could be those of series.
fn named(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("sandclock_") || word.starts_with("process_")).collect()
}

#[test]
fn a_scrape_has_what_is_documented_and_what_the_rules_and_the_dashboard_ask_for() {
    let project = Project::new(&format!("{ALERT}{TASKS}"), &["tick", "exit-1"]);
    let serving = project.serve();
    let (head, scrape) = get(&serving.address(), "/metrics", "*/*");
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"), "{head}");
    let found = families(&scrape);
    assert_eq!(found, documented(), "docs/metrics.md, against\n{scrape}");

    let dashboard = fs::read_to_string(root().join("ops/grafana/sandclock.json")).unwrap();
    let _: Value = serde_json::from_str(&dashboard).unwrap();
    for text in [dashboard, fs::read_to_string(root().join("ops/prometheus/alerts.yml")).unwrap()] {
        let asked = named(&text);
        assert!(asked.len() > 10);
        for name in asked {
            let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            assert!(found.contains_key(family), "nothing is called {name}");
        }
    }
}

#[test]
fn promtool_finds_nothing_to_complain_about() {
    let project = Project::new(TASKS, &["tick", "exit-1"]);
    let serving = project.serve();
    serving.until_run("tick", "succeeded", |run| run["outcome"]["class"] == "succeeded");
    let (head, scrape) = get(&serving.address(), "/metrics", "text/plain");
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = command.spawn().expect("promtool: `apt-get install prometheus` has it");
    promtool.stdin.take().unwrap().write_all(scrape.as_bytes()).unwrap();
    let checked = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&checked.stderr).into_owned() + &String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success() && said.trim().is_empty(), "{said}");
}

#[test]
fn a_restart_forgets_no_success_and_no_failure() {
    let project = Project::new(TASKS, &["tick", "exit-1"]);
    let failures = "sandclock_task_consecutive_failures{task_name=\"fail\"}";
    let success = "sandclock_task_last_success_timestamp_seconds{task_name=\"tick\"}";
    let serving = project.serve();
    serving.until("there are failures and a success", || {
        let (_, scrape) = get(&serving.address(), "/metrics", "*/*");
        value(&scrape, failures) >= 2.0 && value(&scrape, success) > 0.0
    });
    let (_, before) = get(&serving.address(), "/metrics", "*/*");
    serving.signal(Signal::TERM);
    serving.wait();
    project.configure(&TASKS.replace("every = \"1s\"", "every = \"10h\""));
    project.run(&["pause", "asked"]);
    let serving = project.serve();
    let (_, after) = get(&serving.address(), "/metrics", "*/*");
    assert!(value(&after, failures) >= value(&before, failures), "{after}");
    assert!(value(&after, success) >= value(&before, success), "{after}");
    assert!(value(&after, "sandclock_task_last_run_timestamp_seconds{task_name=\"fail\"}") > 0.0);
    assert_eq!(value(&after, "sandclock_task_paused{task_name=\"asked\"}"), 1.0);
    assert_eq!(value(&after, "sandclock_task_expected_interval_seconds{task_name=\"tick\"}"), 36_000.0);
    let started = "sandclock_task_attempts_total{task_name=\"fail\",outcome=\"failed-permanent\"}";
    assert_eq!(value(&after, started), 0.0, "counters begin anew");
}
