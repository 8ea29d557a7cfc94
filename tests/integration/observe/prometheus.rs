//! A real Prometheus that scrapes the real host, and is asked.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::{ALERT, TASKS, get};
use crate::project::{Project, eventually};

/// A running Prometheus. It is killed when this is dropped.
struct Prometheus {
    child: Child,
    log: PathBuf,
}

impl Prometheus {
    /// Scrapes this address each second, and goes by the rules that are shipped.
    fn start(project: &Project, host: &str) -> Self {
        let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../ops/prometheus/alerts.yml");
        let config = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [{rules:?}]\n\
             scrape_configs: [{{ job_name: sandclock, static_configs: [{{ targets: [{host:?}] }}] }}]\n"
        );
        fs::write(project.path("prometheus.yml"), config).unwrap();
        let log = project.path("prometheus.log");
        let file = File::create(&log).unwrap();
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", project.path("prometheus.yml").display()));
        command.arg(format!("--storage.tsdb.path={}", project.path("prometheus").display()));
        command.arg("--web.listen-address=127.0.0.1:0");
        let child = command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file).spawn();
        Self { child: child.expect("prometheus: `apt-get install prometheus` has it"), log }
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn address(&self) -> Option<String> {
        let log = self.log();
        let (_, after) = log.split_once("msg=\"Listening on\" address=")?;
        after.lines().next()?.split(' ').next().map(str::to_owned)
    }

    fn ask(&self, path: &str) -> Value {
        let Some(address) = self.address() else { return Value::Null };
        let (_, body) = get(&address, path, "*/*");
        // In chunks, of which the JSON is one, if it is long.
        let (start, end) = (body.find('{'), body.rfind('}'));
        let json = start.zip(end).map_or("null", |(start, end)| &body[start..=end]);
        serde_json::from_str(json).unwrap_or_default()
    }

    /// What an expression is, if it is one number.
    fn number(&self, query: &str) -> Option<f64> {
        let answer = self.ask(&query_path(query));
        answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
    }

    #[track_caller]
    fn until(&self, query: &str, holds: impl Fn(f64) -> bool) {
        let held = eventually(|| self.number(query).is_some_and(&holds));
        assert!(held, "{query} is {:?}; Prometheus said:\n{}", self.number(query), self.log());
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a question is asked.
fn query_path(query: &str) -> String {
    let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
    format!("/api/v1/query?query={encoded}")
}

/// What the panels of the dashboard ask, with every variable in its place.
fn asked_by_the_dashboard() -> Vec<String> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../ops/grafana/sandclock.json");
    let dashboard: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let filled = |expression: &str| {
        let times = expression.replace("$__rate_interval", "30s").replace("$__range", "5m");
        ["$job", "$instance", "$task"].iter().fold(times, |filled, variable| filled.replace(variable, ".*"))
    };
    targets.map(|target| filled(target["expr"].as_str().unwrap())).collect()
}

#[test]
fn the_runbook_has_an_entry_for_every_rule() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let read = |file: &str| fs::read_to_string(format!("{folder}/{file}")).unwrap();
    let (rules, runbook) = (read("ops/prometheus/alerts.yml"), read("docs/operating.md"));
    let named: Vec<&str> =
        runbook.lines().filter(|line| line.starts_with("### ")).flat_map(|line| line.split([' ', ','])).collect();
    let rules: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(!rules.is_empty());
    for rule in rules {
        assert!(named.contains(&rule), "{rule}");
    }
}

#[test]
fn a_real_prometheus_knows_what_the_host_does() {
    let project = Project::new(&format!("{ALERT}{TASKS}"), &["tick", "exit-1"]);
    let serving = project.serve();
    let prometheus = Prometheus::start(&project, &serving.address());
    prometheus.until("up{job=\"sandclock\"}", |up| up == 1.0);
    prometheus
        .until("sandclock_task_executions_total{task_name=\"tick\",outcome=\"succeeded\",cause=\"schedule\"}", |n| {
            n >= 3.0
        });
    prometheus
        .until("sandclock_task_executions_total{task_name=\"asked\",outcome=\"succeeded\",cause=\"manual\"}", |n| {
            n == 0.0
        });
    prometheus.until("sum(rate(sandclock_task_executions_total[30s]))", |rate| rate > 0.0);
    prometheus.until(
        "histogram_quantile(0.99, rate(sandclock_task_duration_seconds_bucket{task_name=\"tick\"}[30s]))",
        |p99| p99 > 0.0,
    );
    prometheus.until("time() - sandclock_task_last_success_timestamp_seconds{task_name=\"tick\"}", |age| age < 60.0);
    prometheus.until("sandclock_task_expected_interval_seconds{task_name=\"tick\"}", |interval| interval == 1.0);
    prometheus.until("sandclock_build_info", |one| one == 1.0);
    assert!(project.run(&["trigger", "asked"]).status.success());
    prometheus
        .until("sandclock_task_executions_total{task_name=\"asked\",outcome=\"succeeded\",cause=\"manual\"}", |n| {
            n == 1.0
        });
    let asked = asked_by_the_dashboard();
    assert!(asked.len() > 30);
    for query in asked {
        let answer = prometheus.ask(&query_path(&query));
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        // What is shown only where there is some has none here.
        assert!(query.contains(" > 0") || answer["data"]["result"][0].is_object(), "{query} finds nothing");
    }
    // The rules are asked of the series as they are, and one of them fires.
    prometheus
        .until("ALERTS{alertname=\"SandclockTaskFailing\",alertstate=\"firing\",task_name=\"fail\"}", |one| one == 1.0);
    let rules = prometheus.ask("/api/v1/rules");
    let groups = rules["data"]["groups"].as_array().unwrap_or_else(|| panic!("{rules}"));
    let healths: Vec<&Value> =
        groups.iter().flat_map(|group| group["rules"].as_array().unwrap()).map(|rule| &rule["health"]).collect();
    assert!(healths.len() > 10 && healths.iter().all(|health| **health == "ok"), "{rules:#}");
}
