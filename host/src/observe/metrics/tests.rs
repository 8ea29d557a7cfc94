//! Scrapes after events, in the text that Prometheus reads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::registry::Registry;

use super::scrape::encode;
use super::*;
use crate::model::cause::Cause;
use crate::model::event::Event;
use crate::model::id::{AlertName, RunId};
use crate::model::limits::{HttpUsage, Limit, Usage};
use crate::model::outcome::{AttemptOutcome, Exceeded, Failure, FailureKind, Miss, Outcome, PassedOver, Skip};
use crate::model::run::Run;
use crate::model::schedule::Schedule;
use crate::model::slot::Slot;
use crate::model::task::Task;

const NOW: HostNow = HostNow {
    running: 1,
    waiting: 2,
    since_last_turn: Duration::from_millis(250),
    ledger_writable: true,
    ledger_damaged: false,
    configured_at: jiff::Timestamp::UNIX_EPOCH,
    config_refused: false,
};

struct World {
    metrics: Arc<Metrics>,
    recorder: Recorder,
    registry: Registry,
    runs: i64,
}

impl World {
    fn new(max_tasks: usize, tasks: &[&str]) -> Self {
        let ledger = Arc::new(LedgerLatency::default());
        let metrics = Metrics::new(MetricsSettings { max_tasks }, Clock::system(), ledger, || NOW);
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Arc::clone(&metrics)));
        let recorder = Recorder::new(Arc::clone(&metrics));
        let mut world = Self { metrics, recorder, registry, runs: 0 };
        world.configure(tasks);
        world
    }

    fn configure(&mut self, tasks: &[&str]) {
        let tasks = tasks.iter().map(|name| task(name)).collect();
        self.recorder.configured(&tasks);
    }

    fn run(&mut self, name: &str) -> Arc<Run> {
        self.runs += 1;
        Arc::new(Run {
            id: RunId::from_i64(self.runs).unwrap(),
            task: task(name),
            cause: Cause::Schedule,
            slot: Slot::from_millis(1_000_000),
            payload: None,
            trace: None,
            admitted_at: Timestamp::from_millisecond(1_000_002).unwrap(),
        })
    }

    /// One run with as many attempts as there are outcomes.
    fn goes(&mut self, name: &str, outcomes: &[AttemptOutcome]) {
        let run = self.run(name);
        for (attempt, outcome) in (1..).zip(outcomes) {
            self.recorder.record(&Event::AttemptStarted { run: run.clone(), attempt });
            self.recorder.record(&Event::AttemptEnded {
                run: run.clone(),
                attempt,
                outcome: Arc::new(outcome.clone()),
                usage: usage(),
                log: Arc::default(),
                started_at: Timestamp::from_millisecond(1_000_020).unwrap(),
                ended_at: Timestamp::from_millisecond(1_000_520).unwrap(),
                retry_at: ((attempt as usize) < outcomes.len()).then_some(Timestamp::MAX),
            });
        }
        let outcome = Arc::new(Outcome::Attempted(outcomes.last().unwrap().clone()));
        let at = Timestamp::from_second(2_000).unwrap();
        self.recorder.record(&Event::RunEnded { run, outcome, attempts: outcomes.len() as u32, at });
    }

    fn scrape(&self) -> String {
        String::from_utf8(encode(&self.registry, Form::OpenMetrics).to_vec()).unwrap()
    }

    /// The values of the series that begin so.
    #[track_caller]
    fn shows(&self, series: &str, expected: &str) {
        let scrape = self.scrape();
        let found: Vec<&str> = scrape.lines().filter_map(|line| line.strip_prefix(series)?.strip_prefix(' ')).collect();
        assert_eq!(found, [expected], "{series} in\n{scrape}");
    }
}

fn task(name: &str) -> Arc<Task> {
    Arc::new(Task::example(name, Schedule::every(Duration::from_secs(3600)).unwrap()))
}

fn usage() -> Usage {
    Usage {
        duration: Duration::from_millis(500),
        fuel: Some(1_000),
        peak_memory: 65_536,
        http: HttpUsage { requests: 4, statuses: [2, 0, 1, 0], ..HttpUsage::default() },
        ..Usage::default()
    }
}

fn failed() -> AttemptOutcome {
    let kind = FailureKind::Transient { retry_after: None };
    AttemptOutcome::Failed(Failure { kind, message: "no".to_owned() })
}

#[test]
fn every_series_is_there_before_anything_happened() {
    let world = World::new(10, &["a"]);
    for series in [
        "sandclock_task_executions_total{task_name=\"a\",outcome=\"broken\",cause=\"backfill\"}",
        "sandclock_task_executions_total{task_name=\"(others)\",outcome=\"succeeded\",cause=\"http\"}",
        "sandclock_task_duration_seconds_bucket{le=\"+Inf\",task_name=\"a\"}",
        "sandclock_task_queue_delay_seconds_count{task_name=\"a\"}",
        "sandclock_task_limit_hits_total{task_name=\"a\",limit=\"random\"}",
        "sandclock_task_http_requests_total{task_name=\"a\",status=\"none\"}",
        "sandclock_task_skipped_total{task_name=\"a\",reason=\"plugin-unusable\"}",
        "sandclock_task_missed_total{task_name=\"a\",reason=\"clock-step\"}",
        "sandclock_task_retries_total{task_name=\"a\"}",
        "sandclock_task_running{task_name=\"a\"}",
        "sandclock_events_dropped_total{observer=\"metrics\"}",
        "sandclock_ledger_failures_total",
        "sandclock_spans_dropped_total{reason=\"queue-full\"}",
        "sandclock_config_reloads_total{result=\"refused\"}",
    ] {
        world.shows(series, "0");
    }
    world.shows("sandclock_task_last_success_timestamp_seconds{task_name=\"a\"}", "0.0");
    world.shows("sandclock_task_expected_interval_seconds{task_name=\"a\"}", "3600.0");
    world.shows("sandclock_running", "1.0");
    world.shows("sandclock_ledger_writable", "1.0");
    world.shows("sandclock_plugins{state=\"preparing\"}", "1");
    assert!(world.scrape().ends_with("# EOF\n"));
    assert!(world.scrape().contains("# UNIT sandclock_task_duration_seconds seconds\n"));
}

#[test]
fn events_become_series() {
    let mut world = World::new(10, &["a"]);
    world.goes("a", &[failed(), AttemptOutcome::Succeeded { output: None }]);
    world.shows("sandclock_task_executions_total{task_name=\"a\",outcome=\"succeeded\",cause=\"schedule\"}", "1");
    world.shows("sandclock_task_attempts_total{task_name=\"a\",outcome=\"failed-transient\"}", "1");
    world.shows("sandclock_task_retries_total{task_name=\"a\"}", "1");
    world.shows("sandclock_task_duration_seconds_bucket{le=\"0.5\",task_name=\"a\"}", "2");
    world.shows("sandclock_task_duration_seconds_sum{task_name=\"a\"}", "1.0");
    world.shows("sandclock_task_queue_delay_seconds_bucket{le=\"0.1\",task_name=\"a\"}", "1");
    world.shows("sandclock_firing_lateness_seconds_bucket{le=\"0.005\"}", "1");
    world.shows("sandclock_task_fuel_total{task_name=\"a\"}", "2000");
    world.shows("sandclock_task_peak_memory_bytes{task_name=\"a\"}", "65536");
    world.shows("sandclock_task_http_requests_total{task_name=\"a\",status=\"2xx\"}", "4");
    world.shows("sandclock_task_http_requests_total{task_name=\"a\",status=\"none\"}", "2");
    world.shows("sandclock_task_last_success_timestamp_seconds{task_name=\"a\"}", "1000.52");
    world.shows("sandclock_task_queued{task_name=\"a\"}", "0");

    let exceeded = Exceeded { limit: Limit::Fuel, allowed: 1, used: 2, backtrace: Vec::new() };
    world.goes("a", &[AttemptOutcome::Exceeded(exceeded)]);
    world.goes("a", &[failed()]);
    world.shows("sandclock_task_limit_hits_total{task_name=\"a\",limit=\"fuel\"}", "1");
    world.shows("sandclock_task_consecutive_failures{task_name=\"a\"}", "2.0");
    let missed = PassedOver::Missed(Miss::Down);
    let slot = Slot::from_millis(0).unwrap();
    world.recorder.record(&Event::SlotsMissed { task: task("a"), first: slot, last: slot, count: 7, why: missed });
    let (run, cause) = (RunId::from_i64(9).unwrap(), Cause::Schedule);
    let skipped = Event::SlotSkipped { task: task("a"), run, cause, slot: Some(slot), why: Skip::Overlap };
    world.recorder.record(&skipped);
    world.recorder.record(&Event::TaskPaused { task: task("a") });
    world.recorder.record(&Event::PluginReady { plugin: "plugin".parse().unwrap() });
    world.shows("sandclock_task_missed_total{task_name=\"a\",reason=\"down\"}", "7");
    world.shows("sandclock_task_skipped_total{task_name=\"a\",reason=\"overlap\"}", "1");
    world.shows("sandclock_task_paused{task_name=\"a\"}", "1.0");
    world.shows("sandclock_plugins{state=\"ready\"}", "1");
}

#[test]
fn what_the_ledger_knows_is_known_from_the_start() {
    let mut world = World::new(10, &["a"]);
    let standing = Standing {
        task: "a".parse().unwrap(),
        last_success: Some(Timestamp::from_second(1_000).unwrap()),
        last_run: Some(Timestamp::from_second(1_500).unwrap()),
        failures: 3,
        paused: true,
    };
    world.recorder.stands(&[standing]);
    world.shows("sandclock_task_last_success_timestamp_seconds{task_name=\"a\"}", "1000.0");
    world.shows("sandclock_task_last_run_timestamp_seconds{task_name=\"a\"}", "1500.0");
    world.shows("sandclock_task_consecutive_failures{task_name=\"a\"}", "3.0");
    world.goes("a", &[failed()]);
    world.shows("sandclock_task_consecutive_failures{task_name=\"a\"}", "4.0");
}

#[test]
fn tasks_beyond_the_bound_and_tasks_that_are_gone_are_added_up() {
    let mut world = World::new(2, &["a", "b", "c"]);
    world.goes("b", &[failed()]);
    world.goes("c", &[failed()]);
    let failures = |name: &str| {
        format!(
            "sandclock_task_executions_total{{task_name=\"{name}\",outcome=\"failed-transient\",cause=\"schedule\"}}"
        )
    };
    world.shows("sandclock_tasks_left_out", "1.0");
    world.shows(&failures("b"), "1");
    world.shows(&failures("(others)"), "1");
    assert!(!world.scrape().contains("task_name=\"c\""));

    world.configure(&["b", "c"]);
    world.goes("a", &[failed()]);
    world.shows("sandclock_tasks_left_out", "0.0");
    world.shows(&failures("b"), "1");
    world.shows(&failures("c"), "0");
    world.shows(&failures("(others)"), "2");
    assert!(!world.scrape().contains("task_name=\"a\""));
}

#[test]
fn configurations_are_counted_and_whether_the_last_one_counts_is_asked_of_the_daemon() {
    let mut world = World::new(10, &["a"]);
    world.recorder.record(&Event::ConfigReloaded(Arc::default()));
    (0..2).for_each(|_| world.recorder.record(&Event::ConfigRefused { report: "no".into() }));
    world.shows("sandclock_config_reloads_total{result=\"accepted\"}", "1");
    world.shows("sandclock_config_reloads_total{result=\"refused\"}", "2");
    world.shows("sandclock_config_last_reload_successful", "1.0");
    world.shows("sandclock_config_last_reload_success_timestamp_seconds", "0.0");
}

#[test]
fn a_channel_has_its_series_for_as_long_as_it_is_configured() {
    let world = World::new(10, &["a"]);
    let (ops, other): (AlertName, AlertName) = ("ops".parse().unwrap(), "other".parse().unwrap());
    let deliveries = world.metrics.deliveries();
    let attempts = |channel: &str, result: &str| {
        format!("sandclock_alert_deliveries_total{{channel=\"{channel}\",result=\"{result}\"}}")
    };
    deliveries.configured([&ops, &other].into_iter());
    world.shows(&attempts("ops", "given-up"), "0");
    world.shows("sandclock_alert_messages_pending{channel=\"ops\"}", "0");
    deliveries.attempted(&ops, Delivery::Failed);
    deliveries.attempted(&ops, Delivery::Delivered);
    deliveries.pending(&BTreeMap::from([(ops.clone(), 3), ("gone".parse().unwrap(), 7)]));
    deliveries.configured([&ops].into_iter());
    for (result, count) in [("delivered", "1"), ("failed", "1"), ("given-up", "0")] {
        world.shows(&attempts("ops", result), count);
    }
    world.shows("sandclock_alert_messages_pending{channel=\"ops\"}", "3");
    deliveries.attempted(&other, Delivery::Failed);
    deliveries.pending(&BTreeMap::new());
    world.shows("sandclock_alert_messages_pending{channel=\"ops\"}", "0");
    assert!(!world.scrape().contains("channel=\"other\"") && !world.scrape().contains("gone"));
}

#[test]
fn the_older_format_has_the_same_series() {
    let world = World::new(10, &["a"]);
    let older = String::from_utf8(encode(&world.registry, Form::Prometheus).to_vec()).unwrap();
    let samples = |text: &str| text.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(samples(&older), samples(&world.scrape()));
}
