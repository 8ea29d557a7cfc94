//! Tells the host's log what happens to runs: a line for each attempt and what it logged. Texts of guests are handed on as
//! they are; the log's two forms make them inert, each in its way.

use tracing::field::display;

use crate::model::event::Event;
use crate::model::log::{Level, LogLine};
use crate::model::outcome::{AttemptOutcome, Outcome, PassedOver};
use crate::model::plan::{AlertPlan, Change, HostPlan, Plan, TaskPlan};
use crate::model::quantity::duration;
use crate::model::run::Run;
use crate::model::trace::{TraceContext, TraceIds};

/// Writes what happened to the host's log; what happened to an attempt with its place in the traces, if any are kept.
pub fn narrate(event: &Event, ids: Option<&TraceIds>) {
    match event {
        Event::RunQueued(run) => tracing::info!(task = %run.task.name, run = %run.id, "waits for its turn"),
        Event::AttemptStarted { run, attempt } => {
            let (trace_id, span_id) = place(ids.map(|ids| ids.attempt(run, *attempt)));
            let (task, run, cause) = (&run.task.name, &run.id, &run.cause);
            tracing::debug!(%task, %run, attempt, %cause, trace_id, span_id, "started");
        }
        Event::AttemptEnded { run, attempt, outcome, usage, log, retry_at, .. } => {
            let context = ids.map(|ids| ids.attempt(run, *attempt));
            log.iter().for_each(|line| guest_line(run, *attempt, context, line));
            let took = display(duration(usage.duration));
            let (trace_id, span_id) = place(context);
            let (task, run) = (&run.task.name, &run.id);
            match (&**outcome, retry_at) {
                (AttemptOutcome::Succeeded { .. }, _) => {
                    tracing::info!(%task, %run, attempt, took, trace_id, span_id, "succeeded");
                }
                (outcome, Some(at)) => {
                    let next = format_args!("next attempt at {at:.3}");
                    tracing::warn!(%task, %run, attempt, took, trace_id, span_id, "{outcome}; {next}");
                }
                (outcome, None) => tracing::error!(%task, %run, attempt, took, trace_id, span_id, "{outcome}"),
            }
        }
        Event::RunEnded { outcome, .. }
            if matches!(**outcome, Outcome::Attempted(AttemptOutcome::Succeeded { .. })) => {}
        Event::RunEnded { run, outcome, attempts, .. } => {
            tracing::debug!(task = %run.task.name, run = %run.id, attempts, "over: {}", outcome.class());
        }
        Event::SlotSkipped { task, slot, why, .. } => {
            let slot = slot.map(display);
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
        Event::TaskPaused { task } => tracing::info!(task = %task.name, "paused"),
        Event::TaskResumed { task } => tracing::info!(task = %task.name, "resumed"),
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
    for AlertPlan { alert, change } in &plan.alerts {
        match change {
            Change::Changed(settings) => tracing::info!(%alert, "changed: {}", settings.join(", ")),
            change => tracing::info!(%alert, "{}", change.name()),
        }
    }
    for HostPlan { key, after, .. } in plan.after_restart() {
        let after = after.as_deref().unwrap_or("its default");
        tracing::warn!("{key} is to be {after}, which counts only once the host is started again");
    }
}

/// What leads from a line of the log to its span, under the names that OpenTelemetry has for it.
fn place(context: Option<TraceContext>) -> (Option<impl tracing::Value>, Option<impl tracing::Value>) {
    let context = context.filter(|context| context.sampled);
    (context.map(|context| display(context.trace)), context.map(|context| display(context.span)))
}

fn guest_line(run: &Run, attempt: u32, context: Option<TraceContext>, line: &LogLine) {
    let (task, run) = (&run.task.name, &run.id);
    let (trace_id, span_id) = place(context);
    let message = &line.message;
    let fields: String = line.fields.iter().map(|(key, value)| format!(" {key}={value}")).collect();
    let source = line.source.name();
    match line.level {
        Level::Trace => tracing::trace!(%task, %run, attempt, source, trace_id, span_id, "| {message}{fields}"),
        Level::Debug => tracing::debug!(%task, %run, attempt, source, trace_id, span_id, "| {message}{fields}"),
        Level::Info => tracing::info!(%task, %run, attempt, source, trace_id, span_id, "| {message}{fields}"),
        Level::Warn => tracing::warn!(%task, %run, attempt, source, trace_id, span_id, "| {message}{fields}"),
        Level::Error => tracing::error!(%task, %run, attempt, source, trace_id, span_id, "| {message}{fields}"),
    }
}
