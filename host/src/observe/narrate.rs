//! Tells the host's log what happens to runs: a line for each attempt and what it logged. Texts of guests are handed on as
//! they are; the log's two forms make them inert, each in its way.

use crate::model::event::Event;
use crate::model::log::{Level, LogLine};
use crate::model::outcome::{AttemptOutcome, Outcome, PassedOver};
use crate::model::plan::{Change, HostPlan, Plan, TaskPlan};
use crate::model::quantity::duration;
use crate::model::run::Run;

/// Writes what happened to the host's log.
pub fn narrate(event: &Event) {
    match event {
        Event::RunQueued(run) => tracing::info!(task = %run.task.name, run = %run.id, "waits for its turn"),
        Event::AttemptStarted { run, attempt } => {
            tracing::debug!(task = %run.task.name, run = %run.id, attempt, cause = %run.cause, "started");
        }
        Event::AttemptEnded { run, attempt, outcome, usage, log, retry_at } => {
            log.iter().for_each(|line| guest_line(run, *attempt, line));
            let took = tracing::field::display(duration(usage.duration));
            let (task, run) = (&run.task.name, &run.id);
            match (&**outcome, retry_at) {
                (AttemptOutcome::Succeeded { .. }, _) => tracing::info!(%task, %run, attempt, took, "succeeded"),
                (outcome, Some(at)) => {
                    tracing::warn!(%task, %run, attempt, took, "{}; next attempt at {at:.3}", outcome);
                }
                (outcome, None) => tracing::error!(%task, %run, attempt, took, "{}", outcome),
            }
        }
        Event::RunEnded { outcome, .. }
            if matches!(**outcome, Outcome::Attempted(AttemptOutcome::Succeeded { .. })) => {}
        Event::RunEnded { run, outcome, attempts } => {
            tracing::debug!(task = %run.task.name, run = %run.id, attempts, "over: {}", outcome.class());
        }
        Event::SlotSkipped { task, slot, why, .. } => {
            let slot = slot.map(tracing::field::display);
            tracing::warn!(task = %task.name, slot, "skipped: {why}");
        }
        Event::SlotsMissed { task, first, last, count, why } => {
            let what = Outcome::from(*why);
            match (why, count) {
                // Somebody wanted it so.
                (PassedOver::Skipped(_), count) => {
                    tracing::debug!(task = %task.name, %first, %last, "{count} slots {what}")
                }
                (PassedOver::Missed(_), 1) => tracing::warn!(task = %task.name, slot = %first, "{what}"),
                (PassedOver::Missed(_), count) => {
                    tracing::warn!(task = %task.name, %first, %last, "{count} slots {what}")
                }
            }
        }
        Event::PluginReady { plugin } => tracing::debug!(%plugin, "plugin ready"),
        Event::PluginUnusable { plugin, reason } => {
            tracing::error!(%plugin, "plugin unusable, so its tasks are skipped: {}", reason);
        }
        Event::PluginKept { plugin, reason } => {
            tracing::error!(%plugin, "the plugin's file cannot be used, so what was loaded before stays: {}", reason);
        }
        Event::ConfigReloaded(plan) => reloaded(plan),
        Event::ConfigRefused { report } => {
            tracing::error!("the configuration was refused; the last good one stays in force");
            report.lines().filter(|line| !line.trim().is_empty()).for_each(|line| tracing::error!("| {line}"));
        }
        Event::LedgerFailed { message } => tracing::error!("the ledger cannot be written: {message}"),
        Event::LedgerRecovered => tracing::info!("the ledger can be written again"),
    }
}

/// How many tasks are named one by one.
const NAMED: usize = 20;

fn reloaded(plan: &Plan) {
    let [(_, added), (_, removed), (_, changed)] = plan.counts();
    let (unchanged, plugins) = (plan.unchanged, plan.plugins.len());
    tracing::info!(added, removed, changed, unchanged, plugins, "the configuration was reloaded");
    for TaskPlan { task, change, .. } in plan.tasks.iter().take(NAMED) {
        match change {
            Change::Changed(settings) => tracing::info!(%task, "changed: {}", settings.join(", ")),
            change => tracing::info!(%task, "{}", change.name()),
        }
    }
    for HostPlan { key, after, .. } in plan.after_restart() {
        let after = after.as_deref().unwrap_or("its default");
        tracing::warn!("{key} is to be {after}, which counts only once the host is started again");
    }
}

fn guest_line(run: &Run, attempt: u32, line: &LogLine) {
    let (task, run) = (&run.task.name, &run.id);
    let message = &line.message;
    let fields: String = line.fields.iter().map(|(key, value)| format!(" {key}={value}")).collect();
    let source = line.source.name();
    match line.level {
        Level::Trace => tracing::trace!(%task, %run, attempt, source, "| {message}{fields}"),
        Level::Debug => tracing::debug!(%task, %run, attempt, source, "| {message}{fields}"),
        Level::Info => tracing::info!(%task, %run, attempt, source, "| {message}{fields}"),
        Level::Warn => tracing::warn!(%task, %run, attempt, source, "| {message}{fields}"),
        Level::Error => tracing::error!(%task, %run, attempt, source, "| {message}{fields}"),
    }
}
