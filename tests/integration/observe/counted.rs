//! What becomes of configurations and of messages is counted, as whoever scrapes the host sees it.

use super::{get, value};
use crate::project::Project;

/// A task that fails when it is asked for, and an alert that nobody takes.
const CONFIG: &str = "[alerts.ops]\nwebhook.url = \"http://127.0.0.1:1/\"\ngroup-wait = \"0s\"\n\n\
    [tasks.report]\nplugin = \"exit-1\"\nalerts = [\"ops\"]\n";

#[test]
fn a_refused_configuration_and_an_undelivered_alert_are_seen_by_whoever_scrapes() {
    let project = Project::new(CONFIG, &["exit-1"]);
    let serving = project.serve();
    let is = |series: &str| value(&get(&serving.address(), "/metrics", "*/*").1, series);
    let (accepted, refused) =
        ("sandclock_config_reloads_total{result=\"accepted\"}", "sandclock_config_reloads_total{result=\"refused\"}");
    let (good, since) =
        ("sandclock_config_last_reload_successful", "sandclock_config_last_reload_success_timestamp_seconds");
    let failed = "sandclock_alert_deliveries_total{channel=\"ops\",result=\"failed\"}";
    let pending = "sandclock_alert_messages_pending{channel=\"ops\"}";
    let at_first = is(since);
    assert_eq!([accepted, refused, good, failed, pending].map(is), [0.0, 0.0, 1.0, 0.0, 0.0]);
    assert!(at_first > 0.0);

    assert!(project.run(&["trigger", "report"]).status.success());
    serving.until("a message waits, after an attempt", || is(failed) >= 1.0 && is(pending) == 1.0);

    project.configure("[tasks.report]\nplugin = 7\n");
    serving.until("a refusal is counted", || is(refused) >= 1.0 && is(good) == 0.0);
    assert_eq!(is(since), at_first);
    project.configure(&CONFIG.replace("[tasks.report]", "[tasks.again]"));
    serving.until("what is taken is counted", || is(accepted) == 1.0 && is(good) == 1.0);
    assert!(is(since) > at_first);
}
