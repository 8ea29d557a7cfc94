//! Prometheus: its `promtool` tests the alert rules that are shipped, and the integration tests start the server.

use std::process::Command;

use anyhow::Context;

use crate::project::root;
use crate::{apt, command};

/// Tests the alert rules, with Debian's Prometheus if there is none yet.
pub(crate) fn check_rules() -> anyhow::Result<()> {
    if command::output(Command::new("promtool").arg("--version")).is_err() {
        apt::install("installing Debian's Prometheus (about 100 MB)", &["prometheus"])
            .context("promtool is needed: apt-get install --no-install-recommends prometheus")?;
    }
    let promtool = |arguments: [&str; 3]| {
        let mut promtool = Command::new("promtool");
        promtool.args(arguments).current_dir(root());
        promtool
    };
    command::run("reading the alert rules", &mut promtool(["check", "rules", "ops/prometheus/alerts.yml"]))?;
    command::run("testing the alert rules", &mut promtool(["test", "rules", "ops/prometheus/alerts.test.yml"]))
}
